#!/usr/bin/env python3
"""Says which targets a run of moeplan-worker holds, from its measurements alone.

    scripts/h200_summary.py --folder FOLDER [--commit-to FILE]

Reads FOLDER/run.jsonl and, where they are, counters.jsonl (another run, with
counters), compare.json (scripts/h200_compare.py) and report.txt (`moeplan-worker
report`). Prints for each target its number in
docs/measuring.md, the figure, what was asked for, and held, MISSED or why there
is no verdict; writes the same to summary.json; and says how to commit the
calibration. Rates that are targets of an H200 are judged on an H200 only.
"""

import argparse
import collections
import json
import pathlib
import re
import statistics
import sys
from typing import NamedTuple, Optional

MIB = 1 << 20
PEAK_H200 = 989.4e12  # dense bf16 at 1.83 GHz, by the datasheet
ELEMENT_BYTES = {"bf16": 2, "f32": 4}
COMMIT_TO = "deploy/calibrations/nvidia-h200.json"
# Between two measurements of one process; a longer gap is a resumed run.
LONGEST_GAP_S = 60


class Verdict(NamedTuple):
    number: int
    target: str
    figure: str
    held: Optional[bool]  # None: no verdict, and the figure says why


class Run:
    """A run.jsonl: of repeated measurements the last counts."""

    def __init__(self, text):
        self.header, self.end, cases = {}, None, {}
        for line in text.splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # torn by an interruption
            if entry["type"] == "run":
                self.header = entry
            elif entry["type"] == "end":
                self.end = entry
            else:
                cases[entry["case_name"]] = entry
        self.measured = list(cases.values())
        self.passed = [each for each in self.measured if "timing" in each]
        self.product = self.header.get("device", {}).get("product", "unknown")
        self.is_h200 = "H200" in self.product

    def of(self, kind, dtype="bf16", **sizes):
        return [each for each in self.passed
                if each["operation"]["kind"] == kind and each["dtype"] == dtype
                and all(each["operation"].get(name) == value
                        for name, value in sizes.items())]

    def copy_rate(self):
        """Bytes a second of the largest copy, read and written; 0 without."""
        rates = [(each["operation"]["bytes"], 2 * each["operation"]["bytes"] /
                  seconds(each)) for each in self.of("copy")]
        return max(rates)[1] if rates else 0

    def by_backend(self):
        """{operation: {backend: seconds}} of grouped products."""
        found = collections.defaultdict(dict)
        for each in self.of("grouped_gemm"):
            key = json.dumps(each["operation"], sort_keys=True)
            found[key][each["backend"]] = seconds(each)
        return {key: times for key, times in found.items() if len(times) > 1}


def seconds(measurement):
    return measurement["timing"]["median_seconds"]


def moved_bytes(operation, dtype):
    """Of routing and memory-bound operations, as core/calibration counts them."""
    e = ELEMENT_BYTES[dtype]
    kind = operation["kind"]
    if kind == "elementwise":
        return e * (operation["elements_read"] + operation["elements_written"])
    if kind == "optimizer":
        return 28 * operation["params"]
    tokens = operation["tokens"]
    rows = tokens * operation["experts_per_token"]
    factor = 3 if operation["pass"] == "backward" else 2
    return (8 * tokens * operation["experts"] + 16 * rows
            + e * (factor * rows + 2 * tokens) * operation["d_model"])


def dense_beside_torch(run, compared):
    rows = [row for row in compared.get("rows", [])
            if row["name"].startswith("product") and "rate_ratio" in row]
    if not rows:
        return Verdict(1, "within 3 % of torch.matmul",
                       compared.get("reason") or "not compared", None)
    ratio = rows[0]["rate_ratio"]
    return Verdict(1, "within 3 % of torch.matmul", f"{ratio:.3f} of its rate",
                   abs(ratio - 1) <= 0.03)


def dense_rate(run):
    found = run.of("gemm", m=8192, n=8192, k=8192)
    if not found:
        return Verdict(1, "740 to 830 TFLOP/s, 8192^3 bf16", "not measured", None)
    rate = 2 * 8192**3 / seconds(found[0])
    return Verdict(1, "740 to 830 TFLOP/s, 8192^3 bf16",
                   f"{rate / 1e12:.0f} TFLOP/s sustained",
                   740e12 <= rate <= 830e12 if run.is_h200 else None)


def grouped_beside_dense(run, least_rows, bar):
    target = f"lt_streams at least {bar} of lt_dense, from {least_rows} rows"
    ratios = []
    for key, times in run.by_backend().items():
        operation = json.loads(key)
        rows = operation["rows_per_expert"]
        if (operation["pass"] == "forward" and min(rows) >= least_rows
                and len(rows) <= 32 and operation["in_width"] >= 1024
                and operation["out_width"] >= 2 * 1024
                and {"lt_streams", "lt_dense"} <= times.keys()):
            ratios.append(times["lt_dense"] / times["lt_streams"])
    if not ratios:
        return Verdict(2, target, "not measured", None)
    return Verdict(2, target, f"{min(ratios):.3f} at worst of {len(ratios)}",
                   min(ratios) >= bar)


def grouped_beside_torch(run, compared):
    target = "geometric mean 0.95 and worst 0.80 of grouped_mm"
    ratios = [row["rate_ratio"] for row in compared.get("rows", [])
              if row["name"].startswith("grouped") and "rate_ratio" in row]
    if not ratios:
        return Verdict(3, target, compared.get("reason") or "not compared", None)
    mean = statistics.geometric_mean(ratios)
    return Verdict(3, target, f"{mean:.3f}, worst {min(ratios):.3f} of "
                   f"{len(ratios)}", mean >= 0.95 and min(ratios) >= 0.8)


def streams_beside_one(run):
    target = "four streams at most 2 % slower than one"
    ratios = [times["lt_streams"] / times["lt_one_stream"]
              for times in run.by_backend().values()
              if {"lt_streams", "lt_one_stream"} <= times.keys()]
    if not ratios:
        return Verdict(4, target, "not measured", None)
    return Verdict(4, target, f"{max(ratios):.3f} of its time at worst of "
                   f"{len(ratios)}", max(ratios) <= 1.02)


def block_rate(run, d_model, width, rows, share):
    """Forward and backward together, by the FLOPs of the experts alone."""
    name = f"block d{d_model} n{width} at {rows} rows"
    target = f"{name}: at least {share:.0%} of 989 TFLOP/s" if share else \
        f"{name}: published"
    found = {}
    for each in run.of("moe_block", d_model=d_model, expert_width=width,
                       gated=1):
        counts = each["operation"]["rows_per_expert"]
        if set(counts) == {rows}:
            found[each["operation"]["pass"]] = (sum(counts), seconds(each))
    if len(found) < 2:
        return Verdict(5, target, "not measured", None)
    flops = 18 * found["forward"][0] * d_model * width
    rate = flops / (found["forward"][1] + found["backward"][1])
    held = rate >= share * 989e12 if share and run.is_h200 else None
    return Verdict(5, target, f"{rate / 1e12:.1f} TFLOP/s, "
                   f"{rate / PEAK_H200:.1%} of an H200's peak", held)


def moved_share(run, kind, words, bar):
    target = f"{words} at least {bar:.0%} of copy, from 256 MiB"
    copy = run.copy_rate()
    shares = []
    for each in run.of(kind):
        moved = moved_bytes(each["operation"], each["dtype"])
        if moved >= 256 * MIB:
            shares.append(moved / seconds(each) / copy if copy else 0)
    if not shares or not copy:
        return Verdict(6, target, "not measured", None)
    return Verdict(6, target, f"{min(shares):.1%} at worst, "
                   f"{statistics.median(shares):.1%} typically of {len(shares)}",
                   min(shares) >= bar)


def narrow_intervals(run):
    target = "intervals within 1 % on 95 % of the points"
    widths = [(each["timing"]["upper_seconds"] - each["timing"]["lower_seconds"])
              / 2 / seconds(each) for each in run.passed]
    if not widths:
        return Verdict(7, target, "nothing passed", None)
    narrow = sum(width <= 0.01 for width in widths) / len(widths)
    return Verdict(7, target, f"{narrow:.1%} of {len(widths)}", narrow >= 0.95)


def steady_ceilings(run):
    target = "ceilings the same at the end within 2 %"
    if run.end is None:
        return Verdict(7, target, "the run did not end", None)
    drifted = [gap for gap in run.end.get("coverage_gaps", [])
               if gap.startswith("drifted")]
    return Verdict(7, target, drifted[0] if drifted else "none drifted",
                   not drifted)


def rates_below_peak(run):
    wrong = [each["case_name"] for each in run.measured
             if each["disposition"] == "above_peak"]
    known = bool(run.end and run.end.get("peaks"))
    return Verdict(8, "no rate above the clock-true peak",
                   f"{len(wrong)} of {len(run.measured)}" if known or wrong
                   else "the peak is not known",
                   not wrong if known or wrong else None)


def counted_flops(counted):
    """Over what the mathematics needs, where no tile is padded."""
    target = "executed FLOPs 0.99 to 1.02 of the needed ones, aligned"
    ratios = []
    for each in counted.of("gemm") + counted.of("grouped_gemm"):
        operation = each["operation"]
        if each["operation"]["kind"] == "gemm":
            sizes = {operation[name] for name in ("m", "n", "k")}
            flops = 2 * operation["m"] * operation["n"] * operation["k"]
        else:
            rows = operation["rows_per_expert"]
            widths = (operation["in_width"], operation["out_width"])
            sizes = {*rows, *widths}
            flops = 2 * sum(rows) * widths[0] * widths[1]
        # Only counters know of bytes: without them FLOPs are those of the tiles.
        if "counted_moved_bytes" in each and not any(n % 256 for n in sizes):
            ratios.append(each["executed_flops"] / flops)
    if not ratios:
        return Verdict(8, target, "no counters were read", None)
    return Verdict(8, target, f"{min(ratios):.3f} to {max(ratios):.3f} of "
                   f"{len(ratios)}", 0.99 <= min(ratios) and max(ratios) <= 1.02)


def correct_numbers(run):
    wrong = [each["case_name"] for each in run.measured
             if each["disposition"] in ("incorrect", "failed")]
    figure = f"{len(wrong)} of {len(run.measured)}"
    if wrong:
        figure += ": " + ", ".join(wrong[:3])
    return Verdict(0, "no case incorrect or failed", figure, not wrong)


def held_out_errors(report):
    """Mean errors of shapes left out of the fits, by class of operations."""
    found = {}
    table = re.compile(r"^(gemm|grouped_gemm\.\w+)\s+\d+\s+[\d.]+ %\s+"
                       r"([\d.]+) %\s+([\d.]+) %$", re.MULTILINE)
    parts = re.split(r"time model \d+, bf16", report, maxsplit=1)
    section = parts[1].partition("coefficients")[0] if len(parts) > 1 else ""
    for name, mean, worst in table.findall(section):
        found[name] = (float(mean), float(worst))
    return found


def model_errors(report):
    target = "held-out products: mean error 5 %, worst 20 %"
    found = held_out_errors(report)
    if not found:
        return Verdict(10, target, "no time model", None)
    mean = max(mean for mean, _ in found.values())
    worst = max(worst for _, worst in found.values())
    return Verdict(10, target, f"{mean:.1f} % and {worst:.1f} % in the worst of "
                   f"{len(found)} classes", mean <= 5 and worst <= 20)


def run_time(run):
    """Of the first number format, whose cases come first after the ceilings."""
    limits = {"smoke": 60, "standard": 300, "full": 600}
    suite = run.header.get("suite", "")
    target = f"suite {suite} within {limits.get(suite, 0)} s"
    first = run.measured[0]["dtype"] if run.measured else ""
    times = [run.header.get("start_unix_micros", 0)] + [
        each["time_unix_micros"] for each in run.measured
        if each["dtype"] == first]
    gaps = [(b - a) / 1e6 for a, b in zip(times, times[1:])]
    if suite not in limits or not gaps:
        return Verdict(13, target, "another suite", None)
    if max(gaps) > LONGEST_GAP_S:
        return Verdict(13, target, "the run was resumed", None)
    skipped = sum(each["disposition"] == "skipped" for each in run.measured)
    return Verdict(13, target, f"{sum(gaps):.0f} s in {first}, {skipped} skipped",
                   sum(gaps) <= limits[suite] and skipped == 0)


def verdicts(run, compared, report, counted):
    return [
        correct_numbers(run), dense_beside_torch(run, compared), dense_rate(run),
        grouped_beside_dense(run, 1024, 0.85),
        grouped_beside_dense(run, 4096, 0.90),
        grouped_beside_torch(run, compared), streams_beside_one(run),
        block_rate(run, 4096, 14336, 8192, 0.45),
        block_rate(run, 7168, 2048, 8192, 0.41),
        block_rate(run, 4096, 14336, 1024, 0), block_rate(run, 7168, 2048, 1024, 0),
        moved_share(run, "routing", "routing", 0.80),
        moved_share(run, "elementwise", "element-wise", 0.80),
        moved_share(run, "optimizer", "AdamW", 0.85),
        narrow_intervals(run), steady_ceilings(run), rates_below_peak(run),
        counted_flops(counted),
        model_errors(report),
        Verdict(11, "fp8 beside bf16", "fp8 is not measured", None),
        run_time(run)]


def word(held):
    return {True: "held", False: "MISSED", None: "-"}[held]


def what_to_commit(run, folder, target):
    source = folder / "calibration.json"
    if not run.is_h200 or run.header["device"]["kind"] != "cuda":
        return [f"Nothing to commit: this is {run.product}, no H200."]
    if run.end is None or not source.exists():
        return ["Nothing to commit yet: the run did not end; go on with it."]
    return ["To commit, where the repository is:",
            f"  cp {source} {target}",
            f"  git add {target} && git commit -m 'Calibration of an H200'"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--commit-to", default=COMMIT_TO)
    options = parser.parse_args()
    folder = options.folder

    def text(name):
        path = folder / name
        return path.read_text(encoding="utf-8") if path.exists() else ""

    run = Run(text("run.jsonl"))
    compared = json.loads(text("compare.json") or "{}")
    found = verdicts(run, compared, text("report.txt"),
                     Run(text("counters.jsonl")))
    print(f"\nTargets on {run.product}, {len(run.passed)} of "
          f"{len(run.measured)} cases passed")
    for each in found:
        number = f"{each.number:2}" if each.number else "  "
        print(f"{number} {word(each.held):6} {each.target}: {each.figure}")
    (folder / "summary.json").write_text(json.dumps(
        {"product": run.product,
         "targets": [each._asdict() for each in found]}, indent=1) + "\n",
        encoding="utf-8")
    print("\n" + "\n".join(what_to_commit(run, folder, options.commit_to)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
