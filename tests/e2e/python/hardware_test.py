#!/usr/bin/env python3
"""Plans for device time from Python, on a made-up machine that a real server
holds, beside the command line's answers.

MOEPLAN_SERVER_PROGRAM=build/release/bin/moeplan-server python -B hardware_test.py
"""

import os
import subprocess
import unittest

import moeplan
from google.protobuf import json_format
from planner_server import SERVER, ServerTestCase

FLOPS_PER_SECOND = 1e11
BYTES_PER_SECOND = 1e10
HOUR = 3600.0


def measurement(kind, seconds, **sizes):
    name = kind.lower() + "_" + "_".join(str(size) for size in sizes.values())
    return {"case_name": name, "operation": "OPERATION_KIND_" + kind,
            "pass": "OPERATION_PASS_NONE",
            "dimensions": [{"name": n, "value": v} for n, v in sizes.items()],
            "dtype": "bf16", "disposition": "DISPOSITION_PASSED",
            "timing": {"median_seconds": seconds, "lower_seconds": seconds,
                       "upper_seconds": seconds, "sample_count": 20}}


def made_up_calibration():
    """Products and copies of a device of one rate and one bandwidth."""
    cases = [measurement("GEMM", 2e-6 + 2 * m * n * k / FLOPS_PER_SECOND, m=m, n=n, k=k)
             for m in (256, 1024, 4096) for n in (256, 1024) for k in (256, 2048)]
    cases += [measurement("COPY", 2e-6 + 2 * 4**i / BYTES_PER_SECOND, bytes=4**i)
              for i in range(7, 15)]
    return {
        "device": {"kind": "DEVICE_KIND_FAKE", "product": "made up",
                   "multiprocessor_count": 8, "memory_bytes": 1 << 34},
        "software": {"worker_version": "0.1.0", "worker_revision": "abc",
                     "suite_hash": "a" * 64},
        "conditions": {"regime": "MEASURING_REGIME_SUSTAINED"},
        "measurements": cases,
        "measure_start_time": "2026-01-01T00:00:00Z",
        "measure_end_time": "2026-01-01T00:05:00Z"}


class HardwareTest(ServerTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        from moeplan.v1 import calibration_pb2

        request = calibration_pb2.CreateCalibrationRequest(calibration_id="made-up")
        json_format.ParseDict(made_up_calibration(), request.calibration)
        cls.planner.send(request)

    @staticmethod
    def day(device_count=1, **budget):
        option = moeplan.HardwareOption(calibration="calibrations/made-up",
                                        device_count=device_count, price_per_hour=2.0)
        return moeplan.HardwareBudget((option,), wall_duration=24 * HOUR, **budget)

    def command_line_text(self, *arguments):
        environment = dict(os.environ, MOEPLAN_SERVER=self.server.address)
        return subprocess.run([SERVER.parent / "moeplan", *arguments],
                              env=environment, capture_output=True, text=True,
                              timeout=120, check=True).stdout

    def test_a_plan_is_the_command_lines(self):
        answer = self.planner.optimal_config(hardware=self.day())
        table = self.command_line_table("plan", "--calibration", "made-up",
                                        "--wall-hours", "24")
        best = table[table["is_best"]].iloc[0]
        self.assert_relative(answer.optimum.loss, best["loss"], 1e-15)
        self.assert_relative(answer.optimum.device_hours, 24, 1e-9)
        self.assert_relative(answer.optimum.price, 48, 1e-9)
        self.assertEqual(answer.hardware_outcomes[0].plan.optimum, answer.optimum)
        self.assertEqual(answer.hardware_outcomes[0].calibration,
                         "calibrations/made-up")
        self.assertEqual(len(answer.plan.best_by_expansion_rate), 6)
        self.assertIn("24 device-hours", answer._repr_html_())

    def test_assumptions_say_whose_they_are(self):
        setup = moeplan.TrainingSetup(
            fixed_layout=moeplan.ParallelLayout(data_parallel=8, expert_parallel=2),
            interconnect=moeplan.Interconnect(
                devices_per_node=4, intra_node_bytes_per_second=1e9,
                inter_node_bytes_per_second=1e8, source="SPEC"))
        free = self.planner.optimal_config(hardware=self.day(8))
        slow = self.planner.optimal_config(hardware=self.day(8, goodput=0.5),
                                           training_setup=setup)
        self.assertGreater(slow.optimum.loss, free.optimum.loss)
        self.assertEqual(slow.optimum.layout.expert_parallel, 2)
        texts = [str(item) for item in slow.assumptions]
        for text in ("budget.hardware.goodput = 0.5 (user)",
                     "training_setup.interconnect.devices_per_node = 4 devices (spec)",
                     "training_setup.interconnect.overlap_share = 0 (default)",
                     "training_setup.sequence_tokens = 2048 tokens (default)"):
            self.assertIn(text, texts)
        self.assertIn("training_setup.interconnect = 0 s (default)",
                      [str(item) for item in free.assumptions])
        text = self.command_line_text(
            "plan", "--calibration", "made-up", "--wall-hours", "24", "--devices", "8",
            "--goodput", "0.5", "--expert-parallel", "2", "--devices-per-node", "4",
            "--intra-node-rate", "1GB", "--inter-node-rate", "100MB",
            "--network-from-spec")
        self.assertIn("Assumed, not measured", text)
        self.assertIn("budget.hardware.goodput = 0.5 (user)", text)
        self.assertIn(f"{slow.optimum.loss:.3f}", text)

    def test_a_candidate_and_its_wasted_hours(self):
        best = self.planner.optimal_config(hardware=self.day()).optimum
        question = dict(hardware=self.day(), max_extrapolation_decades=10)
        same = self.planner.evaluate(
            moeplan.Candidate(best.training_tokens, shape=best.shape.model_shape),
            **question)
        self.assertEqual(same.verdict, "NEAR_OPTIMAL")
        self.assertLess(same.wasted_device_hours, 1e-3)
        small = self.planner.evaluate(
            moeplan.Candidate(point=moeplan.CandidatePoint(
                0.2 * best.shape.active_params, expansion_rate=1)), **question)
        self.assertEqual(small.verdict, "SUBOPTIMAL")
        self.assert_relative(small.candidate.device_hours, 24, 1e-9)
        self.assert_relative(
            small.wasted_device_hours,
            24 * (1 - 1 / small.compute_to_same_loss_ratio), 1e-9)
        self.assertEqual(small.candidate.training_tokens,
                         small.affordable_training_tokens)
        text = self.command_line_text(
            "evaluate", "-N", str(0.2 * best.shape.active_params), "-E", "1",
            "--calibration", "made-up", "--wall-hours", "24", "--max-extrapolation",
            "10")
        self.assertIn("Suboptimal", text)
        self.assertIn("device-hours", text)

    def test_serving_shares_the_hours(self):
        demand = moeplan.ServingDemand(prefill_tokens=1e7, decode_tokens=1e7,
                                       context_tokens=1024)
        answer = self.planner.optimal_config(hardware=self.day(), serving_demand=demand)
        served = answer.optimum
        self.assertGreater(served.serving_device_hours, 0)
        self.assert_relative(served.device_hours, 24, 1e-9)
        self.assertGreater(served.decode_sequences, 0)
        self.assertIn("of them serving", self.command_line_text(
            "plan", "--calibration", "made-up", "--wall-hours", "24",
            "--served-tokens", "10M", "--prefill-tokens", "10M",
            "--context-tokens", "1024"))

    def test_one_budget_and_legal_words(self):
        with self.assertRaisesRegex(ValueError, "either train_flops or hardware"):
            self.planner.optimal_config(1e20, hardware=self.day())
        with self.assertRaisesRegex(ValueError, "Recomputation"):
            self.planner.optimal_config(
                hardware=self.day(),
                training_setup=moeplan.TrainingSetup(recomputation="SOME"))
        with self.assertRaises(moeplan.NotFound):
            self.planner.optimal_config(hardware=moeplan.HardwareBudget(
                (moeplan.HardwareOption(calibration="calibrations/none"),), HOUR))


if __name__ == "__main__":
    unittest.main()
