#!/usr/bin/env python3
"""Says which targets a run of moeplan-worker holds, from its measurements alone.

    scripts/h200_summary.py --folder FOLDER [--burst FILE] [--commit-to FILE]

Reads FOLDER/run.jsonl and, where they are, counters.jsonl (another run, with
counters), compare.json (scripts/h200_compare.py) and report.txt (`moeplan-worker
report`, and how soon it says that there is no GPU), and of FILE the ceiling that
was measured in bursts. Prints for each target of the
reference's section 9 its number, held, MISSED or - for no verdict, what was asked
for, the figure or why there is none, and the command that gives it; writes the
same to summary.json; and says how to commit the calibration. Rates that are
targets of an H200 are judged on an H200 only.
"""

import argparse
import json
import pathlib
import sys

from h200_measured import Run
from h200_targets import Evidence, verdicts

COMMIT_TO = "deploy/calibrations/nvidia-h200.json"


def word(held):
    return {True: "held", False: "MISSED", None: "-"}[held]


def what_to_commit(run, folder, target):
    source = folder / "calibration.json"
    if not run.is_h200 or run.kind != "cuda":
        return [f"Nothing to commit: this is {run.product}, no H200."]
    if run.end is None or not source.exists():
        return ["Nothing to commit yet: the run did not end; go on with it."]
    return ["To commit, where the repository is:",
            f"  cp {source} {target}",
            f"  git add {target} && git commit -m 'Calibration of an H200'"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--burst", type=pathlib.Path)
    parser.add_argument("--commit-to", default=COMMIT_TO)
    options = parser.parse_args()
    folder = options.folder

    def text(name):
        path = folder / name
        return path.read_text(encoding="utf-8") if path.exists() else ""

    run = Run(text("run.jsonl"))
    burst = Run(text(options.burst.absolute()) if options.burst else "")
    found = verdicts(Evidence(run, Run(text("counters.jsonl")),
                              json.loads(text("compare.json") or "{}"),
                              text("report.txt"), burst))
    print(f"\nTargets on {run.product}, {len(run.passed)} of "
          f"{len(run.measured)} cases passed")
    for each in found:
        number = f"{each.number:2}" if each.number else "  "
        print(f"{number} {word(each.held):6} {each.target}: {each.figure}\n"
              f"{'':10}{each.command}")
    (folder / "summary.json").write_text(json.dumps(
        {"product": run.product,
         "burst": burst.measured,
         "targets": [each._asdict() for each in found]}, indent=1) + "\n",
        encoding="utf-8")
    print("\n" + "\n".join(what_to_commit(run, folder, options.commit_to)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
