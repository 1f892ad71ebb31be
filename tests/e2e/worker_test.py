"""The moeplan-worker program on this machine's CPU and on the made-up device."""

import collections
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import unittest
import xml.etree.ElementTree

BIN = pathlib.Path(os.environ["MOEPLAN_BIN_DIR"])

# Some operation of each file format's features, measured in seconds.
TINY_SUITE = {
    "protocol": "smoke",
    "cases": [
        {"operation": {"kind": "gemm", "m": 64, "n": 64, "k": 64},
         "ceiling": True},
        {"operation": {"kind": "copy", "bytes": 1 << 20}, "ceiling": True},
        {"operation": {"kind": "grouped_gemm", "pass": "weight_gradient",
                       "in_width": 32, "out_width": 48}, "seed": 2,
         "routing": {"pattern": "zipf", "tokens": 64, "experts": 4,
                     "experts_per_token": 2}},
        {"operation": {"kind": "routing", "pass": "forward", "tokens": 64,
                       "experts": 8, "experts_per_token": 2, "d_model": 64}},
        {"operation": {"kind": "elementwise", "elements_read": 4096,
                       "elements_written": 2048}},
    ],
}


class WorkerTestCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.suite = self.folder / "tiny.json"
        self.suite.write_text(json.dumps(TINY_SUITE), encoding="utf-8")
        self.output = self.folder / "run.jsonl"

    def worker(self, *arguments, env=None):
        return subprocess.run([BIN / "moeplan-worker", *arguments],
                              cwd=self.folder, capture_output=True, text=True,
                              env=env, timeout=120, check=False)

    def run_tiny(self, *arguments, env=None):
        return self.worker("run", "--suite", self.suite, "--output",
                           self.output, *arguments, env=env)

    def lines(self):
        return [json.loads(line) for line in
                self.output.read_text(encoding="utf-8").splitlines()]

    def assert_exit(self, result, code):
        self.assertEqual(result.returncode, code,
                         f"stdout:\n{result.stdout}\nstderr:\n{result.stderr}")


class ListTest(WorkerTestCase):
    def test_cases_and_time_are_shown_without_measuring(self):
        started = time.monotonic()
        result = self.worker("run", "--suite", "smoke", "--list")
        self.assert_exit(result, 0)
        self.assertLess(time.monotonic() - started, 10)
        *cases, summary = result.stdout.splitlines()
        match = re.match(r"(\d+) cases, some (\d+) s; suite [0-9a-f]{16}$",
                         summary)
        self.assertIsNotNone(match, summary)
        self.assertEqual(len(cases) - 1, int(match[1]))
        self.assertLessEqual(int(match[2]), 60)
        self.assertEqual(list(self.folder.glob("*.jsonl")), [])

    def test_a_file_of_cases_is_a_suite(self):
        result = self.run_tiny("--list")
        self.assert_exit(result, 0)
        self.assertIn("grouped_gemm_weight_gradient_e4_rows128", result.stdout)
        self.assertIn("5 cases", result.stdout)


class RunTest(WorkerTestCase):
    def test_a_run_on_the_cpu_is_kept_and_shown(self):
        result = self.run_tiny("--device", "cpu")
        self.assert_exit(result, 0)
        header, *measured, end = self.lines()
        self.assertEqual(header["type"], "run")
        self.assertEqual(header["device"]["kind"], "cpu")
        self.assertEqual(len(header["software"]["suite_hash"]), 64)
        self.assertEqual({line["type"] for line in measured}, {"measurement"})
        self.assertEqual(end["type"], "end")
        # Of one case each further round's line is there if it is shorter.
        rounds = collections.defaultdict(list)
        for line in measured:
            rounds[line["case_name"]].append(line)
        self.assertEqual(len(rounds), 5)
        for lines in rounds.values():
            times = [line["timing"]["median_seconds"] for line in lines[1:]]
            self.assertEqual(times, sorted(times, reverse=True))
        for line in measured:
            self.assertEqual(line["disposition"] == "passed", "timing" in line)
            self.assertIn(line["case_name"], result.stdout)
        # On a machine without oneDNN products are unsupported, copies are not.
        copies = [line for line in measured
                  if line["operation"]["kind"] == "copy"]
        self.assertIn(copies[0]["disposition"], ["passed", "contended"])
        self.assertIn("kept: ", result.stdout)

    def test_a_burst_measures_ceilings_and_is_never_planned_with(self):
        result = self.worker("run", "--suite", "smoke", "--regime", "burst",
                             "--device", "fake")
        self.assert_exit(result, 0)
        self.output = self.folder / "moeplan-smoke-fake-burst.jsonl"
        lines = self.lines()
        self.assertEqual(lines[0]["conditions"]["regime"], "burst")
        self.assertEqual([line["operation"]["kind"] for line in lines
                          if line["type"] == "measurement"], ["gemm", "copy"])
        self.assertIn("conditions  burst", result.stdout)
        self.assertIn("no time model in f32: it was measured in the burst",
                      result.stdout)
        # A sustained run never goes on with it.
        self.assert_exit(self.worker("run", "--suite", "smoke", "--device", "fake",
                                     "--output", self.output), 2)

    def test_the_made_up_device_runs_the_smoke_suite_at_once(self):
        result = self.worker("run", "--suite", "smoke", "--device", "fake",
                             "--output", self.output)
        self.assert_exit(result, 0)
        self.assertRegex(result.stdout, r"\d+ cases: \d+ passed")
        self.assertIn("grouped_gemm.forward", result.stdout)

    def test_a_run_of_faults_only_has_its_own_exit_code(self):
        result = self.run_tiny("--device", "fake:wrong_numerics")
        self.assert_exit(result, 1)
        self.assertIn("differs from the reference", result.stdout)
        self.assertNotIn("timing", self.output.read_text(encoding="utf-8"))

    def test_a_run_goes_on_where_it_stopped(self):
        self.assert_exit(self.run_tiny("--device", "fake"), 0)
        whole = self.output.read_text(encoding="utf-8")
        lines = whole.splitlines(keepends=True)
        # Interrupted while the third measurement was written.
        self.output.write_text("".join(lines[:3]) + lines[3][:40],
                               encoding="utf-8")
        result = self.run_tiny("--device", "fake")
        self.assert_exit(result, 0)
        self.assertIn("2 of 5 cases are measured already", result.stderr)
        self.assertEqual(self.output.read_text(encoding="utf-8")
                         .splitlines(keepends=True)[:3], lines[:3])
        self.assertEqual([line["type"] for line in self.lines()],
                         ["run"] + ["measurement"] * 5 + ["end"])

    def test_a_signal_ends_a_run_that_then_goes_on(self):
        arguments = [BIN / "moeplan-worker", "run", "--suite", "smoke",
                     "--output", self.output]
        with subprocess.Popen(arguments, cwd=self.folder, text=True,
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE) as process:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and process.poll() is None:
                if (self.output.exists() and self.output.read_text(
                        encoding="utf-8").count("\n") >= 3):
                    break
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 7)
        self.assertIn("the same command goes on", errors)
        report = self.worker("report", self.output, "--server", "127.0.0.1:1")
        self.assert_exit(report, 2)
        self.assertIn("was interrupted", report.stdout)
        self.assertIn("not complete", report.stderr)

    def test_a_whole_run_is_not_measured_again(self):
        self.assert_exit(self.run_tiny("--device", "fake"), 0)
        before = self.output.read_bytes()
        result = self.run_tiny("--device", "fake")
        self.assert_exit(result, 0)
        self.assertIn("5 of 5 cases", result.stderr)
        self.assertEqual(self.output.read_bytes(), before)

    def test_without_onednn_products_are_unsupported_and_copies_measured(self):
        # Found before the real one, and no library.
        (self.folder / "libdnnl.so.2").write_text("no library\n",
                                                  encoding="utf-8")
        result = self.run_tiny(
            env=dict(os.environ, LD_LIBRARY_PATH=str(self.folder)))
        self.assert_exit(result, 0)
        self.assertIn("oneDNN cannot be loaded", result.stdout)
        by_kind = {line["operation"]["kind"]: line["disposition"]
                   for line in self.lines() if line["type"] == "measurement"}
        self.assertEqual(by_kind["gemm"], "unsupported")
        self.assertEqual(by_kind["grouped_gemm"], "unsupported")
        self.assertNotEqual(by_kind["copy"], "unsupported")

    def test_another_suite_is_not_mixed_in(self):
        self.assert_exit(self.run_tiny("--device", "fake"), 0)
        result = self.worker("run", "--suite", "smoke", "--device", "fake",
                             "--output", self.output)
        self.assert_exit(result, 2)
        self.assertIn("another suite", result.stderr)


class ReportTest(WorkerTestCase):
    def setUp(self):
        super().setUp()
        self.assert_exit(self.worker("run", "--device", "fake", "--output",
                                     self.output), 0)

    def test_a_report_fits_and_draws_without_measuring(self):
        before = self.output.read_bytes()
        result = self.worker("report", self.output, "--svg-dir", "pictures")
        self.assert_exit(result, 0)
        self.assertIn("time model", result.stdout)
        names = sorted(path.name for path
                       in (self.folder / "pictures").iterdir())
        self.assertEqual(names, ["efficiency-f32.svg", "fit-f32.svg",
                                 "roofline-f32.svg"])
        for name in names:
            root = xml.etree.ElementTree.parse(self.folder / "pictures" / name)
            self.assertTrue(root.getroot().tag.endswith("svg"))
        self.assertEqual(self.output.read_bytes(), before)

    def test_reports_are_the_same_every_time(self):
        one = self.worker("report", self.output)
        self.assertEqual(one.stdout, self.worker("report", self.output).stdout)

    def test_a_report_writes_what_the_server_takes(self):
        result = self.worker("report", self.output, "--json", "sent.json")
        self.assert_exit(result, 0)
        self.assertIn("written: sent.json", result.stdout)
        request = json.loads((self.folder / "sent.json").read_text())
        names = [line["case_name"] for line in self.lines()
                 if line["type"] == "measurement"]
        self.assertEqual([one["case_name"] for one in
                          request["calibration"]["measurements"]], names)
        # Of a run that did not end there is nothing to send.
        lines = self.output.read_text(encoding="utf-8").splitlines()
        self.output.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
        result = self.worker("report", self.output, "--json", "cut.json")
        self.assert_exit(result, 2)
        self.assertFalse((self.folder / "cut.json").exists())

    def test_a_server_that_is_away_leaves_the_file(self):
        result = self.worker("report", self.output, "--server", "127.0.0.1:1")
        self.assert_exit(result, 3)
        self.assertIn("safe to repeat", result.stderr)


class ErrorTest(WorkerTestCase):
    def test_without_a_cuda_device_it_says_so_at_once(self):
        for device in ["cuda", "cuda:0"]:
            start = time.monotonic()
            result = self.run_tiny("--device", device)
            seconds = time.monotonic() - start
            if result.returncode == 0:
                self.skipTest("this machine has a CUDA device")
            self.assertIn(result.returncode, [5, 6], result.stderr)
            self.assertRegex(result.stderr, "has no CUDA"
                             if result.returncode == 5 else
                             "no NVIDIA driver|the toolkit's stub|sees no GPU")
            self.assertLess(seconds, 2)
            self.assertFalse(self.output.exists())

    def test_auto_measures_the_cpu_and_says_why(self):
        result = self.run_tiny("--device", "auto")
        self.assert_exit(result, 0)
        header, *_, end = self.lines()
        if header["device"]["kind"] == "cuda":
            self.skipTest("this machine has a CUDA device")
        self.assertEqual(header["device"]["kind"], "cpu")
        self.assertIn("no CUDA device", result.stderr)
        self.assertTrue(any("no CUDA device was measured" in gap
                            for gap in end["coverage_gaps"]), end)

    def test_cases_for_cuda_are_listed_without_a_device(self):
        result = self.worker("run", "--device", "cuda", "--list")
        self.assert_exit(result, 0)
        self.assertIn("_bf16", result.stdout)
        self.assertNotIn("_f32", result.stdout)

    def test_a_missing_driver_has_its_own_exit_code(self):
        result = self.run_tiny("--device", "fake:no_driver")
        self.assert_exit(result, 6)
        self.assertIn("driver", result.stderr)

    def test_wrong_command_lines_are_explained(self):
        for arguments, words in [
                (["run", "--suite", "tiny"], "is no suite"),
                (["run", "--device", "tpu"], "--device must be"),
                (["run", "--device", "cuda:x"], "--device must be"),
                (["run", "--device", "cuda:-1"], "--device must be"),
                (["run", "--device", "fake:gremlins"], "gremlins"),
                (["run", "--dtype", "int3"], "int3"),
                (["run", "--threads", "0"], "--threads"),
                (["measure"], "run or report"),
                (["report"], "file"),
                (["report", "missing.jsonl"], "missing.jsonl")]:
            with self.subTest(" ".join(arguments)):
                result = self.worker(*arguments)
                self.assert_exit(result, 2)
                self.assertIn(words, result.stderr)

    def test_a_suite_file_that_is_wrong_names_the_case(self):
        self.suite.write_text('{"cases": [{"operation": {"kind": "gemm"}}]}',
                              encoding="utf-8")
        result = self.run_tiny()
        self.assert_exit(result, 2)
        self.assertIn("cases[0]", result.stderr)

    def test_a_file_that_cannot_be_written_has_its_own_exit_code(self):
        result = self.worker("run", "--suite", self.suite, "--device", "fake",
                             "--output", "/no/such/folder/run.jsonl")
        self.assert_exit(result, 8)

    def test_help_explains_exit_codes(self):
        result = self.worker("--help")
        self.assert_exit(result, 0)
        for code in range(9):
            self.assertIn(f"\n  {code}  ", result.stdout)


if __name__ == "__main__":
    unittest.main()
