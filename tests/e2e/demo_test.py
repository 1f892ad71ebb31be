"""The tour of `make demo`, with the programs of this build."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from moeplan_process import ROOT


# Enough for a model of time, in a second or two.
SUITE = {"protocol": "smoke", "cases": [
    {"operation": {"kind": "gemm", "m": m, "n": 64, "k": 64}, "ceiling": True}
    for m in (64, 128)] + [
    {"operation": {"kind": "copy", "bytes": 1 << 20}, "ceiling": True}]}


class DemoTest(unittest.TestCase):
    def test_the_tour_runs_and_leaves_its_transcript(self):
        with tempfile.TemporaryDirectory() as folder:
            demo = pathlib.Path(folder) / "demo"
            suite = pathlib.Path(folder) / "suite.json"
            suite.write_text(json.dumps(SUITE))
            environment = dict(os.environ, MOEPLAN_DEMO_DIR=str(demo),
                               MOEPLAN_DEMO_SUITE=str(suite))
            environment.pop("MOEPLAN_SERVER", None)
            done = subprocess.run([ROOT / "scripts" / "demo"], cwd=ROOT,
                                  env=environment, capture_output=True,
                                  text=True, timeout=250, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            transcript = (demo / "transcript.txt").read_text()
        self.assertEqual(transcript, done.stdout)
        for phrase in ["MoE against dense", "What the runs could not determine",
                       "Stored as synthetic-demo", "by synthetic-demo",
                       "sent: calibrations/cpu-", "Best model for 24.0 h",
                       "The server ended with 0."]:
            self.assertIn(phrase, transcript)

    def test_a_table_that_deviates_is_told_from_one_that_does_not(self):
        with tempfile.TemporaryDirectory() as folder:
            ours = pathlib.Path(folder) / "ours.csv"
            printed = pathlib.Path(folder) / "printed.csv"
            printed.write_text("1e20,1e9,2e10,8,2.5\n")
            for row, code in [("true,8,1e9,2e10,2.5", 0),
                              ("true,16,1e9,2e10,2.5", 1),
                              ("true,8,1.02e9,2e10,2.5", 1),
                              ("true,8,1e9,1.9e10,2.5", 1),
                              ("true,8,1e9,2e10,2.502", 1),
                              ("false,8,1e9,2e10,2.5", 1)]:
                with self.subTest(row):
                    ours.write_text("is_best,granularity,active_params,"
                                    f"training_tokens,loss\n{row}\n")
                    done = subprocess.run(
                        [ROOT / "scripts" / "demo_compare", ours, printed],
                        capture_output=True, check=False)
                    self.assertEqual(done.returncode, code)


if __name__ == "__main__":
    unittest.main()
