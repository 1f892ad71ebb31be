"""Targets 1 to 6 and 11: how fast, beside what."""

import json
import statistics

from h200_measured import EAGER, MIB, moved_bytes, predicted_blocks, seconds
from h200_verdict import BURST, COMPARE, COUNT, REPORT, Verdict, not_measured

PEAK_H200 = 989.4e12  # dense bf16 at 1.83 GHz, by the datasheet


def dense_beside_torch(compared):
    target = "within 3 % of torch.matmul"
    rows = [row for row in compared.get("rows", [])
            if row["name"].startswith("product") and "rate_ratio" in row]
    if not rows:
        return not_measured(1, target, compared.get("reason") or "not compared",
                            COMPARE)
    ratio = rows[0]["rate_ratio"]
    return Verdict(1, target, f"{ratio:.3f} of its rate", abs(ratio - 1) <= 0.03,
                   COMPARE)


def dense_rate(run):
    target = "8192^3 bf16, sustained: recorded"
    found = run.of("gemm", m=8192, n=8192, k=8192)
    if not found:
        return not_measured(1, target, "no such product passed")
    return Verdict(1, target, f"{2 * 8192**3 / seconds(found[0]) / 1e12:.0f} "
                   "TFLOP/s", None)


def burst_rate(burst):
    """As published figures were measured: from a device that had idled."""
    target = "8192^3 bf16 after idling: 740 to 830 TFLOP/s"
    found = burst.of("gemm", m=8192, n=8192, k=8192)
    if not found:
        return not_measured(1, target, "no such product passed", BURST)
    rate = 2 * 8192**3 / seconds(found[0])
    return Verdict(1, target, f"{rate / 1e12:.0f} TFLOP/s",
                   740e12 <= rate <= 830e12 if burst.is_h200 else None, BURST)


def grouped_beside_dense(run, least_rows, bar):
    target = f"lt_streams at least {bar} of lt_dense, from {least_rows} rows"
    ratios = []
    for key, times in run.by_backend().items():
        operation = json.loads(key)
        if not {"lt_streams", "lt_dense"} <= times.keys():
            continue
        rows = operation["rows_per_expert"]
        if (operation["pass"] == "forward" and min(rows) >= least_rows
                and len(rows) <= 32 and operation["in_width"] >= 1024
                and operation["out_width"] >= 2 * 1024):
            ratios.append(times["lt_dense"] / times["lt_streams"])
    if not ratios:
        return not_measured(2, target, "no such pair passed")
    return Verdict(2, target, f"{min(ratios):.3f} at worst of {len(ratios)}",
                   min(ratios) >= bar)


def grouped_beside_torch(compared):
    target = "geometric mean 0.95 and worst 0.80 of grouped_mm"
    ratios = [row["rate_ratio"] for row in compared.get("rows", [])
              if row["name"].startswith("grouped") and "rate_ratio" in row]
    if not ratios:
        return not_measured(3, target, compared.get("reason") or "not compared",
                            COMPARE)
    mean = statistics.geometric_mean(ratios)
    return Verdict(3, target, f"{mean:.3f}, worst {min(ratios):.3f} of "
                   f"{len(ratios)}", mean >= 0.95 and min(ratios) >= 0.8, COMPARE)


def streams_beside_one(run):
    target = "four streams at most 2 % slower than one"
    ratios = [times["lt_streams"] / times["lt_one_stream"]
              for times in run.by_backend().values()
              if {"lt_streams", "lt_one_stream"} <= times.keys()]
    if not ratios:
        return not_measured(4, target, "no such pair passed")
    return Verdict(4, target, f"{max(ratios):.3f} of its time at worst of "
                   f"{len(ratios)}", max(ratios) <= 1.02)


def graph_beside_eager(run):
    """Within 2 %, by which one and the same measurement may differ (target 7)."""
    target = "a graph at most 2 % slower than its launches one by one"
    ratios = [times[backend.removesuffix(EAGER)] / eager
              for times in run.by_backend().values()
              for backend, eager in times.items()
              if backend.endswith(EAGER)
              and backend.removesuffix(EAGER) in times]
    if not ratios:
        lost = [each["disposition"] for each in run.measured
                if "_eager" in each["case_name"]]
        return not_measured(4, target, f"{lost[0]}, as {len(lost)} such cases"
                            if lost else "no case ran without a graph")
    return Verdict(4, target, f"{min(ratios):.3f} to {max(ratios):.3f} of their "
                   f"time, of {len(ratios)}", max(ratios) <= 1.02)


def blocks_of(run, d_model, width, rows):
    """Both passes of the gated block whose experts have `rows` each, by name."""
    found = {each["operation"]["pass"]: each
             for each in run.of("moe_block", d_model=d_model, expert_width=width,
                                gated=True)
             if set(each["operation"]["rows_per_expert"]) == {rows}}
    return found if len(found) == 2 else {}


def block_rate(run, d_model, width, rows, share):
    """Forward and backward together, by the FLOPs of the experts alone."""
    name = f"block d{d_model} n{width} at {rows} rows"
    target = f"{name}: at least {share:.0%} of 989 TFLOP/s" if share else \
        f"{name}: published"
    found = blocks_of(run, d_model, width, rows)
    if not found:
        return not_measured(5, target, "not both passes passed")
    all_rows = sum(found["forward"]["operation"]["rows_per_expert"])
    rate = 18 * all_rows * d_model * width / sum(map(seconds, found.values()))
    held = rate >= share * 989e12 if share and run.is_h200 else None
    return Verdict(5, target, f"{rate / 1e12:.1f} TFLOP/s, "
                   f"{rate / PEAK_H200:.1%} of an H200's peak", held)


def block_beside_model(run, report, d_model, width, rows):
    """Forward and backward together, as the time model of this very run has it."""
    target = (f"block d{d_model} n{width} at {rows} rows: within 8 % of the "
              "time model")
    found = blocks_of(run, d_model, width, rows)
    ratios = predicted_blocks(report)
    if not found or any(each["case_name"] not in ratios
                        for each in found.values()):
        return not_measured(5, target, "no time model of it" if found
                            else "not both passes passed", REPORT)
    measured = sum(map(seconds, found.values()))
    predicted = sum(ratios[each["case_name"]] * seconds(each)
                    for each in found.values())
    return Verdict(5, target, f"predicted {predicted / measured:.3f} of the "
                   "measured time", abs(predicted / measured - 1) <= 0.08, REPORT)


def moved_share(run, kind, words, bar):
    target = f"{words} at least {bar:.0%} of copy, from 256 MiB"
    copy = run.copy_rate()
    shares = []
    for each in run.of(kind):
        moved = moved_bytes(each["operation"], each["dtype"])
        if moved >= 256 * MIB:
            shares.append(moved / seconds(each) / copy if copy else 0)
    if not shares or not copy:
        return not_measured(6, target, "no such case passed" if copy
                            else "no copy passed")
    return Verdict(6, target, f"{min(shares):.1%} at worst, "
                   f"{statistics.median(shares):.1%} typically of {len(shares)}",
                   min(shares) >= bar)


def fp8_beside_bf16(runs, kind, words):
    """Of the shapes that one run measured in both formats."""
    target = (f"fp8 {words}, quantising inside: 0.95 to 1.25 of bf16's rate, "
              "above 1.6 suspect")
    ratios = []
    for run in runs:
        in_bf16 = run.by_backend("bf16")
        ratios += [next(iter(in_bf16[key].values())) / next(iter(times.values()))
                   for key, times in run.by_backend("fp8").items()
                   if key in in_bf16 and json.loads(key)["kind"] == kind]
    if not ratios:
        return not_measured(11, target, "none passed in both formats", COUNT)
    mean = statistics.geometric_mean(ratios)
    return Verdict(11, target, f"{mean:.3f}, {min(ratios):.3f} to "
                   f"{max(ratios):.3f} of {len(ratios)}",
                   mean >= 0.95 and max(ratios) <= 1.6, COUNT)
