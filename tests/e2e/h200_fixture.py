"""Suites and a folder for tests of scripts/h200_run."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ["MOEPLAN_BIN_DIR"])
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True


def balanced(experts, rows):
    return {"pattern": "captured", "rows_per_expert": [rows] * experts}


def grouped(experts, rows, width_in, width_out, backend="", dtype="bf16"):
    return {"dtype": dtype, "backend": backend, "routing": balanced(experts, rows),
            "operation": {"kind": "grouped_gemm", "pass": "forward",
                          "in_width": width_in, "out_width": width_out}}


def block(one_pass, tokens, d_model, width, choices, experts, rows, backend=""):
    return {"dtype": "bf16", "backend": backend,
            "routing": balanced(experts, rows), "operation": {
                "kind": "moe_block", "pass": one_pass, "tokens": tokens,
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
                  for backend in ("", "lt_dense", "lt_one_stream", "eager")]
        cases.append(grouped(8, rows, 4096, 28672, dtype="fp8"))
    for rows, backend in ((8192, ""), (1024, ""), (1024, "eager")):
        for one_pass in ("forward", "backward"):
            cases.append(block(one_pass, 2 * rows, 4096, 14336, 2, 4, rows,
                               backend))
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
