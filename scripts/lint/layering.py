#!/usr/bin/env python3
"""Checks the arrows of the house: who may include whom.

Prints each violation as path:line and exits 1 if there is one. The headers of
every dependency lie in /usr/include, so that neither the compiler nor the
linker would notice. tests/lint/layering_test.py plants violations.
"""

import pathlib
import re
import sys
from typing import Iterator, NamedTuple

SOURCE_SUFFIXES = {".cc", ".h", ".cu", ".cuh"}
ROOTS = ("core", "server", "client", "worker", "tests")

# The parts of the house, longest path first where one lies within another:
# path prefix -> prefixes of our own headers that it may include. "proto" stands
# for generated code ("moeplan/v1/...", "google/rpc/...").
CORE_ORDER = ("base", "solve", "arch", "law")
_CORE = {f"core/{name}/": [f"core/{left}/" for left in CORE_ORDER[:i + 1]]
         for i, name in enumerate(CORE_ORDER)}
_SCIENCE = _CORE["core/law/"]
OWN = {
    **_CORE,
    "core/fit/": [*_SCIENCE, "core/fit/"],
    "core/calibration/": [*_SCIENCE, "core/calibration/"],
    "core/plan/": [*_SCIENCE, "core/fit/", "core/calibration/", "core/plan/"],
    "server/": ["core/", "proto", "server/"],
    "client/cli/offline": ["core/base/", "proto", "client/", "server/"],
    "client/cli/": ["core/base/", "proto", "client/"],
    "client/cpp/": ["core/base/", "proto", "client/cpp/"],
    "worker/report/": ["core/base/", "core/arch/", "core/calibration/",
                       "proto", "client/cpp/", "worker/"],
    "worker/": ["core/base/", "core/arch/", "core/calibration/", "worker/"],
    "tests/": ["core/", "proto", "server/", "client/", "worker/", "tests/"],
}

# What a header is recognised by -> where it may be included from.
EXTERNAL = [
    ("Ceres", r"ceres/", [r"core/solve/.*\.cc$", r"core/solve/dual\.h$"]),
    ("Eigen", r"(Eigen|unsupported/Eigen)/", ["core/", "tests/"]),
    ("gRPC", r"(grpc|grpcpp|grpc\+\+)/",
     ["server/", "client/", "worker/report/", "tests/"]),
    ("protobuf", r"google/protobuf/",
     ["server/", "client/", "worker/report/", "tests/"]),
    ("SQLite", r"sqlite3\.h", ["server/store/", "tests/"]),
    ("PostgreSQL", r"(libpq-fe\.h|postgresql/)", ["server/store/"]),
    ("Prometheus", r"prometheus/", ["server/metrics/", "tests/"]),
    ("CLI11", r"CLI/", ["client/cli/", "server/", "worker/"]),
    ("JSON", r"nlohmann/", ["client/", "server/", "worker/report/", "tests/"]),
    ("CUDA", r"(cuda|cublas|cupti|cub/|nvml|mma\.h)",
     ["worker/device/cuda/", "worker/kernels/", "tests/gpu/",
      "tests/unit/worker/device/cuda/", "tests/testing/cuda/"]),
    ("GoogleTest", r"(gtest|gmock)/", ["tests/"]),
    ("Google Benchmark", r"benchmark/", ["tests/"]),
    # The science has no clocks, no logs, no flags and no files.
    ("a clock", r"(chrono|ctime|time\.h|sys/time\.h|absl/time/.*)$",
     ["server/", "client/", "worker/", "tests/"]),
    ("a stream or log", r"(iostream|fstream|glog/.*|absl/log/.*)$",
     ["server/", "client/", "worker/", "tests/"]),
    ("flags", r"(gflags/|absl/flags/)",
     ["server/", "client/", "worker/", "tests/"]),
    ("the file system", r"(filesystem|unistd\.h|fcntl\.h|sys/.*)$",
     ["server/", "client/", "worker/", "tests/"]),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


class Include(NamedTuple):
    line: int
    quoted: bool
    header: str


def includes(text: str) -> Iterator[Include]:
    for number, line in enumerate(text.splitlines(), start=1):
        match = INCLUDE.match(line)
        if match:
            yield Include(number, match[1] == '"', match[2])


def part_of(path: str) -> str | None:
    """The part of the house in which the file lies."""
    found = [prefix for prefix in OWN if path.startswith(prefix)]
    return max(found, key=len, default=None)


def own_name(header: str) -> str | None:
    """The header as the arrows name it; None if it is not ours."""
    if header.startswith(("moeplan/", "google/rpc/")):
        return "proto"
    return header if header.startswith(tuple(f"{r}/" for r in ROOTS)) else None


def violation(path: str, include: Include) -> str | None:
    """What is wrong with the include in the file; None if nothing."""
    for name, pattern, allowed in EXTERNAL:
        if re.match(pattern, include.header):
            if not any(re.match(place, path) for place in allowed):
                return f"{name} may not be included here"
            return None
    own = own_name(include.header)
    if own is None:
        if include.quoted and not include.header.startswith("absl/"):
            return "not a path from the repository root"
        return None
    part = part_of(path)
    if part is None:
        return "the file lies in no part of the house"
    if not any(own.startswith(prefix) for prefix in OWN[part]):
        return f"{part} may not include {own}"
    return None


def check(root: pathlib.Path) -> tuple[list[str], int]:
    """The violations under root, and how many files were read."""
    found, count = [], 0
    for folder in ROOTS:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in SOURCE_SUFFIXES:
                continue
            count += 1
            path = file.relative_to(root).as_posix()
            for include in includes(file.read_text(encoding="utf-8")):
                reason = violation(path, include)
                if reason:
                    found.append(f"{path}:{include.line}: "
                                 f"{include.header}: {reason}")
    return found, count


def main() -> int:
    root = pathlib.Path(__file__).resolve().parents[2]
    found, count = check(root)
    print("\n".join(found) if found else f"{count} files keep the arrows")
    return 1 if found or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
