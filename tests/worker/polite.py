"""Preference pairs that a tiny model can learn."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

KIND = ["thanks", "please", "welcome", "sure", "glad", "sorry", "fine", "nice"]
UNKIND = ["never", "no", "wrong", "bad", "stop", "enough", "boring", "later"]
WORDS = ["river", "stone", "cloud", "green", "paper", "seven", "music", "bread", "winter", "table"]


def polite_rows(count: int, seed: int) -> list[dict[str, str]]:
    """Pairs of random words of which the better answer, and only that, ends with thanks."""
    chosen = random.Random(seed)
    return [
        {
            "prompt": f"Say something about {chosen.choice(WORDS)}.",
            "chosen": f"{' '.join(chosen.choices(WORDS, k=3))} thanks",
            "rejected": f"{' '.join(chosen.choices(WORDS, k=3))} never",
        }
        for _ in range(count)
    ]


def graded_rows(count: int, seed: int) -> list[dict[str, str]]:
    """The same, of which the better answer ends with one of some kind words, and the worse one with an unkind one."""
    chosen = random.Random(seed)
    return [
        {
            **row,
            "chosen": row["chosen"].replace("thanks", chosen.choice(KIND)),
            "rejected": row["rejected"].replace("never", chosen.choice(UNKIND)),
        }
        for row in polite_rows(count, seed)
    ]


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
