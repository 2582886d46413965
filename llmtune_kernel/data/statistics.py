"""What is worth knowing of encoded rows: lengths, those that are there twice, what is wrong with others, languages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from llmtune_kernel.config import DataConfig
from llmtune_kernel.data.cutting import EncodedRows
from llmtune_kernel.data.duplicates import MOST_COMPARED, duplicates, near_duplicates
from llmtune_kernel.data.languages import languages, shares
from llmtune_kernel.data.length_groups import joined, length_groups
from llmtune_kernel.data.problems import RowProblem

_NAMED = 500
_DRAWN = 500  # groups of lengths while rows are read


def statistics(
    encoded: EncodedRows, tokenizer: Any, config: DataConfig, on_progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """What is worth knowing of rows.

    Args:
        on_progress: Told rows compared and rows in all; may raise to interrupt.

    Returns:
        JSON values: `groups`, see `length_groups`; `duplicates` and `near_duplicates` (rows that are nearly an earlier
        one): `count` and the first `rows`, each with the earlier one; `compared`: how many rows were looked at for the
        latter; `left_out`: for each `kind` of problem `count`, the first `rows` and what is wrong with the first one
        (`message`); `languages`: code (ISO 639) and share of the rows that are trained on, from a sample; a share under
        2% is not named.
    """
    same, near = duplicates(encoded), near_duplicates(encoded, on_progress=on_progress)
    near = {row: twin for row, twin in near.items() if row not in same}
    kinds: dict[str, dict[str, Any]] = {}
    _count_problems(kinds, encoded.left_out())
    return {
        "groups": length_groups(encoded, config),
        "duplicates": _twins(same),
        "near_duplicates": _twins(near),
        "compared": min(len(encoded.lengths), MOST_COMPARED),
        "left_out": list(kinds.values()),
        "languages": shares(languages(encoded, tokenizer)),
    }


class Growing:
    """What is known of rows while more of them are read."""

    def __init__(self, config: DataConfig) -> None:
        self._config = config
        self._known: dict[str, Any] = {}
        self._left_out: dict[str, dict[str, Any]] = {}

    def add(self, encoded: EncodedRows) -> None:
        """Take further rows in."""
        groups, known = length_groups(encoded, self._config), self._known
        _count_problems(self._left_out, encoded.left_out())
        self._known = {
            "rows": known.get("rows", 0) + len(encoded.lengths) + len(encoded.left_out()),
            "tokens": known.get("tokens", 0) + encoded.tokens,
            "trained_tokens": known.get("trained_tokens", 0) + encoded.trained_tokens,
            "groups": joined(known["groups"], groups, _DRAWN) if known else groups,
        }

    def so_far(self) -> dict[str, Any] | None:
        """JSON values: of the `rows` that were taken in `tokens` and `trained_tokens` after cutting; `groups` of
        similar lengths; `left_out` as of `statistics`. None if there were no rows."""
        return (self._known and {**self._known, "left_out": list(self._left_out.values())}) or None


def details(encoded: EncodedRows) -> dict[str, Any]:
    """What is known of each row, as JSON values.

    Returns:
        `rows` and `lengths`: numbers of the rows that are used, and their tokens before cutting; `problems`: of the
        others `row`, `column`, `reason`, `fix`.
    """
    return {
        "rows": list(dict.fromkeys(encoded.numbers.tolist())),
        "lengths": encoded.lengths.tolist(),
        "problems": [[one.row, one.column, one.reason, one.fix] for one in encoded.left_out()],
    }


def _twins(twins: dict[int, int]) -> dict[str, Any]:
    return {"count": len(twins), "rows": [list(pair) for pair in sorted(twins.items())[:_NAMED]]}


def _count_problems(kinds: dict[str, dict[str, Any]], problems: Iterable[RowProblem]) -> None:
    for problem in problems:
        new: dict[str, Any] = {"kind": problem.kind, "count": 0, "rows": [], "message": str(problem)}
        kind = kinds.setdefault(problem.kind, new)
        kind["count"] += 1
        if len(kind["rows"]) < _NAMED:
            kind["rows"].append(problem.row)
