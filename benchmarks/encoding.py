"""How many tokens a second are encoded with their labels, against `datasets.map` with `apply_chat_template`?"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from figure import Figure, Measured

ROWS = 6000
ROUNDS = 5
WORDS = (
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "you",
    "that",
    "it",
    "was",
    "for",
    "on",
    "are",
    "as",
    "with",
    "his",
)


def measure() -> Measured:
    """Ours, and `datasets.map` with one process and with one a core, in turns, on the same rows and tokenizer."""
    import datasets

    from llmtune_kernel.config import DataConfig, ModelConfig
    from llmtune_kernel.data.encoding import encode_rows
    from llmtune_kernel.models.loading import load_tokenizer
    from llmtune_kernel.models.sources import find_model

    datasets.disable_progress_bars()
    datasets.disable_caching()
    tokenizer, rows = load_tokenizer(find_model(ModelConfig())), conversations()
    table, config = datasets.Dataset.from_list(rows), DataConfig(train="rows.jsonl")
    cores = len(os.sched_getaffinity(0))

    def ids(row: dict[str, Any]) -> dict[str, Any]:
        return {"input_ids": tokenizer.apply_chat_template(row["messages"])["input_ids"]}

    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: encode_rows(rows, tokenizer, config),
        "map": lambda: table.map(ids, remove_columns=["messages"]),
        "map_on_all_cores": lambda: table.map(ids, remove_columns=["messages"], num_proc=cores),
    }
    tokens = encode_rows(rows, tokenizer, config).tokens
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            taken[name].append(round(time.perf_counter() - began, 3))
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    peer = min(medians["map"], medians["map_on_all_cores"])
    figures = [
        Figure("encoding with labels", round(tokens / medians["ours"]), "tokens/s"),
        Figure("datasets.map, the faster of one process and one a core", round(tokens / peer), "tokens/s"),
        Figure("ratio of the two", round(peer / medians["ours"], 2), "", ">= 1.5"),
    ]
    return Measured(figures, {"tokens": tokens, "cores": cores, "seconds": taken})


def conversations() -> list[dict[str, Any]]:
    """Random rows, the same each time: a question of 5 to 60 words and an answer of 20 to 200."""
    chance = random.Random(0)

    def text(least: int, most: int) -> str:
        return " ".join(chance.choices(WORDS, k=chance.randint(least, most))).capitalize() + "."

    return [
        {
            "messages": [
                {"role": "user", "content": text(5, 60)},
                {"role": "assistant", "content": text(20, 200)},
            ]
        }
        for _ in range(ROWS)
    ]
