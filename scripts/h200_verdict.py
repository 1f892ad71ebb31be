"""What is said of one target."""

from typing import NamedTuple, Optional

WORKER = "moeplan-worker"
MEASURE = f"{WORKER} run --suite standard --device cuda --dtype bf16,f32"
COMPARE = f"scripts/h200_compare.py --worker {WORKER}"
COUNT = f"{WORKER} run --counters --suite scripts/h200_counted.json --device cuda"
BURST = f"{WORKER} run --regime burst --suite scripts/h200_burst.json --device cuda"
REPORT = f"{WORKER} report run.jsonl"
NO_GPU = f"CUDA_VISIBLE_DEVICES= {WORKER} run --suite smoke --device cuda"
CPU = f"taskset -c 0,1 {WORKER} run --suite smoke --device cpu"


class Verdict(NamedTuple):
    number: int
    target: str
    figure: str
    held: Optional[bool]  # None: no verdict, and the figure says why
    command: str = MEASURE  # that gives the figure


def not_measured(number, target, why, command=MEASURE):
    return Verdict(number, target, f"not measured: {why}", None, command)
