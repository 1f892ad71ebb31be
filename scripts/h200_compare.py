#!/usr/bin/env python3
"""Times the same operations by moeplan-worker and by PyTorch, in turn.

    scripts/h200_compare.py --worker PROGRAM [--device cuda|cpu] [--seconds N]
                            [--json FILE]

Rounds are PyTorch, worker, worker, PyTorch, so that a machine that warms up or
slows down favours neither; each gives a median for each operation. Prints the
ratio of the rates (above 1: the worker is faster) and by how much PyTorch's own
rounds differ. Where there is no PyTorch, no device for it, or no such operation
in it, that is said and is no error.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ORDER = ("torch", "worker", "worker", "torch")
WARM_UP_S = 0.2
LEAST_S = 0.25
LEAST_SAMPLES = 10
GIB = 1 << 30
PASSES = ("forward", "input_gradient", "weight_gradient")
# Experts, rows per expert, widths of the matrix; a CPU rehearses.
SIZES = {
    "cuda": {"gemm": 8192, "copy": 4 * GIB,
             "grouped": [(8, 4096, 4096, 28672), (32, 1024, 7168, 4096),
                         (16, 512, 2048, 2048)]},
    "cpu": {"gemm": 128, "copy": 1 << 20, "grouped": [(4, 32, 64, 96)]},
}


def zipf_rows(rows, experts):
    """Rows of each expert, in all as many, by weights 1 / rank."""
    total = sum(1 / rank for rank in range(1, experts + 1))
    counts = [int(rows / rank / total) for rank in range(1, experts + 1)]
    counts[0] += rows - sum(counts)
    return counts


def cases_for(device):
    """Operations as a suite file has them, by a name for people."""
    sizes = SIZES[device]
    n = sizes["gemm"]
    cases = {
        f"product {n}^3": {"operation": {"kind": "gemm", "m": n, "n": n, "k": n}},
        f"copy {sizes['copy'] / GIB:g} GiB": {
            "operation": {"kind": "copy", "bytes": sizes["copy"]}},
    }
    for experts, rows, width_in, width_out in sizes["grouped"]:
        for routing, counts in (("uniform", [rows] * experts),
                                ("zipf", zipf_rows(rows * experts, experts))):
            for one_pass in PASSES:
                name = (f"grouped {experts} x {rows}, {width_in} to {width_out}, "
                        f"{routing}, {one_pass}")
                cases[name] = {
                    "operation": {"kind": "grouped_gemm", "pass": one_pass,
                                  "in_width": width_in, "out_width": width_out},
                    "routing": {"pattern": "captured",
                                "rows_per_expert": counts}}
    first = next(iter(cases.values()))
    first["ceiling"] = True
    return {name: {"dtype": "bf16", **case} for name, case in cases.items()}


class Torch:
    """PyTorch's times; `reasons` says what it cannot do."""

    def __init__(self, torch, device):
        self.torch = torch
        self.device = device
        self.reasons = {}
        functional = torch.nn.functional
        self.grouped = getattr(functional, "grouped_mm", None) or getattr(
            torch, "_grouped_mm", None)

    def normal(self, *sizes):
        return self.torch.randn(*sizes, dtype=self.torch.bfloat16,
                                device=self.device)

    def runner(self, case):
        """A function that runs the case once."""
        torch, operation = self.torch, case["operation"]
        if operation["kind"] == "gemm":
            a = self.normal(operation["m"], operation["k"])
            b = self.normal(operation["k"], operation["n"])
            c = self.normal(operation["m"], operation["n"])
            return lambda: torch.matmul(a, b, out=c)
        if operation["kind"] == "copy":
            source = torch.randint(0, 255, (operation["bytes"],),
                                   dtype=torch.uint8, device=self.device)
            target = torch.empty_like(source)
            return lambda: target.copy_(source)
        if self.grouped is None:
            raise RuntimeError("this PyTorch has no grouped_mm")
        rows = case["routing"]["rows_per_expert"]
        x = self.normal(sum(rows), operation["in_width"])
        y = self.normal(sum(rows), operation["out_width"])
        w = self.normal(len(rows), operation["in_width"], operation["out_width"])
        ends = torch.tensor(rows, device=self.device).cumsum(0).to(torch.int32)
        operands = {"forward": (x, w), "weight_gradient": (x.t(), y),
                    "input_gradient": (y, w.transpose(-2, -1))}
        one, other = operands[operation["pass"]]
        return lambda: self.grouped(one, other, offs=ends)

    def seconds(self, run):
        """Of one run. On a GPU by its own clock."""
        if self.device == "cpu":
            began = time.perf_counter()
            run()
            return time.perf_counter() - began
        begin, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1000

    def round(self, cases, deadline):
        medians = {}
        for name, case in cases.items():
            if name in self.reasons or time.monotonic() > deadline:
                continue
            try:
                run = self.runner(case)
                warm = time.monotonic() + WARM_UP_S
                while time.monotonic() < warm:
                    self.seconds(run)
                samples, spent = [], 0.0
                while spent < LEAST_S or len(samples) < LEAST_SAMPLES:
                    samples.append(self.seconds(run))
                    spent += samples[-1]
                medians[name] = statistics.median(samples)
            except (RuntimeError, ValueError, TypeError) as error:
                self.reasons[name] = str(error).splitlines()[0][:200]
        if self.device != "cpu":
            self.torch.cuda.empty_cache()  # the worker's operands need room
        return medians


def worker_round(program, device, cases, deadline):
    """The worker's medians of the same cases."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        suite, run = folder / "suite.json", folder / "run.jsonl"
        suite.write_text(json.dumps({"protocol": "standard",
                                     "cases": list(cases.values())}))
        try:
            subprocess.run(
                [program, "run", "--suite", suite, "--device", device,
                 "--output", run], check=False,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                timeout=max(deadline - time.monotonic(), 1))
        except subprocess.TimeoutExpired:
            pass  # what was measured is on the disk
        lines = run.read_text().splitlines() if run.exists() else []
    measured = {}
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # torn
        if entry["type"] == "measurement" and "timing" in entry:
            key = operation_key(entry["operation"])
            measured[key] = entry["timing"]["median_seconds"]
    keys = {name: operation_key({**case["operation"], **{
        key: value for key, value in case.get("routing", {}).items()
        if key == "rows_per_expert"}}) for name, case in cases.items()}
    return {name: measured[key] for name, key in keys.items() if key in measured}


def operation_key(operation):
    return json.dumps(operation, sort_keys=True)


def compare(sides, names, order=ORDER):
    """Runs the rounds; for each name both sides' times and their ratio."""
    rounds = [(side, sides[side]()) for side in order]
    rows = []
    for name in names:
        times = {side: [medians[name] for each, medians in rounds
                        if each == side and name in medians] for side in sides}
        row = {"name": name, **{f"{side}_seconds": times[side] for side in sides}}
        if all(times.values()):
            torch, worker = (statistics.median(times[side])
                             for side in ("torch", "worker"))
            row["rate_ratio"] = torch / worker
            row["torch_spread"] = max(times["torch"]) / min(times["torch"]) - 1
        rows.append(row)
    return rows


def print_table(rows, reasons):
    width = max(len(row["name"]) for row in rows)
    print(f"{'beside PyTorch':{width}}  worker ms   torch ms  ratio  spread")
    for row in rows:
        if "rate_ratio" in row:
            worker, torch = (1000 * statistics.median(row[f"{side}_seconds"])
                             for side in ("worker", "torch"))
            print(f"{row['name']:{width}}  {worker:9.4f}  {torch:9.4f}  "
                  f"{row['rate_ratio']:5.3f}  {100 * row['torch_spread']:4.1f} %")
        else:
            why = reasons.get(row["name"], "not measured by both")
            print(f"{row['name']:{width}}  {why}")


def find_torch(device):
    """The module, or why there is none to compare with."""
    if device not in SIZES:
        return None, f"a {device} device is not compared with PyTorch"
    try:
        import torch  # pylint: disable=import-outside-toplevel
    except ImportError:
        return None, "PyTorch is not installed"
    if device == "cuda" and not torch.cuda.is_available():
        return None, "PyTorch sees no CUDA device"
    return torch, ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worker", required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=90)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    deadline = time.monotonic() + options.seconds
    device = options.device.split(":")[0]
    torch, reason = find_torch(device)
    found = {"torch": None, "reason": reason}
    if torch is None:
        print(f"no comparison: {reason}")
    else:
        cases = cases_for(device)
        ours = Torch(torch, device)
        rows = compare(
            {"torch": lambda: ours.round(cases, deadline),
             "worker": lambda: worker_round(options.worker, options.device,
                                            cases, deadline)}, list(cases))
        print_table(rows, ours.reasons)
        found = {"torch": torch.__version__, "order": ORDER, "rows": rows,
                 "reasons": ours.reasons}
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
