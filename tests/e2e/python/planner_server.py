"""moeplan-server and the command line as processes, and the example runs, for
the tests beside. MOEPLAN_SERVER_PROGRAM names the server; the command line lies
beside it. What is missing is an error, never a skip."""

import csv
import io
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import unittest
import urllib.request

import pandas

import moeplan

ROOT = pathlib.Path(__file__).resolve().parents[3]
SERVER = pathlib.Path(os.environ["MOEPLAN_SERVER_PROGRAM"]).resolve()
ROUTED_RUNS = ROOT / "client" / "cli" / "examples" / "routed-lm-final.csv"
SYNTHETIC_RUNS = ROOT / "client" / "cli" / "examples" / "joint-design-synthetic.csv"
GOLDEN = ROOT / "tests" / "golden"


def read_runs(path=ROUTED_RUNS):
    return pandas.read_csv(path, comment="#")


def golden_rows(name):
    """The rows of a golden table as dictionaries of texts."""
    lines = [line for line in (GOLDEN / name).read_text().splitlines()
             if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t"))


class Server:
    """A server on free ports and a store of its own."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            [SERVER, "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0",
             "--data-dir", self._folder.name, "--drain-notice", "0s"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = self._address_of("listening on")
        self.metrics_address = self._address_of("metrics on")

    def _address_of(self, words):
        line = self._process.stdout.readline()
        match = re.match(words + r" (\S+)", line)
        if match is None:
            raise RuntimeError(f"no address in {line!r}")
        return match.group(1)

    def metric(self, name):
        """The value of one series by its text, or 0 where it is not there."""
        url = f"http://{self.metrics_address}/metrics"
        with urllib.request.urlopen(url, timeout=10) as page:
            for line in page.read().decode().splitlines():
                series, _, value = line.rpartition(" ")
                if series == name:
                    return float(value)
        return 0.0

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout=60)
        self._process.stdout.close()
        self._folder.cleanup()
        return code


class ServerTestCase(unittest.TestCase):
    """Tests against one server, with a client of it."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.planner = moeplan.MoePlanner(cls.server.address)

    @classmethod
    def tearDownClass(cls):
        cls.planner.close()
        code = cls.server.stop()
        assert code == 0, f"the server ended with {code}"

    def command_line_table(self, *arguments):
        """What `moeplan ... --csv` answers, as a DataFrame."""
        environment = dict(os.environ, MOEPLAN_SERVER=self.server.address)
        done = subprocess.run([SERVER.parent / "moeplan", *arguments, "--csv"],
                              env=environment, capture_output=True, text=True,
                              timeout=120, check=True)
        table = pandas.read_csv(io.StringIO(done.stdout))
        # A double without a fraction, such as 191022317306378125312, is no integer.
        numbers = [name for name in table if table[name].dtype.kind in "iuO"
                   and name != "coefficient_set"]
        return table.astype({name: float for name in numbers})

    def assert_relative(self, value, expected, tolerance):
        self.assertLessEqual(abs(value - expected), tolerance * abs(expected),
                             f"{value!r} against {expected!r}")
