"""scripts/h200_run rehearsed without a GPU, and what its parts make of results."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ["MOEPLAN_BIN_DIR"])
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True
import h200_compare  # noqa: E402
import h200_summary  # noqa: E402

# As many as come back from a lent machine.
FILES = ["calibration.json", "compare.json", "counters.jsonl", "fit-f32.svg",
         "report.txt", "roofline-f32.svg", "run.jsonl", "summary.json"]


def balanced(experts, rows):
    return {"pattern": "captured", "rows_per_expert": [rows] * experts}


def grouped(experts, rows, width_in, width_out, backend=""):
    return {"dtype": "bf16", "backend": backend, "routing": balanced(experts, rows),
            "operation": {"kind": "grouped_gemm", "pass": "forward",
                          "in_width": width_in, "out_width": width_out}}


def block(one_pass, tokens, d_model, width, choices, experts, rows):
    return {"dtype": "bf16", "routing": balanced(experts, rows),
            "operation": {"kind": "moe_block", "pass": one_pass, "tokens": tokens,
                          "d_model": d_model, "experts_per_token": choices,
                          "expert_width": width, "gated": True}}


def deciding_cases():
    """One case for each target."""
    cases = [
        {"operation": {"kind": "gemm", "m": 8192, "n": 8192, "k": 8192},
         "ceiling": True},
        {"operation": {"kind": "copy", "bytes": 1 << 32}, "ceiling": True},
        {"operation": {"kind": "elementwise", "elements_read": 1 << 28,
                       "elements_written": 1 << 27}},
        {"operation": {"kind": "optimizer", "params": 1 << 26}},
        {"operation": {"kind": "routing", "pass": "backward", "tokens": 16384,
                       "experts": 256, "experts_per_token": 8, "d_model": 7168}}]
    cases = [{"dtype": "bf16", **case} for case in cases]
    for rows in (1024, 4096):
        cases += [grouped(8, rows, 4096, 28672, backend)
                  for backend in ("", "lt_dense", "lt_one_stream")]
    for one_pass in ("forward", "backward"):
        cases.append(block(one_pass, 16384, 4096, 14336, 2, 4, 8192))
    return cases


class ScriptTestCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = self.folder / "out"

    def suite(self, cases):
        path = self.folder / "suite.json"
        path.write_text(json.dumps({"cases": cases}), encoding="utf-8")
        return path

    def script(self, *arguments, code=0):
        done = subprocess.run(
            [ROOT / "scripts" / "h200_run", "--out", self.out, *arguments],
            capture_output=True, text=True, timeout=120, check=False,
            env=dict(os.environ, MOEPLAN_WORKER=str(BIN / "moeplan-worker")))
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def kept(self, name):
        return (self.out / name).read_text(encoding="utf-8")


class RehearsalTest(ScriptTestCase):
    def test_everything_but_the_gpu_runs_on_a_made_up_device(self):
        done = self.script("--device", "fake", "--suite", "smoke", "--dtype",
                           "f32,bf16")
        self.assertEqual(sorted(path.name for path in self.out.iterdir()), FILES)
        self.assertIn("Targets on made-up device", done.stdout)
        self.assertIn("Nothing to commit: this is made-up device", done.stdout)
        self.assertIn("nvidia-smi", self.kept("report.txt"))
        self.assertIn("time model", self.kept("report.txt"))
        self.assertEqual(json.loads(self.kept("compare.json"))["torch"], None)
        request = json.loads(self.kept("calibration.json"))
        self.assertEqual(request["calibration"]["device"]["product"],
                         "made-up device")
        self.assertEqual(len(request["calibration"]["measurements"]), 446)
        targets = json.loads(self.kept("summary.json"))["targets"]
        self.assertIs(targets[0]["held"], True)
        # What is asked of an H200 is not judged elsewhere.
        self.assertEqual({each["held"] for each in targets if each["number"] == 5},
                         {None})

    def test_a_processor_is_measured(self):
        cases = [{"operation": {"kind": "gemm", "m": 64, "n": 64, "k": 64},
                  "ceiling": True},
                 {"operation": {"kind": "copy", "bytes": 1 << 20},
                  "ceiling": True}]
        self.script("--device", "cpu", "--suite", self.suite(cases), "--dtype",
                    "f32")
        self.assertEqual(h200_summary.Run(self.kept("run.jsonl")).header["device"]
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


class SummaryTest(ScriptTestCase):
    """Verdicts over measurements as an H200 would give them."""

    def setUp(self):
        super().setUp()
        self.script("--device", "fake", "--suite", self.suite(deciding_cases()))
        self.entries = [json.loads(line)
                        for line in self.kept("run.jsonl").splitlines()]
        self.entries[0]["device"].update(product="NVIDIA H200", kind="cuda")
        for each in self.measurements():
            name = each["case_name"]
            backends = [one for one in ("lt_dense", "lt_one_stream") if one in name]
            each["backend"] = backends[0] if backends else "lt_streams"

    def measurements(self, text=""):
        return [each for each in self.entries
                if each["type"] == "measurement" and text in each["case_name"]]

    def set_seconds(self, text, seconds):
        found = self.measurements(text)
        self.assertTrue(found, text)
        for each in found:
            each.update(disposition="passed", timing={
                "median_seconds": seconds, "lower_seconds": seconds,
                "upper_seconds": seconds})

    def verdicts(self, compared=None):
        run = h200_summary.Run("".join(json.dumps(each) + "\n"
                                       for each in self.entries))
        found = {}
        for each in h200_summary.verdicts(run, compared or {}, "", run):
            found.setdefault(each.number, []).append(each)
        return found

    def test_dense_rates_are_judged_on_an_h200(self):
        self.set_seconds("gemm_m8192", 2 * 8192**3 / 780e12)
        self.assertIs(self.verdicts()[1][1].held, True)
        self.assertIn("780 TFLOP/s", self.verdicts()[1][1].figure)
        self.set_seconds("gemm_m8192", 2 * 8192**3 / 700e12)
        self.assertIs(self.verdicts()[1][1].held, False)
        self.entries[0]["device"]["product"] = "NVIDIA L4"
        self.assertIsNone(self.verdicts()[1][1].held)

    def test_grouped_products_are_judged_beside_dense_and_one_stream(self):
        self.set_seconds("grouped", 1.0)
        self.set_seconds("max1024_in4096_out28672_bf16_captured", 1.1)
        self.set_seconds("max4096_in4096_out28672_bf16_captured", 1.12)
        found = self.verdicts()
        self.assertIs(found[2][0].held, True)   # 1 / 1.12 from 1024 rows
        self.assertIs(found[2][1].held, False)  # 1 / 1.12 from 4096 rows
        self.assertIs(found[4][0].held, False)
        self.set_seconds("in4096_out28672_bf16_captured", 1.01)
        self.assertIs(self.verdicts()[4][0].held, True)

    def test_blocks_are_judged_by_both_passes_together(self):
        flops = 18 * 4 * 8192 * 4096 * 14336
        self.set_seconds("moe_block_forward", flops / 3 / 500e12)
        self.set_seconds("moe_block_backward", flops * 2 / 3 / 500e12)
        self.assertIs(self.verdicts()[5][0].held, True)
        self.assertIn("500.0 TFLOP/s", self.verdicts()[5][0].figure)
        self.set_seconds("moe_block_backward", flops * 2 / 3 / 400e12)
        self.assertIs(self.verdicts()[5][0].held, False)
        self.assertIsNone(self.verdicts()[5][1].held)  # that one was not measured

    def test_moved_bytes_are_judged_beside_the_copy(self):
        self.set_seconds("copy", 2 * (1 << 32) / 4e12)
        elements = 3 * (1 << 27) * 2
        self.set_seconds("elementwise", elements / 3.3e12)
        self.set_seconds("optimizer", 28 * (1 << 26) / 3.3e12)
        _, element_wise, optimizer = self.verdicts()[6]
        self.assertIs(element_wise.held, True)
        self.assertIn("82.5%", element_wise.figure)
        self.assertIs(optimizer.held, False)

    def test_wide_intervals_drift_and_faults_are_missed_targets(self):
        self.set_seconds("", 1.0)
        self.assertIs(self.verdicts()[7][0].held, True)
        for each in self.measurements()[:2]:
            each["timing"]["upper_seconds"] *= 1.05
        self.entries[-1]["coverage_gaps"] = ["drifted: ceiling copy took 3 % more"]
        self.measurements()[0]["disposition"] = "incorrect"
        found = self.verdicts()
        self.assertEqual([each.held for each in found[7]], [False, False])
        self.assertIs(found[0][0].held, False)
        self.assertIn("gemm_m8192", found[0][0].figure)

    def test_counted_flops_are_judged_where_there_are_counters(self):
        self.assertIsNone(self.verdicts()[8][1].held)
        self.set_seconds("gemm", 1.0)
        for each in self.measurements("gemm_m8192"):
            each.update(executed_flops=1.01 * 2 * 8192**3, counted_moved_bytes=1)
        self.assertIs(self.verdicts()[8][1].held, True)
        for each in self.measurements("grouped_gemm"):
            rows = sum(each["operation"]["rows_per_expert"])
            each.update(executed_flops=1.03 * 2 * rows * 4096 * 28672,
                        counted_moved_bytes=1)
        self.assertIs(self.verdicts()[8][1].held, False)

    def test_the_comparison_is_judged(self):
        rows = [{"name": "product 8192^3", "rate_ratio": 0.98},
                {"name": "grouped a", "rate_ratio": 1.2},
                {"name": "grouped b", "rate_ratio": 0.79}]
        found = self.verdicts({"rows": rows})
        self.assertIs(found[1][0].held, True)
        self.assertIs(found[3][0].held, False)
        rows[0]["rate_ratio"], rows[2]["rate_ratio"] = 0.96, 0.81
        found = self.verdicts({"rows": rows})
        self.assertIs(found[1][0].held, False)
        self.assertIs(found[3][0].held, True)

    def test_errors_of_the_model_are_read_from_the_report(self):
        report = ("time model 1, bf16; errors of shapes left out of the fit:\n"
                  "operation             shapes  median    mean   worst\n"
                  "gemm                      46   1.0 %   4.9 %  19.0 %\n"
                  "grouped_gemm.forward      90   1.0 %   3.0 %  12.0 %\n"
                  "coefficients:\n")
        self.assertIs(h200_summary.model_errors(report).held, True)
        self.assertIs(h200_summary.model_errors(
            report.replace("19.0", "21.0")).held, False)
        self.assertIsNone(h200_summary.model_errors("").held)

    def test_it_says_how_to_commit_only_a_whole_run_of_an_h200(self):
        run = h200_summary.Run("".join(json.dumps(each) + "\n"
                                       for each in self.entries))
        say = h200_summary.what_to_commit
        self.assertIn(f"  cp {self.out}/calibration.json deploy/x.json",
                      say(run, self.out, "deploy/x.json"))
        run.end = None
        self.assertIn("did not end", say(run, self.out, "deploy/x.json")[0])


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
