"""Which languages encoded rows are in."""

from __future__ import annotations

import functools
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmtune_kernel.data.cutting import EncodedRows

_READ = 300  # rows whose language is told, or up to twice as many
_LEAST = 20  # characters by which a language can be told
_SURE = 0.5  # how likely a language is that is told
_TOLD = 0.02  # share of rows from which on a language is named

_loading = threading.Lock()


def load_languages() -> None:
    """Load what tells languages, which takes a second or two; once it is there, nothing."""
    _identifier()


def languages(encoded: EncodedRows, tokenizer: Any) -> Counter[str]:
    """How many rows of a sample are in which language (code of ISO 639), by what is learned of them.

    Rows whose language is uncertain are left out: those with short answers, code or numbers.
    """
    identify = _identifier()
    places = range(0, len(encoded), max(len(encoded) // _READ, 1))
    learned = (encoded.example(place)[0] for place in places)
    texts = (tokenizer.decode(one.ids[one.trained], skip_special_tokens=True).strip() for one in learned)
    found = (identify.classify(text) for text in texts if len(text) >= _LEAST)
    return Counter(code for code, likely in found if likely >= _SURE)


def shares(rows: Counter[str]) -> list[tuple[str, float]]:
    """Code and share of languages, the most frequent first; one in a few rows is not named."""
    total = rows.total()
    return [(code, count / total) for code, count in rows.most_common() if count / total >= _TOLD]


def _identifier() -> Any:
    with _loading:
        return _load()


@functools.cache
def _load() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
