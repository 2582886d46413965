"""Which languages encoded rows are in."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmtune_kernel.data.cutting import EncodedRows

_READ = 300  # rows whose language is told, or up to twice as many
_LEAST = 20  # characters by which a language can be told
_TOLD = 0.02  # share of rows from which on a language is named

_loading = threading.Lock()


def load_languages() -> None:
    """Load what tells languages, which takes a second or two; once it is there, nothing."""
    import py3langid  # type: ignore[import-untyped]

    with _loading:
        py3langid.classify("")


def languages(encoded: EncodedRows, tokenizer: Any) -> list[tuple[str, float]]:
    """Code (ISO 639) and share of the languages of what is learned in a sample of rows, the most frequent first."""
    load_languages()
    import py3langid

    learned = (encoded.example(place)[0] for place in sample(encoded))
    texts = (tokenizer.decode(one.ids[one.trained], skip_special_tokens=True).strip() for one in learned)
    found = Counter(py3langid.classify(text)[0] for text in texts if len(text) >= _LEAST)
    total = found.total()
    return [(code, rows / total) for code, rows in found.most_common() if rows / total >= _TOLD]


def sample(encoded: EncodedRows) -> range:
    """The places of the rows by which languages are told."""
    return range(0, len(encoded), max(len(encoded) // _READ, 1))
