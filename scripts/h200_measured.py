"""What a run of moeplan-worker measured, and what formulas say of it."""

import collections
import json
import re

MIB = 1 << 20
ELEMENT_BYTES = {"fp8": 1, "bf16": 2, "f32": 4}
EAGER = ".eager"  # ends the backend of what ran without a graph
# cuBLASLt's of one product on Hopper at most; streams of experts' products.
WORKSPACE_BYTES = 32 * MIB
STREAMS = 4


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
        self.kind = self.header.get("device", {}).get("kind", "unknown")
        self.is_h200 = "H200" in self.product

    def of(self, kind, dtype="bf16", **sizes):
        """What passed, but for what ran without a graph."""
        return [each for each in self.passed
                if each["operation"]["kind"] == kind and each["dtype"] == dtype
                and not each["backend"].endswith(EAGER)
                and all(each["operation"].get(name) == value
                        for name, value in sizes.items())]

    def copy_rate(self):
        """Bytes a second of the largest copy, read and written; 0 without."""
        rates = [(each["operation"]["bytes"], 2 * each["operation"]["bytes"] /
                  seconds(each)) for each in self.of("copy")]
        return max(rates)[1] if rates else 0

    def by_backend(self, dtype="bf16"):
        """{operation: {backend: seconds}}, the device's choice first."""
        found = collections.defaultdict(dict)
        for each in self.passed:
            if each["dtype"] == dtype:
                key = json.dumps(each["operation"], sort_keys=True)
                found[key].setdefault(each["backend"], seconds(each))
        return found

    def gaps(self):
        return (self.end or {}).get("coverage_gaps", [])


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


def product_flops(operation):
    if operation["kind"] == "gemm":
        return 2 * operation["m"] * operation["n"] * operation["k"]
    return 2 * sum(operation["rows_per_expert"]) * operation["in_width"] \
        * operation["out_width"]


def product_sizes(operation):
    """Rows (least first), and both widths of the matrix."""
    if operation["kind"] == "gemm":
        return [operation["m"]], [operation["n"], operation["k"]]
    return sorted(operation["rows_per_expert"]), [operation["in_width"],
                                                  operation["out_width"]]


def block_bytes(operation, dtype="bf16"):
    """Least and most bytes of a whole block with all that it keeps.

    Weights, and of each token its row before and after, the rows of its experts
    before and after, what is between their products, logits, and the expert and
    weight of each choice; a backward pass has the gradient of each. The most
    holds a workspace for each stream of each grouped product.
    """
    e = ELEMENT_BYTES[dtype]
    experts = len(operation["rows_per_expert"])
    choices, d_model = operation["experts_per_token"], operation["d_model"]
    inner = (3 if operation["gated"] else 2) * operation["expert_width"]
    kept = (e * (2 * d_model + choices * (2 * d_model + inner))
            + 4 * experts + 8 * choices)
    least = (operation["tokens"] * kept
             + e * experts * d_model * (1 + inner))
    products = 2
    if operation["pass"] == "backward":
        least *= 2
        products = 6
    return least, least + WORKSPACE_BYTES * (STREAMS * products + 1)


def predicted_blocks(report):
    """Predicted over measured time of each block, by its case's name."""
    table = re.compile(r"^(moe_block_\S+) .*  ([-+][\d.]+) %$", re.MULTILINE)
    return {name: 1 + float(off) / 100 for name, off in table.findall(report)}


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
