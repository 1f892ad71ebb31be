"""scripts/h200_run rehearsed without a GPU, and its comparison with PyTorch."""

import json
import statistics
import sys
import unittest
from unittest import mock

from h200_fixture import BIN, ScriptTestCase, deciding_cases
import h200_compare
import h200_measured

# As many as come back from a lent machine.
FILES = ["calibration.json", "compare.json", "counters.jsonl", "fit-f32.svg",
         "report.txt", "roofline-f32.svg", "run.jsonl", "summary.json"]


class RehearsalTest(ScriptTestCase):
    def test_everything_but_the_gpu_runs_on_a_made_up_device(self):
        done = self.script("--device", "fake", "--suite", "smoke", "--dtype",
                           "f32,bf16")
        self.assertEqual(sorted(path.name for path in self.out.iterdir()), FILES)
        self.assertIn("Targets on made-up device", done.stdout)
        self.assertIn("Nothing to commit: this is made-up device", done.stdout)
        self.assertIn("nvidia-smi", self.kept("report.txt"))
        self.assertRegex(done.stdout, "held   without a GPU a typed message "
                         "within 2 s: exit code [56] after 0")
        self.assertIn("time model", self.kept("report.txt"))
        self.assertEqual(json.loads(self.kept("compare.json"))["torch"], None)
        request = json.loads(self.kept("calibration.json"))
        self.assertEqual(request["calibration"]["device"]["product"],
                         "made-up device")
        self.assertEqual(len(request["calibration"]["measurements"]), 446)
        summary = json.loads(self.kept("summary.json"))
        self.assertEqual([each["disposition"] for each in summary["burst"]],
                         ["passed"])
        targets = summary["targets"]
        self.assertIs(targets[0]["held"], True)
        self.assertEqual({each["number"] for each in targets}, set(range(16)))
        self.assertTrue(all(each["command"] for each in targets))
        # What is asked of an H200 is not judged elsewhere.
        self.assertEqual({each["held"] for each in targets if each["number"] == 5},
                         {None})
        predicted = h200_measured.predicted_blocks(self.kept("report.txt"))
        self.assertEqual(
            set(predicted),
            {each["case_name"] for each
             in h200_measured.Run(self.kept("run.jsonl")).passed
             if each["operation"]["kind"] == "moe_block"})
        self.assertAlmostEqual(statistics.median(predicted.values()), 1, delta=0.2)
        counted = h200_measured.Run(self.kept("counters.jsonl"))
        self.assertEqual(len(counted.measured), 37)

    def test_a_processor_is_measured(self):
        cases = [{"operation": {"kind": "gemm", "m": 64, "n": 64, "k": 64},
                  "ceiling": True},
                 {"operation": {"kind": "copy", "bytes": 1 << 20},
                  "ceiling": True}]
        self.script("--device", "cpu", "--suite", self.suite(cases), "--dtype",
                    "f32")
        self.assertEqual(h200_measured.Run(self.kept("run.jsonl")).header["device"]
                         ["kind"], "cpu")

    def test_a_run_that_was_cut_off_goes_on(self):
        suite = self.suite(deciding_cases())
        self.script("--device", "fake", "--suite", suite)
        lines = self.kept("run.jsonl").splitlines(keepends=True)
        earlier = self.folder / "earlier"
        earlier.mkdir()
        (earlier / "run.jsonl").write_text("".join(lines[:4]) + lines[4][:30])
        done = self.script("--device", "fake", "--suite", suite, "--resume",
                           earlier)
        self.assertIn(f"3 of {len(deciding_cases())} cases are measured already",
                      done.stderr)
        self.assertEqual(self.kept("run.jsonl").splitlines(keepends=True)[:4],
                         lines[:4])

    def test_behind_a_case_that_loses_the_device_the_run_goes_on(self):
        done = self.script("--device", "fake:device_lost", "--suite",
                           self.suite(deciding_cases()[:3]), code=1)
        # Each process loses the device at one case, and the next goes on.
        for lines in (2, 3, 4):
            self.assertIn(f"ended with 6 after {lines} lines", done.stderr)
        self.assertIn("MISSED no case incorrect or failed: 3 of 3", done.stdout)

    def test_a_device_that_is_not_there_is_asked_once(self):
        done = self.script("--device", "fake:no_driver", "--suite", "smoke",
                           code=6)
        self.assertEqual(done.stderr.count("no driver is loaded"), 1)

    def test_without_a_gpu_it_says_why_and_leaves_no_run(self):
        done = self.script("--suite", "smoke", code=mock.ANY)
        self.assertIn(done.returncode, (5, 6))
        self.assertRegex(done.stderr, "CUDA|driver")
        self.assertFalse((self.out / "run.jsonl").exists())

    def test_wrong_options_are_refused(self):
        self.assertIn("--size", self.script("--size", "3", code=2).stderr)
        self.assertIn("needs a value", self.script("--suite", code=2).stderr)


class CompareTest(unittest.TestCase):
    def test_rounds_alternate_and_ratios_are_of_medians(self):
        order = []
        times = {"torch": iter([2.0, 4.0]), "worker": iter([2.0, 2.0])}

        def side(name):
            def measure():
                order.append(name)
                return {"product": next(times[name])}
            return measure

        rows = h200_compare.compare(
            {name: side(name) for name in times}, ["product", "copy"])
        self.assertEqual(order, ["torch", "worker", "worker", "torch"])
        self.assertEqual(rows[0]["rate_ratio"], 1.5)
        self.assertEqual(rows[0]["torch_spread"], 1)
        self.assertNotIn("rate_ratio", rows[1])

    def test_zipf_gives_all_rows_away(self):
        rows = h200_compare.zipf_rows(1000, 4)
        self.assertEqual(sum(rows), 1000)
        self.assertEqual(sorted(rows, reverse=True), rows)
        self.assertAlmostEqual(rows[0] / rows[3], 4, delta=0.1)

    def test_the_worker_finds_each_case_of_the_comparison(self):
        cases = h200_compare.cases_for("cpu")
        found = h200_compare.worker_round(BIN / "moeplan-worker", "fake", cases,
                                          h200_compare.time.monotonic() + 60)
        self.assertEqual(found.keys(), cases.keys())

    def test_a_missing_torch_is_said(self):
        with mock.patch.dict(sys.modules, torch=None):
            self.assertEqual(h200_compare.find_torch("cuda"),
                             (None, "PyTorch is not installed"))


if __name__ == "__main__":
    unittest.main()
