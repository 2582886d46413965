"""What a data set looks like to the trainer, as plain values to be shown."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from llmtune_kernel.data.cutting import EncodedRows

BINS = 24
PROBLEMS = 20


def summarise(
    encoded: EncodedRows, tokenizer: Any, rows: int, columns: Sequence[str], first: int = 3
) -> dict[str, Any]:
    """Describe encoded rows.

    Args:
        rows, columns: How many rows the source has, and which columns.
        first: How many rows from the start to render.

    Returns:
        JSON values: `rows`; `columns`; `format`, `format_columns` (those read); `tokens`, `trained_tokens` after
        cutting; `truncated` rows; `lengths` in tokens before cutting: `min`, `median`, `p99` (99 of 100 rows are no
        longer), `max` and a histogram of `counts` between `edges` (one more than counts, the upper one excluded);
        `preview`: for each sequence of the first examples `row` (from 0), `side` (`chosen` or `rejected` of a
        preference, `desirable` or `undesirable` answer, else empty) and `spans` of `text`, `trained` or not; how many
        rows were `skipped` and `dropped`, and the first `problems` of them: `row`, `column`, `message`.
    """
    lengths = encoded.lengths.tolist()
    edges, counts = histogram(lengths)
    return {
        "rows": rows,
        "columns": list(columns),
        "format": format_names(encoded),
        "format_columns": list(dict.fromkeys(column for one in encoded.formats for column in one.columns)),
        "tokens": encoded.tokens,
        "trained_tokens": encoded.trained_tokens,
        "truncated": encoded.truncated,
        "skipped": len(encoded.skipped),
        "dropped": len(encoded.dropped),
        "problems": [
            {"row": problem.row, "column": problem.column, "message": str(problem)}
            for problem in encoded.left_out()[:PROBLEMS]
        ],
        "lengths": {
            "min": min(lengths),
            "median": statistics.median(lengths),
            "p99": sorted(lengths)[-(-99 * len(lengths) // 100) - 1],
            "max": max(lengths),
            "edges": edges,
            "counts": counts,
        },
        "preview": [
            shown for place in range(min(first, len(encoded))) for shown in _shown(encoded, place, tokenizer)
        ],
    }


def _shown(encoded: EncodedRows, place: int, tokenizer: Any) -> Iterator[dict[str, Any]]:
    sequences, places = encoded.example(place), encoded.windows.places[place]
    for sequence, number in zip(sequences, places, strict=True):
        spans = trained_spans(tokenizer, sequence.ids.tolist(), sequence.trained.tolist())
        side = side_name(encoded.sequences.sides[number], len(sequences))
        yield {"row": int(encoded.numbers[place]), "side": side, "spans": spans}


def side_name(side: int, sides: int) -> str:
    """What a sequence is to a judgement, of one that has two `sides` or one; empty where nothing is judged."""
    names = ("", "chosen", "rejected") if sides == 2 else ("", "desirable", "undesirable")
    return names[side]


def format_names(encoded: EncodedRows) -> str:
    """The formats of the sources of rows, each once."""
    return ", ".join(dict.fromkeys(format.name for format in encoded.formats))


def histogram(lengths: Sequence[int]) -> tuple[list[int], list[int]]:
    """Count `lengths` in at most 24 bins of equal, whole width: their edges, one more than counts, and counts."""
    low, high = min(lengths), max(lengths)
    width = -(-(high - low + 1) // BINS)
    counts = [0] * ((high - low) // width + 1)
    for length in lengths:
        counts[(length - low) // width] += 1
    return [low + width * number for number in range(len(counts) + 1)], counts


def trained_spans(tokenizer: Any, input_ids: Sequence[int], trained: Sequence[bool]) -> list[dict[str, Any]]:
    """Part the text of a sequence where training starts or ends; the parts joined are the decoded ids."""
    text = _decode(tokenizer, input_ids)
    spans, done, end = [], 0, 0
    for learned, run in groupby(trained):
        end += sum(1 for _ in run)
        # Decoded together with what is before it: a run alone may lose a space, or half of a character.
        before = text if end == len(trained) else _decode(tokenizer, input_ids[:end]).rstrip("\ufffd")
        reached = len(before)
        if reached > done:
            spans.append({"text": text[done:reached], "trained": learned})
            done = reached
    return spans


def _decode(tokenizer: Any, ids: Sequence[int]) -> str:
    text: str = tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return text
