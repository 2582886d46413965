"""Measure what the README claims: `make bench`, or `python benchmarks/run.py NAME …` for some of the benchmarks.

Prints one table and writes `results/NAME.json` for each benchmark that ran.
"""

from __future__ import annotations

import dataclasses
import datetime
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import machine
from figure import Skipped

RESULTS = Path(__file__).with_name("results")
BENCHMARKS = (
    "import_time",
    "shift_enter",
    "browser_bytes",
    "encoding",
    "table",
    "speed",
    "architectures",
    "memory",
    "gpu",
)


def main(names: list[str]) -> int:
    """Run the named benchmarks, all without names.

    The exit code is 2 for a name that is none, and 1 where one that is named could not be run.
    """
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        say(f"No benchmark {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}")
        return 2
    described = machine.describe()
    say(
        f"{described['cpu']}, {described['cores']} cores, {described['memory_gib']} GiB, {described['system']}",
        *described["gpus"],
        ", ".join([f"Python {described['python']}", *(f"{k} {v}" for k, v in described["versions"].items())]),
        "",
        f"{'':<14}{'figure':<58}{'value':>12} {'unit':<10}goal",
    )
    ran = [run(name, described) for name in names or BENCHMARKS]
    return int(bool(names) and not all(ran))


def run(name: str, described: dict[str, Any]) -> bool:
    """Run one benchmark, show its figures and write its file; False where it cannot be run here."""
    before = os.getloadavg()[0]
    try:
        measured = importlib.import_module(name).measure()
    except Skipped as reason:
        say(f"{name:<14}skipped: {reason}")
        return False
    load = [round(before, 2), round(os.getloadavg()[0], 2)]
    for figure in measured.figures:
        say(f"{name:<14}{figure.what:<58}{figure.value:>12,} {figure.unit:<10}{figure.goal}")
    say(f"{name:<14}load average of a minute, before and after: {load[0]}, {load[1]}")
    result = {
        "benchmark": name,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": described,
        "load_average": load,
        **dataclasses.asdict(measured),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    return True


def say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
