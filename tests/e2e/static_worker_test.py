"""The moeplan-worker that is one file, for machines with nothing installed."""

import re
import subprocess
import unittest

from worker_test import BIN, WorkerTestCase

PROGRAM = BIN / "moeplan-worker"

# All of them glibc.
MAY_NEED = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0",
            "librt.so.1", "ld-linux-x86-64.so.2"}
# Of Ubuntu 22.04 (2.35), Debian 12 (2.36) and RHEL 9.
OLDEST_GLIBC = (2, 34)


def readelf(*options):
    return subprocess.run(["readelf", "--wide", *options, PROGRAM], check=True,
                          capture_output=True, text=True).stdout


class FileTest(unittest.TestCase):
    def test_nothing_but_glibc_is_needed(self):
        needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", readelf("--dynamic")))
        self.assertIn("libc.so.6", needed)
        self.assertEqual(needed - MAY_NEED, set())

    def test_an_older_glibc_is_enough(self):
        versions = re.findall(r"GLIBC_(\d+)\.(\d+)", readelf("--version-info"))
        newest = max((int(major), int(minor)) for major, minor in versions)
        self.assertLessEqual(newest, OLDEST_GLIBC)

    def test_it_is_small_enough_to_copy(self):
        self.assertLess(PROGRAM.stat().st_size, 64e6)


class RunTest(WorkerTestCase):
    """Without any variable of the environment, as on a bare machine."""

    def test_help_is_shown(self):
        result = self.worker("--help", env={})
        self.assert_exit(result, 0)
        self.assertIn("moeplan-worker", result.stdout)

    def test_a_wrong_command_line_is_explained(self):
        # By an exception, which the program's own unwinder carries.
        result = self.worker("run", "--nonsense", env={})
        self.assert_exit(result, 2)
        self.assertIn("--nonsense", result.stderr)

    def test_the_made_up_device_is_measured_and_its_fit_reported(self):
        self.assert_exit(self.worker(
            "run", "--suite", "smoke", "--device", "fake", "--output",
            self.output, env={}), 0)
        result = self.worker("report", self.output, env={})
        self.assert_exit(result, 0)
        self.assertIn("routing.backward: seconds_per_moved_element",
                      result.stdout)

    def test_a_library_loaded_at_run_time_computes(self):
        self.assert_exit(self.run_tiny("--device", "cpu", env={}), 0)
        backends = {line["backend"] for line in self.lines()
                    if line.get("disposition") == "passed"}
        self.assertTrue(any(name.startswith("onednn") for name in backends),
                        backends)


if __name__ == "__main__":
    unittest.main()
