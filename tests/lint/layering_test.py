"""The layering check finds each kind of violation that is planted."""

import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "lint"))

import layering  # noqa: E402  (its folder is no package)

# (file, line that it holds), each a violation of one arrow.
FORBIDDEN = [
    ("core/base/a.h", '#include "core/solve/least_squares.h"'),
    ("core/solve/a.h", '#include "core/arch/model_shape.h"'),
    ("core/arch/a.cc", '#include "core/law/joint_law.h"'),
    ("core/law/a.cc", '#include "core/fit/run_table.h"'),
    ("core/law/a.cc", '#include "core/plan/predict.h"'),
    ("core/fit/a.cc", '#include "core/calibration/time_model.h"'),
    ("core/calibration/a.cc", '#include "core/fit/run_table.h"'),
    ("core/fit/a.cc", '#include "core/plan/predict.h"'),
    ("core/plan/a.cc", '#include "moeplan/v1/planner.pb.h"'),
    ("core/plan/a.cc", '#include "server/convert/plan.h"'),
    ("core/law/a.cc", "#include <google/protobuf/message.h>"),
    ("core/law/a.cc", "#include <grpcpp/grpcpp.h>"),
    ("core/law/a.cc", "#include <sqlite3.h>"),
    ("core/law/a.cc", "#include <chrono>"),
    ("core/law/a.cc", "#include <iostream>"),
    ("core/law/a.cc", '#include "absl/time/time.h"'),
    ("core/law/a.cc", '#include "absl/flags/flag.h"'),
    ("core/law/a.cc", "#  include <glog/logging.h>"),
    ("core/law/a.cc", "#include <ceres/ceres.h>"),
    ("core/fit/a.cc", '#include "ceres/jet.h"'),
    ("core/solve/a.h", "#include <ceres/ceres.h>"),
    ("server/convert/a.cc", '#include "client/cpp/client.h"'),
    ("server/services/a.cc", "#include <sqlite3.h>"),
    ("server/services/a.cc", "#include <Eigen/Core>"),
    ("server/services/a.cc", '#include "tests/testing/server.h"'),
    ("client/cli/plan.cc", '#include "server/options.h"'),
    ("client/cli/plan.cc", '#include "core/law/joint_law.h"'),
    ("client/cpp/a.cc", '#include "client/cli/table.h"'),
    ("client/cpp/offline.cc", '#include "server/options.h"'),
    ("worker/bench/a.cc", '#include "core/law/joint_law.h"'),
    ("worker/bench/a.cc", '#include "moeplan/v1/calibration.pb.h"'),
    ("worker/bench/a.cc", "#include <cuda_runtime.h>"),
    ("worker/device/cpu.cc", "#include <cublasLt.h>"),
    ("worker/device/cpu.cc", '#include "client/cpp/client.h"'),
    ("core/base/a.cc", "#include <gtest/gtest.h>"),
    ("core/base/a.cc", '#include "tests/testing/laws.h"'),
    ("core/base/a.cc", '#include "b.h"'),
    ("core/unheard_of/a.cc", '#include "core/base/rng.h"'),
    ("client/cli/a.cc", "#include <sqlite3.h>"),
]

ALLOWED = [
    ("core/base/a.cc", '#include "core/base/b.h"'),
    ("core/plan/a.cc", '#include "core/calibration/time_model.h"'),
    ("core/plan/a.cc", '#include "core/fit/run_table.h"'),
    ("core/law/a.cc", '#include "absl/status/status.h"'),
    ("core/law/a.cc", "#include <vector>"),
    ("core/solve/a.cc", "#include <ceres/ceres.h>"),
    ("core/solve/dual.h", "#include <ceres/jet.h>"),
    ("core/fit/a.cc", "#include <Eigen/Core>"),
    ("server/convert/a.cc", '#include "core/plan/predict.h"'),
    ("server/convert/a.cc", '#include "google/rpc/error_details.pb.h"'),
    ("server/store/sqlite_store.cc", "#include <sqlite3.h>"),
    ("client/cli/offline.cc", '#include "server/lifecycle.h"'),
    ("client/cli/offline_channel.h", '#include "server/lifecycle.h"'),
    ("client/cli/plan.cc", '#include "core/base/quantity.h"'),
    ("client/cli/plan.cc", '#include "moeplan/v1/planner.pb.h"'),
    ("worker/report/a.cc", '#include "client/cpp/client.h"'),
    ("worker/device/cuda/cuda_device.cc", "#include <cuda_runtime.h>"),
    ("tests/unit/a.cc", '#include "tests/testing/laws.h"'),
    ("core/law/a.cc", '// #include "server/options.h"'),
]


class LayeringTest(unittest.TestCase):

    def check(self, file: str, line: str) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, file)
            path.parent.mkdir(parents=True)
            path.write_text("// A comment.\n" + line + "\n")
            found, count = layering.check(pathlib.Path(folder))
        self.assertEqual(count, 1)
        return found

    def test_planted_violations_are_found(self):
        for file, line in FORBIDDEN:
            with self.subTest(file=file, line=line):
                found = self.check(file, line)
                self.assertEqual(len(found), 1)
                self.assertTrue(found[0].startswith(f"{file}:2: "), found[0])

    def test_what_the_arrows_allow_passes(self):
        for file, line in ALLOWED:
            with self.subTest(file=file, line=line):
                self.assertEqual(self.check(file, line), [])

    def test_the_repository_keeps_the_arrows(self):
        found, count = layering.check(ROOT)
        self.assertEqual(found, [])
        self.assertGreater(count, 50)


if __name__ == "__main__":
    unittest.main()
