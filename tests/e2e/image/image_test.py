#!/usr/bin/env python3
"""The server's image: built from a clean copy, looked into, and run.

Some minutes, and 3 GB at most in MOEPLAN_IMAGE_CACHE (build/image), of which the
next run finds the base.
"""

import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from image_case import ImageTestCase, RunningTestCase, USER  # noqa: E402

MAX_ADDED_MB = 150
# Drain notice, drain deadline, the metrics' page and 10 s, as compose.yaml has it.
STOP_GRACE_S = 40
DATA = "/var/lib/moeplan"


class ServerImage:
    name = "localhost/moeplan-image-test"


class ContentsTest(ServerImage, ImageTestCase):

    def test_layers_over_the_base_are_small(self):
        self.assert_layers_within(MAX_ADDED_MB)

    def test_it_runs_our_program_as_an_ordinary_user(self):
        self.assertEqual(self.configuration["User"], f"{USER}:{USER}")
        self.assertEqual(self.configuration["Entrypoint"],
                         ["/usr/bin/moeplan-server"])
        self.assertFalse(self.configuration.get("Cmd"))
        self.assertEqual(self.configuration["WorkingDir"], DATA)
        self.assertEqual(list(self.configuration["Volumes"]), [DATA])
        self.assertEqual(sorted(self.configuration["ExposedPorts"]),
                         ["7600/tcp", "7601/tcp"])
        self.assertEqual(
            self.configuration["Healthcheck"]["Test"][:3],
            ["CMD", "/usr/bin/moeplan-server", "healthcheck"])
        self.assertIn(f"MOEPLAN_STORE_DIR={DATA}", self.configuration["Env"])

    def test_its_labels_say_what_it_is_and_where_it_comes_from(self):
        self.assert_labels("moeplan")

    def test_the_build_leaves_nothing_behind(self):
        self.assert_nothing_left_behind("moeplan-server", "moeplan")

    def test_packages_stay_known_to_scanners(self):
        status = (self.root / "var/lib/dpkg/status").read_text()
        for package in ("libgrpc++1.51", "libprotobuf32", "libsqlite3-0"):
            self.assertIn(f"Package: {package}\n", status)
        self.assert_licensed()


class RunningTest(ServerImage, RunningTestCase):

    def started(self):
        container = self.start()
        container.wait_until_healthy()
        return container

    def moeplan(self, container, *words, stdin=None):
        done = container.execute("/usr/bin/moeplan", *words, stdin=stdin)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def stop(self, container):
        code, seconds = container.stop(STOP_GRACE_S)
        self.assertEqual(code, 0, container.log())
        print(f"stopped in {seconds:.1f} s", flush=True)

    def test_it_serves_without_rights_on_a_read_only_root(self):
        container = self.started()
        self.assert_without_rights(container)
        info = json.loads(self.moeplan(container, "info", "--json"))
        self.assertEqual(info["source_revision"], self.revision)
        plan = json.loads(self.moeplan(
            container, "plan", "--set", "joint-2025", "--compute", "1e22",
            "--memory", "80GiB", "--json"))
        self.assertIn("optimum", plan["plan"])
        predicted = json.loads(self.moeplan(
            container, "predict", "--active-params", "1B", "--tokens", "20B",
            "--expansion-rate", "8", "--json"))
        self.assertGreater(predicted["loss"][0], 1)
        metrics = container.get("http://127.0.0.1:7601/metrics")
        self.assertRegex(metrics, r"(?m)^moeplan_build_info\{.*\} 1$")
        self.assertRegex(metrics, r'(?m)^grpc_server_handled_total\{.*Predict')
        for line in container.log().splitlines():
            if line.startswith("{"):
                json.loads(line)
        self.stop(container)

    def test_its_health_check_fails_where_nothing_serves(self):
        container = self.start(command=["/usr/bin/sleep", "infinity"])
        health = container.health()
        self.assertEqual(health.returncode, 2, health.stdout + health.stderr)

    def test_its_set_outlives_the_container(self):
        first = self.started()
        ours = self.moeplan(first, "sets", "export", "joint-2025")
        self.moeplan(first, "sets", "create", "our-2026", "--file", "-",
                     stdin=ours)
        before = self.moeplan(first, "sets", "export", "our-2026")
        self.stop(first)
        second = self.started()
        self.assertEqual(self.moeplan(second, "sets", "export", "our-2026"),
                         before)
        self.stop(second)

    def test_options_of_the_server_follow_the_name_of_the_image(self):
        entrypoint = self.configuration["Entrypoint"]
        container = self.start(command=[*entrypoint, "--drain-notice", "0s"])
        container.wait_until_healthy()
        code, seconds = container.stop(STOP_GRACE_S)
        self.assertEqual(code, 0, container.log())
        self.assertLess(seconds, 5)

    def test_the_command_answers_without_a_server(self):
        container = self.start(command=[
            "/usr/bin/moeplan", "plan", "--offline", "--compute", "1e22"])
        self.assertEqual(container.process.wait(timeout=60), 0)
        self.assertIn("Best model for 1.00e22 FLOPs", container.log())

    def test_a_volume_of_another_user_is_refused_with_a_reason(self):
        os.chown(self.volume, 0, 0)
        os.chmod(self.volume, 0o755)
        container = self.start()
        self.assertEqual(container.process.wait(timeout=60), 4)
        self.assertIn(DATA, container.log())


if __name__ == "__main__":
    unittest.main()
