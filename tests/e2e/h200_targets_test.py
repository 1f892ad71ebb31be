"""Verdicts over measurements as an H200 would give them."""

import json
import unittest

from h200_fixture import ScriptTestCase, deciding_cases
import h200_measured
import h200_summary
import h200_targets


REPORT = """without a GPU: exit code 6 after 0.05 s
time model 1, bf16; errors of shapes left out of the fit:
operation             shapes  median    mean   worst
gemm                      46   1.0 %   4.9 %  19.0 %
grouped_gemm.forward      90   1.0 %   3.0 %  12.0 %
whole MoE blocks take 1.10 times the sum of their operations (4 measured)
coefficients:
"""
# Bytes of a token and of its experts' weights: d_model 4096, 14336 wide, two
# choices, four experts.
TOKEN_BYTES = (2 * 4096 + 4 * 2 * 4096 + 6 * 2 * 14336 + 4 * 4 + 8 * 2
               + 2 * 4096)
WEIGHT_BYTES = 2 * 4 * (4096 + 3 * 4096 * 14336)
BLOCK = 16384 * TOKEN_BYTES + WEIGHT_BYTES


class TargetsTest(ScriptTestCase):
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
            if "_eager_" in name:
                each["backend"] += ".eager"

    def measurements(self, text=""):
        return [each for each in self.entries
                if each["type"] == "measurement" and text in each["case_name"]]

    def set(self, text, **fields):
        found = self.measurements(text)
        self.assertTrue(found, text)
        for each in found:
            each.update(fields)

    def set_seconds(self, text, seconds):
        self.set(text, disposition="passed", timing={
            "median_seconds": seconds, "lower_seconds": seconds,
            "upper_seconds": seconds})

    def run_of_entries(self):
        return h200_measured.Run("".join(json.dumps(each) + "\n"
                                         for each in self.entries))

    def verdicts(self, compared=None, report="", counted=None, burst=None):
        run = self.run_of_entries()
        found = {}
        for each in h200_targets.verdicts(h200_targets.Evidence(
                run, counted or run, compared or {}, report, burst or run)):
            found.setdefault(each.number, []).append(each)
        return found

    def assert_not_measured(self, verdict, why):
        self.assertIsNone(verdict.held)
        self.assertRegex(verdict.figure, f"^not measured: .*{why}")

    def test_dense_rates_are_judged_on_an_h200(self):
        self.set_seconds("gemm_m8192", 2 * 8192**3 / 780e12)
        self.assertIs(self.verdicts()[1][2].held, True)
        self.assertIn("780 TFLOP/s", self.verdicts()[1][2].figure)
        burst = self.run_of_entries()
        # The sustained rate is recorded, whatever it is.
        self.set_seconds("gemm_m8192", 2 * 8192**3 / 700e12)
        self.assertEqual([each.held for each in self.verdicts(burst=burst)[1]],
                         [None, None, True])
        self.assertIn("700 TFLOP/s", self.verdicts(burst=burst)[1][1].figure)
        self.assertIs(self.verdicts()[1][2].held, False)
        self.entries[0]["device"]["product"] = "NVIDIA L4"
        self.assertIsNone(self.verdicts()[1][2].held)
        self.assert_not_measured(
            self.verdicts(burst=h200_measured.Run(""))[1][2], "no such product")

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
        self.assertEqual([each.held for each in found[7]], [False, False, None])
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
        self.assertIs(h200_targets.model_errors(REPORT).held, True)
        self.assertIs(h200_targets.model_errors(
            REPORT.replace("19.0", "21.0")).held, False)
        self.assert_not_measured(h200_targets.model_errors(""), "no time model")

    def test_graphs_are_judged_beside_eager_launches(self):
        self.set_seconds("grouped", 1.0)
        self.set_seconds("bf16_eager", 0.99)
        self.assertIs(self.verdicts()[4][1].held, True)
        self.set_seconds("rows8192_max1024_in4096_out28672_bf16_eager", 0.97)
        self.assertIs(self.verdicts()[4][1].held, False)
        # Those without a graph decide nothing else.
        self.assertIs(self.verdicts()[4][0].held, True)
        self.set("_eager", disposition="contended", timing=None)
        for each in self.measurements("_eager"):
            del each["timing"]
        self.assert_not_measured(self.verdicts()[4][1],
                                 "contended, as 4 such cases")

    def test_blocks_are_judged_beside_their_own_time_model(self):
        self.set_seconds("moe_block_forward", 1.0)
        self.set_seconds("moe_block_backward", 3.0)
        self.set_seconds("bf16_eager", 50.0)  # decides nothing here
        names = [each["case_name"] for each in self.measurements("moe_block")]

        def report(offs):
            return REPORT + "".join(f"{name}  1 ms  1.1 ms  {off} %\n"
                                    for name, off in zip(names, offs))
        # Both passes together: 0.8 and 3.21 of 4.
        found = self.verdicts(report=report(["-20.0", "+7.0"] * 3))
        self.assertIs(found[5][3].held, True)
        self.assertIn("predicted 1.002 of", found[5][3].figure)
        self.assert_not_measured(found[5][5], "not both passes passed")
        self.assertIn("of 4", found[10][1].figure)
        # A block that was left out is off by what the others say of it.
        found = self.verdicts(report=report(["+0.0", "+10.0"]))
        self.assertIn("9.5% and 10.0% of 2", found[10][1].figure)
        self.assertIs(found[10][1].held, False)
        found = self.verdicts(report=report(["+9.0"] * 6))
        self.assertIs(found[5][3].held, False)
        self.assertIs(found[10][1].held, True)
        found = self.verdicts(report=REPORT)
        self.assert_not_measured(found[5][3], "no time model of it")
        self.assert_not_measured(found[10][1], "no time model of blocks")

    def test_hgmma_is_judged_where_counters_tell(self):
        self.assert_not_measured(self.verdicts()[9][0], "no counters were read")
        self.entries[-1]["coverage_gaps"] = [
            "executed FLOPs and moved bytes are not counted: for administrators "
            "(CUPTI error 35)"]
        self.assert_not_measured(self.verdicts()[9][0], "CUPTI error 35")
        self.assert_not_measured(self.verdicts()[8][1], "CUPTI error 35")
        self.assert_not_measured(
            self.verdicts(counted=h200_measured.Run(""))[9][0], "did not run")
        self.set_seconds("gemm", 1.0)
        self.set("gemm", hgmma_share=0.995)
        self.assertIs(self.verdicts()[9][0].held, True)
        self.set("max4096_in4096_out28672_bf16_captured", hgmma_share=0.5)
        found = self.verdicts()[9][0]
        self.assertIs(found.held, False)
        self.assertRegex(found.figure, "50.00% at worst of .*max4096")

    def test_another_run_is_judged_beside_this_one(self):
        self.assert_not_measured(self.verdicts()[7][2], "no other run")
        self.set_seconds("", 1.0)
        counted = self.run_of_entries()
        self.set_seconds("", 1.015)
        self.assertIs(self.verdicts(counted=counted)[7][2].held, True)
        self.set_seconds("moe_block", 1.03)
        self.assertIs(self.verdicts(counted=counted)[7][2].held, False)

    def test_fp8_is_judged_beside_bf16(self):
        self.set_seconds("in4096_out28672_bf16", 1.2)
        self.set_seconds("in4096_out28672_fp8", 1.0)
        nothing = h200_measured.Run("")
        found = self.verdicts(counted=nothing)[11]
        self.assertIs(found[0].held, True)
        self.assertIn("1.200, 1.200 to 1.200 of 2", found[0].figure)
        self.assert_not_measured(found[1], "none passed in both formats")
        self.set_seconds("max4096_in4096_out28672_fp8", 0.7)
        suspect = self.run_of_entries()
        self.assertIs(self.verdicts()[11][0].held, False)  # 1.71
        self.set_seconds("in4096_out28672_fp8", 1.3)
        self.assertIs(self.verdicts()[11][0].held, False)  # 0.92
        # Formats are compared within each run.
        self.set_seconds("in4096_out28672_fp8", 1.2)
        self.assertIs(self.verdicts(counted=nothing)[11][0].held, True)
        self.assertIs(self.verdicts(counted=suspect)[11][0].held, False)

    def test_memory_is_judged_beside_the_formula(self):
        self.assert_not_measured(self.verdicts()[12][1], "no such block tells")
        # Only the larger one.
        self.entries = [each for each in self.entries if "_t2048_d4096" not in
                        each.get("case_name", "")]
        self.set_seconds("", 1.0)
        self.set("moe_block_forward", peak_memory_bytes=BLOCK)
        # Its gradients, and workspaces of six products on four streams.
        self.set("moe_block_backward",
                 peak_memory_bytes=2 * BLOCK + 24 * (32 << 20))
        for each in self.measurements():
            each["device_memory_bytes"] = each.setdefault(
                "peak_memory_bytes", 0) + (1 << 30)
        found = self.verdicts()[12]
        self.assertEqual([each.held for each in found], [True, True])
        self.assertIn("0.0% unexplained at worst of 2", found[0].figure)
        self.set("moe_block_forward", peak_memory_bytes=int(0.97 * BLOCK))
        found = self.verdicts()[12]
        self.assertIs(found[0].held, False)
        self.assertIn("3.0%", found[0].figure)
        self.set("moe_block_forward",
                 device_memory_bytes=int(1.13 * BLOCK) + (1 << 30))
        self.assertIs(self.verdicts()[12][1].held, False)
        self.entries[0]["device"]["kind"] = "fake"
        self.assert_not_measured(self.verdicts()[12][0], "no GPU")

    def test_times_of_suites_are_judged_each_by_its_own_run(self):
        found = self.verdicts()[13]
        for each in found:
            self.assert_not_measured(each, "this is a run of /")
        self.entries[0].update(suite="standard", start_unix_micros=0)
        count = len(self.measurements())
        for i, each in enumerate(self.measurements()):
            each["time_unix_micros"] = (i + 1) * 290e6 / count
        self.assertIs(self.verdicts()[13][1].held, True)
        self.assert_not_measured(self.verdicts()[13][2], "a run of standard")
        self.measurements()[-1]["disposition"] = "skipped"
        self.assertIs(self.verdicts()[13][1].held, False)
        self.measurements()[-1]["time_unix_micros"] += 1000e6
        self.assert_not_measured(self.verdicts()[13][1], "resumed")

    def test_what_needs_no_gpu_is_judged_where_it_is_known(self):
        found = self.verdicts(report=REPORT)[15]
        self.assertIs(found[0].held, True)
        self.assert_not_measured(found[1], "this is NVIDIA H200")
        for text in ("code 6 after 2.05", "code 0 after 0.05"):
            report = REPORT.replace("code 6 after 0.05", text)
            self.assertIs(self.verdicts(report=report)[15][0].held, False, text)
        self.assert_not_measured(self.verdicts()[15][0], "not tried")
        self.entries[0]["device"]["kind"] = "cpu"
        self.entries[0]["start_unix_micros"] = 0
        self.entries[-1]["end_unix_micros"] = 179e6
        self.assertIs(self.verdicts()[15][1].held, True)
        self.entries[-1]["end_unix_micros"] = 181e6
        self.assertIs(self.verdicts()[15][1].held, False)

    def test_every_target_has_a_verdict_or_a_reason(self):
        found = self.verdicts()
        self.assertEqual(set(found), set(range(16)))
        for each in sum(found.values(), []):
            self.assertTrue(each.held is not None or each.figure, each)
            self.assertTrue(each.command, each)

    def test_it_says_how_to_commit_only_a_whole_run_of_an_h200(self):
        run = self.run_of_entries()
        say = h200_summary.what_to_commit
        self.assertIn(f"  cp {self.out}/calibration.json deploy/x.json",
                      say(run, self.out, "deploy/x.json"))
        run.end = None
        self.assertIn("did not end", say(run, self.out, "deploy/x.json")[0])


if __name__ == "__main__":
    unittest.main()
