"""What the chart runs, run: the server with its variables, then the test pod's steps.

Needs MOEPLAN_SERVER_PROGRAM and MOEPLAN_PROGRAM, the built programs.
"""

import os
import pathlib
import re
import subprocess
import tempfile
import time
import unittest

import chart

SERVER = os.environ["MOEPLAN_SERVER_PROGRAM"]
CLIENT = os.environ["MOEPLAN_PROGRAM"]


class ProgramsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rendered = chart.objects(
            "--values", chart.HERE / "values_good" / "openshift.yaml")
        cls.variables = dict(chart.find(cls.rendered, "ConfigMap")["data"])
        for each in chart.server_of(cls.rendered)["env"]:
            cls.variables[each["name"]] = each["value"]

    def test_the_server_knows_each_variable(self):
        shown = subprocess.run([SERVER, "--help"], capture_output=True, text=True,
                               check=True).stdout
        known = set(re.findall(r"\(Env:(\w+)\)", shown))
        self.assertGreater(len(self.variables), 10)
        self.assertEqual(set(self.variables) - known, set())

    def serve(self, folder):
        """A server with the chart's variables, but free ports and a folder here."""
        port_file = folder / "port"
        variables = {**self.variables, "MOEPLAN_LISTEN": "127.0.0.1:0",
                     "MOEPLAN_METRICS_LISTEN": "127.0.0.1:0",
                     "MOEPLAN_STORE_DIR": str(folder / "store"),
                     "MOEPLAN_DRAIN_NOTICE": "0s",
                     "MOEPLAN_PORT_FILE": str(port_file)}
        server = subprocess.Popen([SERVER], env=variables,
                                  stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait, 30)
        self.addCleanup(server.terminate)
        for _ in range(300):
            if port_file.exists():
                return port_file.read_text().strip()
            if server.poll() is not None:
                self.fail(f"the server ended with {server.returncode}")
            time.sleep(0.1)
        self.fail("the server did not listen")

    def test_the_steps_of_helm_test_succeed(self):
        spec = chart.find(self.rendered, "Pod")["spec"]
        programs = {"/usr/bin/moeplan-server": SERVER, "/usr/bin/moeplan": CLIENT}
        with tempfile.TemporaryDirectory() as name:
            port = self.serve(pathlib.Path(name))
            for step in spec["initContainers"] + spec["containers"]:
                with self.subTest(step["name"]):
                    command = [each.replace("plan-moeplan:7600", f"127.0.0.1:{port}")
                               for each in step["command"]]
                    command[0] = programs[command[0]]
                    done = subprocess.run(command, env={}, capture_output=True,
                                          text=True, timeout=60, check=False)
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.doCleanups()


if __name__ == "__main__":
    unittest.main()
