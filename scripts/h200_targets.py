"""All targets of the reference's section 9, judged by a run of moeplan-worker."""

import re
import statistics
from typing import NamedTuple

from h200_measured import (MIB, Run, block_bytes, held_out_errors,
                           predicted_blocks, product_flops, product_sizes,
                           seconds)
from h200_rates import (block_beside_model, block_rate, burst_rate,
                        dense_beside_torch, dense_rate, fp8_beside_bf16,
                        graph_beside_eager, grouped_beside_dense,
                        grouped_beside_torch, moved_share, streams_beside_one)
from h200_verdict import (COUNT, CPU, MEASURE, NO_GPU, REPORT, WORKER, Verdict,
                          not_measured)

# Between two measurements of one process; a longer gap is a resumed run.
LONGEST_GAP_S = 60
LIMITS_S = {"smoke": 60, "standard": 300, "full": 600}


class Evidence(NamedTuple):
    """All that verdicts rest on."""

    run: Run
    counted: Run  # another one, with counters
    compared: dict  # compare.json
    report: str  # report.txt
    burst: Run  # of single products after idling


def correct_numbers(run):
    wrong = [each["case_name"] for each in run.measured
             if each["disposition"] in ("incorrect", "failed")]
    figure = f"{len(wrong)} of {len(run.measured)}"
    if wrong:
        figure += ": " + ", ".join(wrong[:3])
    return Verdict(0, "no case incorrect or failed", figure, not wrong)


def narrow_intervals(run):
    target = "intervals within 1 % on 95 % of the points"
    widths = [(each["timing"]["upper_seconds"] - each["timing"]["lower_seconds"])
              / 2 / seconds(each) for each in run.passed]
    if not widths:
        return not_measured(7, target, "nothing passed")
    narrow = sum(width <= 0.01 for width in widths) / len(widths)
    return Verdict(7, target, f"{narrow:.1%} of {len(widths)}", narrow >= 0.95)


def steady_ceilings(run):
    target = "ceilings the same at the end within 2 %"
    if run.end is None:
        return not_measured(7, target, "the run did not end")
    drifted = [gap for gap in run.gaps() if gap.startswith("drifted")]
    return Verdict(7, target, drifted[0] if drifted else "none drifted",
                   not drifted)


def same_in_another_run(run, counted):
    """Another process, minutes later, times cases before it counts them."""
    target = "another run within 2 % on 95 % of its cases"
    before = {each["case_name"]: seconds(each) for each in run.passed}
    off = [abs(seconds(each) / before[each["case_name"]] - 1)
           for each in counted.passed if each["case_name"] in before]
    if counted is run or not off:
        return not_measured(7, target, "no other run of the same cases", COUNT)
    near = sum(each <= 0.02 for each in off) / len(off)
    return Verdict(7, target, f"{near:.0%} of {len(off)}, {max(off):.1%} at worst",
                   near >= 0.95, COUNT)


def rates_below_peak(run):
    wrong = [each["case_name"] for each in run.measured
             if each["disposition"] == "above_peak"]
    known = bool(run.end and run.end.get("peaks"))
    target = "no rate above the clock-true peak"
    if not known and not wrong:
        return not_measured(8, target, "the peak is not known")
    return Verdict(8, target, f"{len(wrong)} of {len(run.measured)}", not wrong)


def why_not_counted(counted):
    if not counted.measured:
        return "counting did not run"
    said = [gap for gap in counted.gaps() if "not counted" in gap]
    return said[0] if said else "no counters were read"


def counted_flops(counted):
    """Over what the mathematics needs, where no tile is padded."""
    target = "executed FLOPs 0.99 to 1.02 of the needed ones, aligned"
    ratios = []
    for each in counted.of("gemm") + counted.of("grouped_gemm"):
        rows, widths = product_sizes(each["operation"])
        # Only counters know of bytes: without them FLOPs are those of the tiles.
        if "counted_moved_bytes" in each and "executed_flops" in each \
                and not any(n % 256 for n in rows + widths):
            ratios.append(each["executed_flops"]
                          / product_flops(each["operation"]))
    if not ratios:
        return not_measured(8, target, why_not_counted(counted), COUNT)
    return Verdict(8, target, f"{min(ratios):.3f} to {max(ratios):.3f} of "
                   f"{len(ratios)}", 0.99 <= min(ratios) and max(ratios) <= 1.02,
                   COUNT)


def hgmma_share(counted):
    """Of products whose rows of operands are all aligned to 16 bytes."""
    target = "hgmma above 99 % of tensor cores' work, aligned, from 128 rows"
    shares = {}
    for each in counted.of("gemm") + counted.of("grouped_gemm"):
        rows, widths = product_sizes(each["operation"])
        if "hgmma_share" in each and rows[0] >= 128 and min(widths) >= 512 \
                and not any(n % 8 for n in rows + widths):
            shares[each["case_name"]] = each["hgmma_share"]
    if not shares:
        return not_measured(9, target, why_not_counted(counted), COUNT)
    worst = min(shares, key=shares.get)
    return Verdict(9, target, f"{shares[worst]:.2%} at worst of {len(shares)}, "
                   f"{worst}", shares[worst] > 0.99, COUNT)


def model_errors(report):
    target = "held-out products: mean error 5 %, worst 20 %"
    found = held_out_errors(report)
    if not found:
        return not_measured(10, target, "no time model", REPORT)
    mean = max(mean for mean, _ in found.values())
    worst = max(worst for _, worst in found.values())
    return Verdict(10, target, f"{mean:.1f} % and {worst:.1f} % in the worst of "
                   f"{len(found)} classes", mean <= 5 and worst <= 20, REPORT)


def block_errors(run, report):
    """Of each block, from its parts and what sequence costs the other blocks."""
    target = "held-out blocks: mean error 8 %, worst 20 %"
    known = predicted_blocks(report)
    ratios = [known[each["case_name"]] for each in run.of("moe_block")
              if each["case_name"] in known]
    if len(ratios) < 2:
        return not_measured(10, target, "no time model of blocks", REPORT)
    off = []
    for i, ratio in enumerate(ratios):
        others = statistics.median(1 / each for j, each in enumerate(ratios)
                                   if j != i)
        off.append(abs(ratio * others - 1))
    mean = statistics.fmean(off)
    return Verdict(10, target, f"{mean:.1%} and {max(off):.1%} of {len(off)}",
                   mean <= 0.08 and max(off) <= 0.2, REPORT)


def peak_memory(run, field, words, most):
    """Of whole blocks from 1 GiB, where small things beside them are small."""
    target = f"blocks' memory ({words}) within {most:.0%} of the formula"
    # What the device needs at least beside operands is no block's.
    beside = [each["device_memory_bytes"] - each["peak_memory_bytes"]
              for each in run.passed if "device_memory_bytes" in each]
    context = min(beside, default=0) if field == "device_memory_bytes" else 0
    off = []
    for each in run.of("moe_block"):
        least, upmost = (context + bound
                         for bound in block_bytes(each["operation"]))
        if field in each and least >= 1024 * MIB:
            used = each[field]
            off.append(max(least - used, used - upmost, 0) / least)
    if run.kind != "cuda" or not off:
        return not_measured(12, target, f"{run.product} is no GPU"
                            if run.kind != "cuda" else "no such block tells")
    return Verdict(12, target, f"{max(off):.1%} unexplained at worst of "
                   f"{len(off)}", max(off) <= most)


def run_time(run, suite, command):
    """Of the first number format, whose cases come first after the ceilings."""
    target = f"suite {suite} within {LIMITS_S[suite]} s"
    own = run.header.get("suite", "no suite")
    if own != suite:
        return not_measured(13, target, f"this is a run of {own}", command)
    first = run.measured[0]["dtype"] if run.measured else ""
    times = sorted([run.header.get("start_unix_micros", 0)] + [
        each["time_unix_micros"] for each in run.measured
        if each["dtype"] == first])
    gaps = [(b - a) / 1e6 for a, b in zip(times, times[1:])]
    if not gaps or max(gaps) > LONGEST_GAP_S:
        return not_measured(13, target, "the run was resumed", command)
    skipped = sum(each["disposition"] == "skipped" for each in run.measured)
    return Verdict(13, target, f"{sum(gaps):.0f} s in {first}, {skipped} skipped",
                   sum(gaps) <= LIMITS_S[suite] and skipped == 0, command)


def message_without_gpu(report):
    target = "without a GPU a typed message within 2 s"
    found = re.search(r"^without a GPU: exit code (\d+) after ([\d.]+) s$",
                      report, re.MULTILINE)
    if not found:
        return not_measured(15, target, "not tried", NO_GPU)
    code, spent = int(found[1]), float(found[2])
    return Verdict(15, target, f"exit code {code} after {spent:.2f} s",
                   code in (5, 6) and spent <= 2, NO_GPU)


def cpu_suite(run):
    target = "the CPU's suite within 180 s on two cores"
    if run.kind != "cpu":
        return not_measured(15, target, f"this is {run.product}", CPU)
    if run.end is None:
        return not_measured(15, target, "the run did not end", CPU)
    spent = (run.end["end_unix_micros"] - run.header["start_unix_micros"]) / 1e6
    return Verdict(15, target, f"{spent:.0f} s for {len(run.measured)} cases",
                   spent <= 180, CPU)


def verdicts(evidence):
    run, counted, compared, report, burst = evidence
    return [
        correct_numbers(run), dense_beside_torch(compared), dense_rate(run),
        burst_rate(burst),
        grouped_beside_dense(run, 1024, 0.85),
        grouped_beside_dense(run, 4096, 0.90), grouped_beside_torch(compared),
        streams_beside_one(run), graph_beside_eager(run),
        block_rate(run, 4096, 14336, 8192, 0.45),
        block_rate(run, 7168, 2048, 8192, 0.41),
        block_rate(run, 4096, 14336, 1024, 0),
        block_beside_model(run, report, 4096, 14336, 1024),
        block_rate(run, 7168, 2048, 1024, 0),
        block_beside_model(run, report, 7168, 2048, 1024),
        moved_share(run, "routing", "routing", 0.80),
        moved_share(run, "elementwise", "element-wise", 0.80),
        moved_share(run, "optimizer", "AdamW", 0.85), narrow_intervals(run),
        steady_ceilings(run), same_in_another_run(run, counted),
        rates_below_peak(run), counted_flops(counted), hgmma_share(counted),
        model_errors(report), block_errors(run, report),
        not_measured(10, "held-out steps: mean error 10 %",
                     "the worker measures blocks, no whole step"),
        fp8_beside_bf16((run, counted), "grouped_gemm", "experts"),
        fp8_beside_bf16((run, counted), "gemm", "products"),
        peak_memory(run, "peak_memory_bytes", "own buffers", 0.02),
        peak_memory(run, "device_memory_bytes", "of the device", 0.05),
        run_time(run, "smoke", f"{WORKER} run --suite smoke --device cuda"),
        run_time(run, "standard", MEASURE),
        run_time(run, "full", f"{WORKER} run --suite full --device cuda"),
        not_measured(14, "two devices within 3 %", "this is one device"),
        message_without_gpu(report), cpu_suite(run)]
