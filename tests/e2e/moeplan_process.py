"""The `moeplan` command and its server as processes, for the tests beside."""

import os
import pathlib
import re
import signal
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ["MOEPLAN_BIN_DIR"])
EXAMPLES = ROOT / "client" / "cli" / "examples"

# The question that most tests ask.
PLAN = ["plan", "--set", "joint-2025", "--compute", "1e22", "--memory", "80GB",
        "--kv-tokens", "16384"]


def moeplan(*arguments, server=None, stdin=None, env=None):
    """Runs the command to its end; the address of no server by default."""
    environment = dict(os.environ, MOEPLAN_SERVER=server or "127.0.0.1:1")
    environment.pop("MOEPLAN_STORE_DIR", None)
    environment.update(env or {})
    return subprocess.run([BIN / "moeplan", *arguments], input=stdin,
                          capture_output=True, text=True, env=environment,
                          timeout=120, check=False)


class Server:
    """moeplan-server on free ports and a folder of its own."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [BIN / "moeplan-server", "--listen", "127.0.0.1:0", "--data-dir",
             self.folder.name, "--metrics-listen", "127.0.0.1:0",
             "--drain-notice", "0s"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        # Printed once calls are answered.
        self.address = self.read_address("listening on")
        self.metrics_address = self.read_address("metrics on")

    def read_address(self, words):
        line = self.process.stdout.readline()
        match = re.match(rf"{words} (\S+)", line)
        if match is None:
            raise RuntimeError(f"no address in {line!r}")
        return match.group(1)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        self.folder.cleanup()
        return code


class OnlineTestCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        assert code == 0, f"the server ended with {code}"

    def online(self, *arguments, **keywords):
        return moeplan(*arguments, server=self.server.address, **keywords)

    def assert_exit(self, result, code):
        self.assertEqual(result.returncode, code,
                         f"stdout:\n{result.stdout}\nstderr:\n{result.stderr}")
