#!/usr/bin/env python3
"""A stock client, grpcurl, with nothing but the server's reflection.

It lists and describes every service, calls every RPC, and decodes the details
of errors as google.rpc's own messages. grpcurl knows those, and the health
service, from .proto files only: the server's reflection does not hold them.
MOEPLAN_GRPCURL names the program (scripts/setup builds it),
MOEPLAN_SERVER_PROGRAM the server's.
"""

import json
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

GRPCURL = os.environ.get("MOEPLAN_GRPCURL", "build/tools/grpcurl")

SERVICES = {
    "moeplan.v1.PlannerService": [
        "FitFromRuns", "GetServerInfo", "OptimalConfig", "Predict"],
    "moeplan.v1.CoefficientSetService": [
        "CreateCoefficientSet", "DeleteCoefficientSet", "GetCoefficientSet",
        "ListCoefficientSets"],
    "moeplan.v1.CalibrationService": [
        "ConvertBudget", "CreateCalibration", "DeleteCalibration",
        "GetCalibration", "ListCalibrations"],
}

HEALTH = """syntax = "proto3";
package grpc.health.v1;
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse {
  enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; }
  ServingStatus status = 1;
}
service Health {
  rpc Check(HealthCheckRequest) returns (HealthCheckResponse);
}
"""

# As googleapis/google/rpc/error_details.proto has them.
ERROR_DETAILS = """syntax = "proto3";
package google.rpc;
message ErrorInfo {
  string reason = 1;
  string domain = 2;
  map<string, string> metadata = 3;
}
message BadRequest {
  message FieldViolation { string field = 1; string description = 2; }
  repeated FieldViolation field_violations = 1;
}
message ResourceInfo {
  string resource_type = 1;
  string resource_name = 2;
  string owner = 3;
  string description = 4;
}
"""

SET = {
    "family": "dense", "source": "made up",
    "convention": {"loss_unit": "LOSS_UNIT_NATS_PER_TOKEN",
                   "flop_rule": "FLOP_RULE_SIX_PER_ACTIVE_PARAM"},
    "coefficients": [
        {"name": "a", "value": 482.01}, {"name": "alpha", "value": 0.3478},
        {"name": "b", "value": 2085.43}, {"name": "beta", "value": 0.3658},
        {"name": "c", "value": 1.8172}],
}


SHAPE = {
    "d_model": 512, "vocabulary_size": 32000, "tied_embeddings": True,
    "layer_groups": [{
        "layer_count": 8, "gqa": {"heads": 8, "head_dim": 64},
        "dense": {"width": 2048}}],
}


def measurement(operation, seconds, **sizes):
    return {
        "operation": operation, "pass": "OPERATION_PASS_NONE",
        "case_name": operation, "dtype": "bf16",
        "dimensions": [{"name": n, "value": v} for n, v in sizes.items()],
        "disposition": "DISPOSITION_PASSED",
        "timing": {"median_seconds": seconds, "lower_seconds": seconds,
                   "upper_seconds": seconds, "sample_count": 10}}


CALIBRATION = {
    "device": {"kind": "DEVICE_KIND_FAKE", "product": "fake",
               "multiprocessor_count": 1, "memory_bytes": 1 << 30},
    "software": {"worker_version": "0.1.0", "worker_revision": "abc",
                 "suite_hash": "a" * 64},
    "conditions": {"regime": "MEASURING_REGIME_SUSTAINED"},
    "measurements": [
        measurement("OPERATION_KIND_GEMM", 1e-3, m=512, n=512, k=512),
        measurement("OPERATION_KIND_COPY", 1e-4, bytes=1 << 20)],
    "measure_start_time": "2026-01-01T00:00:00Z",
    "measure_end_time": "2026-01-01T00:05:00Z",
}


def dense_runs():
    rows = [(n, d) for n in (1e8, 3e8, 1e9, 3e9) for d in (2e9, 8e9, 3e10)]
    return {
        "active_params": [n for n, _ in rows],
        "training_tokens": [d for _, d in rows],
        "loss": [1.8172 + 482.01 / n ** 0.3478 + 2085.43 / d ** 0.3658
                 for n, d in rows],
    }


@unittest.skipUnless(os.access(GRPCURL, os.X_OK),
                     "grpcurl is missing: scripts/setup builds it")
class GrpcurlTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="moeplan-grpcurl-")
        folder = pathlib.Path(cls.folder.name)
        port_file = folder / "port"
        (folder / "health.proto").write_text(HEALTH)
        (folder / "error_details.proto").write_text(ERROR_DETAILS)
        cls.log = open(folder / "log", "w+", encoding="utf-8")
        cls.server = subprocess.Popen(
            [os.environ["MOEPLAN_SERVER_PROGRAM"], "--listen", "127.0.0.1:0",
             "--data-dir", str(folder / "data"), "--port-file",
             str(port_file), "--drain-notice", "0s"],
            stdout=subprocess.DEVNULL, stderr=cls.log)
        deadline = time.monotonic() + 60
        text = ""
        while not text.endswith("\n"):
            if cls.server.poll() is not None or time.monotonic() > deadline:
                cls.server.kill()
                raise RuntimeError(
                    (folder / "log").read_text(encoding="utf-8"))
            time.sleep(0.01)  # until the port is there
            text = port_file.read_text() if port_file.exists() else ""
        cls.address = f"127.0.0.1:{int(text)}"

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        exit_code = cls.server.wait(timeout=60)
        cls.log.close()
        cls.folder.cleanup()
        if exit_code != 0:
            raise AssertionError(f"the server ended with {exit_code}")

    def grpcurl(self, *words, data=None):
        command = [GRPCURL, "-plaintext", "-max-time", "60"]
        if data is not None:
            command += ["-d", json.dumps(data), "-use-reflection",
                        "-import-path", self.folder.name,
                        "-proto", "health.proto",
                        "-proto", "error_details.proto"]
        return subprocess.run(command + [self.address, *words],
                              capture_output=True, text=True, timeout=120)

    def call(self, method, request):
        """The answers of an RPC, one for each message of a stream."""
        done = self.grpcurl(method, data=request)
        self.assertEqual(done.returncode, 0, done.stderr)
        decoder, text, answers = json.JSONDecoder(), done.stdout.strip(), []
        while text:
            answer, end = decoder.raw_decode(text)
            answers.append(answer)
            text = text[end:].strip()
        self.assertTrue(answers)
        return answers

    def fail_with(self, method, request):
        """(code, text) of an RPC that is refused, details in the text."""
        done = self.grpcurl(method, data=request)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        for line in done.stderr.splitlines():
            if line.strip().startswith("Code:"):
                return line.split()[-1], done.stderr
        self.fail(done.stderr)

    def test_lists_the_services_and_their_rpcs(self):
        listed = self.grpcurl("list").stdout.split()
        self.assertLessEqual(
            {*SERVICES, "grpc.health.v1.Health",
             "grpc.reflection.v1alpha.ServerReflection"}, set(listed))
        for service, rpcs in SERVICES.items():
            listed = self.grpcurl("list", service).stdout.split()
            self.assertEqual(sorted(listed),
                             [f"{service}.{rpc}" for rpc in rpcs])

    def test_describes_every_rpc_and_its_messages(self):
        for service, rpcs in SERVICES.items():
            for rpc in rpcs:
                with self.subTest(rpc=rpc):
                    done = self.grpcurl("describe", f"{service}.{rpc}")
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertIn(f"rpc {rpc} (", done.stdout)
                    for message in (f"{rpc}Request", f"{rpc}Response"):
                        done = self.grpcurl("describe",
                                            f"moeplan.v1.{message}")
                        self.assertIn(f"message {message}", done.stdout)

    def test_health_is_serving(self):
        for service in ["", *SERVICES]:
            answer = self.call("grpc.health.v1.Health/Check",
                               {"service": service})
            self.assertEqual(answer[0]["status"], "SERVING", service)

    def test_the_planner_answers(self):
        planner = "moeplan.v1.PlannerService/"
        info = self.call(planner + "GetServerInfo", {})[0]
        self.assertTrue(info["server_version"])
        predicted = self.call(planner + "Predict", {
            "coefficient_set": "coefficientSets/chinchilla-2024-besiroglu",
            "point_columns": {"law_params": [1e9], "training_tokens": [2e10]},
        })[0]
        # Besiroglu et al. 2024: 1.8172, 482.01, 0.3478, 2085.43, 0.3658.
        self.assertAlmostEqual(
            predicted["loss"][0],
            1.8172 + 482.01 / 1e9 ** 0.3478 + 2085.43 / 2e10 ** 0.3658,
            places=3)
        plan = self.call(planner + "OptimalConfig", {
            "objective": "OBJECTIVE_LEAST_LOSS",
            "budget": {"train_flops": 1e22}})[0]
        self.assertIn("optimum", plan["plan"])
        events = self.call(planner + "FitFromRuns", {
            "runs": dense_runs(), "convention": SET["convention"],
            "families": ["dense"], "start_count": 4})
        self.assertIn("reports", events[-1]["result"])

    def test_sets_are_stored_read_listed_and_deleted(self):
        sets = "moeplan.v1.CoefficientSetService/"
        made = self.call(sets + "CreateCoefficientSet", {
            "coefficient_set_id": "mine", "coefficient_set": SET})[0]
        name = made["coefficient_set"]["name"]
        self.assertEqual(name, "coefficientSets/mine")
        got = self.call(sets + "GetCoefficientSet", {"name": name})[0]
        self.assertEqual(got, made)
        listed = self.call(sets + "ListCoefficientSets", {})[0]
        self.assertIn(name, [s["name"] for s in listed["coefficient_sets"]])
        self.call(sets + "DeleteCoefficientSet", {"name": name})
        code, _ = self.fail_with(sets + "GetCoefficientSet", {"name": name})
        self.assertEqual(code, "NotFound")

    def test_calibrations_are_stored_read_listed_converted_and_deleted(self):
        service = "moeplan.v1.CalibrationService/"
        made = self.call(service + "CreateCalibration", {
            "calibration_id": "mine", "calibration": CALIBRATION})[0]
        name = made["calibration"]["name"]
        self.assertEqual(name, "calibrations/mine")
        got = self.call(service + "GetCalibration", {"name": name})[0]
        self.assertEqual(len(got["calibration"]["measurements"]), 2)
        self.assertIn("time_model", got["time_models"][0])
        listed = self.call(service + "ListCalibrations", {"product": "FAKE"})[0]
        self.assertEqual(listed["calibrations"], [made["calibration"]])
        converted = self.call(service + "ConvertBudget", {
            "calibration": name, "shape": SHAPE, "device_hours": 100,
            "coefficient_set": "coefficientSets/chinchilla-2024-besiroglu"})[0]
        self.assertGreater(converted["train_flops"], 0)
        self.call(service + "DeleteCalibration", {"name": name})
        code, _ = self.fail_with(service + "GetCalibration", {"name": name})
        self.assertEqual(code, "NotFound")

    def test_what_is_not_served_yet_says_so(self):
        code, text = self.fail_with("moeplan.v1.PlannerService/OptimalConfig", {
            "objective": "OBJECTIVE_LEAST_LOSS",
            "budget": {"train_flops": 1e22},
            "search_space": {"realisable": True}})
        self.assertEqual(code, "Unimplemented")
        self.assertIn("google.rpc.ErrorInfo", text)

    def test_error_details_decode(self):
        code, text = self.fail_with("moeplan.v1.PlannerService/Predict", {
            "point_columns": {"law_params": [-1], "training_tokens": [1e9]}})
        self.assertEqual(code, "InvalidArgument")
        for part in ("google.rpc.BadRequest", "google.rpc.ErrorInfo",
                     "point_columns.law_params[0]", "INVALID_REQUEST"):
            self.assertIn(part, text)
        self.assertNotIn("not recognized", text)
        code, text = self.fail_with(
            "moeplan.v1.CoefficientSetService/GetCoefficientSet",
            {"name": "coefficientSets/no-such-set"})
        self.assertEqual(code, "NotFound")
        self.assertIn("google.rpc.ResourceInfo", text)
        self.assertIn("coefficientSets/no-such-set", text)


if __name__ == "__main__":
    unittest.main()
