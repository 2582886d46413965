"""How soon does the table of a jsonl of a million rows, about one GB, show a page, and find a text?"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from encoding import WORDS
from figure import Figure, Measured

ROWS = 1_000_000
PAGES = 100


def measure() -> Measured:
    """The table in a process of its own, as in a kernel, with an empty cache."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        write_rows(path)
        gigabytes = path.stat().st_size / 1e9
        measured = subprocess.run(
            [sys.executable, __file__, str(path)],
            env={**os.environ, "LLMTUNE_CACHE": str(Path(folder) / "cache")},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    found = json.loads(measured.stdout)
    figures = [
        Figure("file", round(gigabytes, 2), "GB"),
        Figure("opening, until the first page is there", round(found["first_page"], 2), "s", "<= 1.5"),
        Figure("all rows can be searched after", round(found["whole"], 1), "s"),
        Figure(f"the slowest of {PAGES} pages anywhere", round(max(found["pages"]), 3), "s", "<= 0.2"),
        *(
            Figure(what, round(found[name], 2), "s", goal)
            for name, what, goal in (
                ("search", "search through all rows for what one holds", "<= 2"),
                ("search_page", "search for what many hold, first page", "<= 2"),
                ("filter", "filter by a number and a text, all rows", ""),
                ("sort", "sort by a number", ""),
                ("sorted_page", "a page of the sorted rows", "<= 0.2"),
                ("summary", "summary of the column of conversations", ""),
            )
        ),
        Figure("most memory of the process", round(found["memory"]), "MB", "<= 500"),
    ]
    return Measured(figures, found)


def write_rows(path: Path) -> None:
    """The same rows each time: a number, a label, and a conversation of about 150 words."""
    chance = random.Random(0)
    texts = [" ".join(chance.choices(WORDS, k=chance.randint(60, 140))) for _ in range(10_000)]
    with path.open("w") as file:
        for number in range(ROWS):
            question, answer, more = chance.choices(texts, k=3)
            file.write(
                f'{{"messages": [{{"role": "user", "content": "{number}: {question}?"}}, '
                f'{{"role": "assistant", "content": "{answer}. {more}."}}], '
                f'"source": "s{number % 7}", "score": {chance.randrange(10_000)}}}\n'
            )


def look(path: Path) -> dict[str, Any]:
    """Open the table and measure each step."""
    from llmtune_kernel.config.sources import SourceConfig
    from llmtune_kernel.data.sources import find_source
    from llmtune_kernel.data.table import RowTable, Sort, View

    def clock(step: Callable[[], object]) -> float:
        began = time.perf_counter()
        step()
        return time.perf_counter() - began

    began = time.perf_counter()
    table = RowTable(find_source(SourceConfig(source=str(path)), "data"))
    table.page(0, PAGES)
    first = time.perf_counter() - began
    while not table.is_done:
        table.store.wait(table.rows, 1)
    whole = time.perf_counter() - began
    chance = random.Random(1)
    places = [chance.randrange(ROWS - 100) for _ in range(PAGES)]
    by_score = View(sort=(Sort("score"),))
    found = {
        "first_page": first,
        "whole": whole,
        "pages": [clock(lambda at=at: table.page(at, 100)) for at in places],
        "search": clock(lambda: table.numbers(View(search=f"{ROWS - 10}: "))),
        "search_page": clock(lambda: table.page(0, 100, View(search="THE OF AND", filter="true"), wait=60)),
        "filter": clock(lambda: table.numbers(View(filter="score > 9900 and source = 's3'"))),
        "sort": clock(lambda: table.numbers(by_score)),
        "sorted_page": clock(lambda: table.page(ROWS // 2, 100, by_score)),
        "summary": clock(lambda: table.summarize("messages")),
    }
    table.close()
    return {**found, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3}


if __name__ == "__main__":
    json.dump(look(Path(sys.argv[1])), sys.stdout)
