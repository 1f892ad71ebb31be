#!/usr/bin/env python3
"""Errors, deadlines, cancellation, retries, tokens and TLS of the Python client.

The first half asks a real server; the second one a server made here, which
refuses, hangs and speaks TLS as the real one cannot be told to. Environment as
in client_test.py; openssl makes the certificates.
"""

import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

import grpc
import pandas
from google.protobuf import any_pb2

import moeplan
from moeplan.v1 import error_details_pb2, planner_pb2, planner_pb2_grpc
from planner_server import SYNTHETIC_RUNS, ServerTestCase, read_runs

CANCEL_SECONDS = 2.0
# Hours of work: nobody waits for its end.
PATIENCE_SECONDS = 120
LONG_FIT = dict(family="joint", start_count=500, bootstrap_draw_count=10_000,
                progress=False)


class ErrorTest(ServerTestCase):
    def test_violations_name_field_rule_and_value(self):
        points = pandas.DataFrame({"active_params": [1e9, -1.0],
                                   "training_tokens": [float("nan"), 1e9],
                                   "expansion_rate": [1.0, 1.0]})
        with self.assertRaises(moeplan.InvalidArgument) as caught:
            self.planner.predict(points, coefficient_set="joint-2025")
        error = caught.exception
        self.assertEqual(error.code, "INVALID_ARGUMENT")
        self.assertEqual(error.violation_count, 2)
        by_field = {item.field: item for item in error.violations}
        bad = by_field["point_columns.active_params[1]"]
        self.assertEqual((bad.rule, bad.value), ("must be from 1 to 1e+18", "-1"))
        self.assertEqual(by_field["point_columns.training_tokens[0]"].value, "nan")

    def test_more_violations_than_are_listed(self):
        points = pandas.DataFrame({"active_params": [-1.0] * 100,
                                   "training_tokens": [1e9] * 100,
                                   "expansion_rate": [1.0] * 100})
        with self.assertRaisesRegex(moeplan.InvalidArgument, "more"):
            self.planner.predict(points, coefficient_set="joint-2025")

    def test_every_kind_of_refusal(self):
        ask = self.planner
        point = moeplan.Point(active_params=1e9, training_tokens=1e12,
                              expansion_rate=8)
        for error, reason, call in [
                (moeplan.NotFound, "NOT_FOUND",
                 lambda: ask.get_coefficient_set("nobody")),
                (moeplan.FailedPrecondition, "SET_PUBLISHED",
                 lambda: ask.delete_coefficient_set("fine-grained-2024-e16")),
                (moeplan.OutOfRange, "EXTRAPOLATION_REFUSED",
                 lambda: ask.predict(point, coefficient_set="joint-2025",
                                     strict=True)),
                (moeplan.Unimplemented, "NOT_SERVED_YET",
                 lambda: ask.optimal_config(objective="LEAST_TOTAL_COST",
                                            target_loss=2.5)),
                (moeplan.InvalidArgument, "INVALID_REQUEST",
                 lambda: ask.predict(pandas.DataFrame(
                     {"active_params": [], "training_tokens": []})))]:
            with self.subTest(error.__name__):
                with self.assertRaises(error) as caught:
                    call()
                self.assertEqual(caught.exception.reason, reason)
                self.assertIsInstance(caught.exception, moeplan.MoePlanError)
        with self.assertRaises(moeplan.NotFound) as caught:
            ask.predict(point, coefficient_set="nobody")
        self.assertEqual(caught.exception.resource_name, "coefficientSets/nobody")

    def test_arguments_that_make_no_request(self):
        for pattern, call in [
                ("no Objective; expected one of LEAST_LOSS",
                 lambda: self.planner.optimal_config(1e22, objective="BEST")),
                ("column training_tokens is missing",
                 lambda: self.planner.predict(pandas.DataFrame(
                     {"active_params": [1e9]}))),
                ("column active_params: could not convert",
                 lambda: self.planner.predict(pandas.DataFrame(
                     {"active_params": ["big"], "training_tokens": [1e9]}))),
                ("no law family is called 'best'; the server has dense",
                 lambda: self.planner.fit(read_runs(), "best")),
                ("no points", lambda: self.planner.predict([])),
                ("needs an axis", lambda: self.planner.sweep(train_flops=1e22)),
                ("include routing", lambda: self.planner.isoflop_profiles(
                    [1e20], coefficient_set="fine-grained-2024-e64"))]:
            with self.subTest(pattern), self.assertRaisesRegex(ValueError, pattern):
                call()
        with self.assertRaisesRegex(TypeError, "expected a MemoryLimit"):
            self.planner.optimal_config(1e22, memory_limit=80e9)
        with self.assertRaises(TypeError):
            self.planner.optimal_config("1e22")

    def test_a_deadline(self):
        start = time.monotonic()
        with self.assertRaises(moeplan.DeadlineExceeded):
            self.planner.fit(read_runs(SYNTHETIC_RUNS), timeout=0.3, **LONG_FIT)
        self.assertLess(time.monotonic() - start, 0.3 + CANCEL_SECONDS)

    def wait_until_cancelled(self, count):
        """The server has stopped computing, not only the client waiting."""
        deadline = time.monotonic() + CANCEL_SECONDS
        while time.monotonic() < deadline:
            if (self.server.metric('moeplan_fit_failures_total{reason="cancelled"}')
                    == count and self.server.metric('moeplan_inflight{class="fit"}')
                    == 0):
                return
            time.sleep(0.02)
        self.fail("the server goes on with the fit")

    def cancelled_before(self):
        return self.server.metric('moeplan_fit_failures_total{reason="cancelled"}')

    def test_leaving_the_progress_cancels_the_fit(self):
        before = self.cancelled_before()

        def leave(_):
            raise LookupError("enough")

        with self.assertRaisesRegex(LookupError, "enough"):
            self.planner.fit(read_runs(SYNTHETIC_RUNS), on_progress=leave, **LONG_FIT)
        self.wait_until_cancelled(before + 1)

    def test_ctrl_c_cancels_the_fit(self):
        before = self.cancelled_before()
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with self.assertRaises(KeyboardInterrupt):
            self.planner.fit(read_runs(SYNTHETIC_RUNS), **LONG_FIT)
        timer.join()
        self.wait_until_cancelled(before + 1)

    def test_close_cancels_the_fit_of_another_thread(self):
        before = self.cancelled_before()
        planner = moeplan.MoePlanner(self.server.address)
        started = threading.Event()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            fit = pool.submit(planner.fit, read_runs(SYNTHETIC_RUNS),
                              on_progress=lambda _: started.set(), **LONG_FIT)
            try:
                # Fits yield to all else that a busy machine does.
                self.assertTrue(started.wait(PATIENCE_SECONDS))
            finally:
                planner.close()
            with self.assertRaises(moeplan.Cancelled):
                fit.result(timeout=PATIENCE_SECONDS)
        self.wait_until_cancelled(before + 1)
        with self.assertRaisesRegex(ValueError, "closed"):
            planner.info()

    def test_a_fork_is_told_apart(self):
        self.planner.info()
        readable, writable = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                self.planner.info()
            except RuntimeError as error:
                os.write(writable, str(error).encode())
            finally:
                os._exit(0)
        os.close(writable)
        with os.fdopen(readable) as pipe:
            self.assertIn("before a fork", pipe.read())
        os.waitpid(child, 0)
        self.planner.info()


class UnreachableTest(unittest.TestCase):
    def test_no_server(self):
        planner = moeplan.MoePlanner("127.0.0.1:1", retries=1)
        with self.assertRaisesRegex(moeplan.Unavailable,
                                    "cannot reach the server at 127.0.0.1:1"):
            planner.info()

    def test_the_address_comes_from_the_environment(self):
        with mock.patch.dict(os.environ, {"MOEPLAN_SERVER": "10.0.0.1:9"}):
            self.assertEqual(moeplan.MoePlanner().address, "10.0.0.1:9")
            self.assertEqual(moeplan.MoePlanner("x:1").address, "x:1")
        with mock.patch.dict(os.environ):
            os.environ.pop("MOEPLAN_SERVER", None)
            self.assertEqual(moeplan.MoePlanner().address, "127.0.0.1:7600")

    def test_a_token_needs_tls_or_the_same_machine(self):
        for address in ("moeplan.example:7600", "10.1.2.3:7600", "dns:///a.b:1"):
            with self.subTest(address), self.assertRaisesRegex(ValueError, "plain"):
                moeplan.MoePlanner(address, token="t")
        for address in ("localhost:1", "127.0.0.1:1", "[::1]:1", "unix:/tmp/x"):
            moeplan.MoePlanner(address, token="t")
        moeplan.MoePlanner("10.1.2.3:7600", token="t", tls=True)
        moeplan.MoePlanner("10.1.2.3:7600", token="t", allow_plaintext_token=True)

    def test_importing_is_light(self):
        code = ("import sys, moeplan; "
                "print([m for m in ('pandas', 'numpy', 'matplotlib', 'tqdm') "
                "if m in sys.modules])")
        done = subprocess.run([sys.executable, "-c", code], capture_output=True,
                              text=True, check=True)
        self.assertEqual(done.stdout.strip(), "[]")


class Refuser(planner_pb2_grpc.PlannerServiceServicer):
    """Refuses as many calls as it is told to, then answers."""

    def __init__(self):
        self.refusals = []
        self.call_times = []
        self.metadata = {}

    def GetServerInfo(self, request, context):
        self.call_times.append(time.monotonic())
        self.metadata = dict(context.invocation_metadata())
        if self.refusals:
            code, reason, delay_seconds = self.refusals.pop(0)
            details = [_packed(error_details_pb2.ErrorInfo(reason=reason))]
            if delay_seconds:
                retry = error_details_pb2.RetryInfo()
                retry.retry_delay.FromNanoseconds(int(delay_seconds * 1e9))
                details.append(_packed(retry))
            status = error_details_pb2.ErrorStatus(code=code.value[0], details=details)
            context.set_trailing_metadata(
                (("grpc-status-details-bin", status.SerializeToString()),))
            context.abort(code, "refused")
        return planner_pb2.GetServerInfoResponse(server_version="fake")


def _packed(message):
    return any_pb2.Any(
        type_url="type.googleapis.com/google.rpc." + message.DESCRIPTOR.name,
        value=message.SerializeToString())


def serve(servicer, credentials=None):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    planner_pb2_grpc.add_PlannerServiceServicer_to_server(servicer, server)
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    return server, port


OVERLOADED = (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", 0.2)
TOO_LARGE = (grpc.StatusCode.RESOURCE_EXHAUSTED, "", 0)
DRAINING = (grpc.StatusCode.UNAVAILABLE, "DRAINING", 0.05)
STORE_AWAY = (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE", 0)


class RetryTest(unittest.TestCase):
    def setUp(self):
        self.servicer = Refuser()
        self.server, port = serve(self.servicer)
        self.addCleanup(lambda: self.server.stop(0).wait())
        self.address = f"127.0.0.1:{port}"

    def planner(self, **keywords):
        planner = moeplan.MoePlanner(self.address, **keywords)
        self.addCleanup(planner.close)
        return planner

    def test_an_overloaded_server_is_asked_again_when_it_says(self):
        self.servicer.refusals = [OVERLOADED] * 2
        self.assertEqual(self.planner().info().server_version, "fake")
        times = self.servicer.call_times
        self.assertEqual(len(times), 3)
        for before, after in zip(times, times[1:]):
            self.assertGreaterEqual(after - before, 0.2)

    def test_overload_past_the_timeout(self):
        self.servicer.refusals = [OVERLOADED] * 100
        with self.assertRaises(moeplan.Overloaded) as caught:
            self.planner(timeout=0.5).info()
        self.assertAlmostEqual(caught.exception.retry_delay_seconds, 0.2)
        self.assertLessEqual(len(self.servicer.call_times), 3)

    def test_unavailable_is_retried_with_backoff(self):
        self.servicer.refusals = [STORE_AWAY, DRAINING]
        self.assertEqual(self.planner().info().server_version, "fake")
        self.assertEqual(len(self.servicer.call_times), 3)

    def test_what_is_not_retried(self):
        for refusal, retries in [(TOO_LARGE, 4), (OVERLOADED, 0), (DRAINING, 0)]:
            self.servicer.refusals = [refusal] * 9
            self.servicer.call_times = []
            with self.subTest(refusal), self.assertRaises(moeplan.MoePlanError):
                self.planner(retries=retries).info()
            self.assertEqual(len(self.servicer.call_times), 1)

    def test_retries_are_counted(self):
        self.servicer.refusals = [DRAINING] * 9
        with self.assertRaises(moeplan.Unavailable) as caught:
            self.planner(retries=2).info()
        self.assertEqual(caught.exception.reason, "DRAINING")
        self.assertEqual(len(self.servicer.call_times), 3)

    def test_the_token_travels(self):
        with mock.patch.dict(os.environ, {"MOEPLAN_TOKEN": "secret"}):
            self.planner().info()
        self.assertEqual(self.servicer.metadata["authorization"], "Bearer secret")
        self.planner().info()
        self.assertNotIn("authorization", self.servicer.metadata)


class TlsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.files = pathlib.Path(cls.folder.name)
        for name in ("server", "client"):
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
                 "2", "-subj", f"/CN={name}", "-addext",
                 "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout",
                 cls.files / f"{name}.key", "-out", cls.files / f"{name}.pem"],
                check=True, capture_output=True)
        pair = ((cls.files / "server.key").read_bytes(),
                (cls.files / "server.pem").read_bytes())
        cls.servicer = Refuser()
        cls.server, cls.port = serve(cls.servicer, grpc.ssl_server_credentials(
            [pair], root_certificates=(cls.files / "client.pem").read_bytes(),
            require_client_auth=True))

    @classmethod
    def tearDownClass(cls):
        cls.server.stop(0).wait()
        cls.folder.cleanup()

    def ask(self, tls, **keywords):
        with moeplan.MoePlanner(f"127.0.0.1:{self.port}", tls=tls, retries=0,
                                timeout=10, **keywords) as planner:
            return planner.info().server_version

    def mutual(self, **changes):
        files = dict(root_certificates=self.files / "server.pem",
                     client_certificate=self.files / "client.pem",
                     client_key=self.files / "client.key")
        return moeplan.Tls(**{**files, **changes})

    def test_mutual_tls_with_a_token(self):
        self.assertEqual(self.ask(self.mutual(), token="secret"), "fake")
        self.assertEqual(self.servicer.metadata["authorization"], "Bearer secret")

    def test_the_files_come_from_the_environment(self):
        variables = {
            "MOEPLAN_TLS_ROOT_CERTIFICATES": str(self.files / "server.pem"),
            "MOEPLAN_TLS_CLIENT_CERTIFICATE": str(self.files / "client.pem"),
            "MOEPLAN_TLS_CLIENT_KEY": str(self.files / "client.key")}
        with mock.patch.dict(os.environ, variables):
            self.assertEqual(self.ask(None), "fake")
            with self.assertRaises(moeplan.Unavailable):
                self.ask(False)

    def test_who_is_refused(self):
        for tls in (True, self.files / "server.pem",
                    self.mutual(root_certificates=self.files / "client.pem"),
                    self.mutual(client_certificate=self.files / "server.pem",
                                client_key=self.files / "server.key")):
            with self.subTest(tls), self.assertRaises(moeplan.Unavailable):
                self.ask(tls)


if __name__ == "__main__":
    unittest.main()
