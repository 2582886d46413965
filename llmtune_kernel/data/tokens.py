"""Token ids of texts, and which of them lie in given spans of characters."""

from __future__ import annotations

import json
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from llmtune_kernel.data.sequences import Ids, Mask

Span = tuple[int, int]

# Steps before the model that keep every byte, or leave some out: none writes one that was not there.
_KEEPING = ("ByteLevel", "Split", "Digits")


class Tokens(Protocol):
    """The tokens of a text: `ids` (tokens,)."""

    @property
    def ids(self) -> Ids: ...

    def within(self, spans: Sequence[Span], special: Container[int]) -> Mask:
        """Which tokens (tokens,) hold a character of a span.

        Args:
            spans: Spans of characters, in order, not overlapping.
            special: Ids of special tokens, which count only where they lie in a span as a whole.
        """


@dataclass(frozen=True)
class TokensByCharacters:
    """Tokens with the characters that each covers, in order; a character of several tokens is covered by each."""

    ids: Ids
    offsets: list[Span]

    def within(self, spans: Sequence[Span], special: Container[int]) -> Mask:
        """See `Tokens`. Special tokens may cover white space beyond their own text."""
        ids, offsets = self.ids, self.offsets
        mask = np.zeros(len(ids), dtype=np.bool_)
        for begins, ends in spans:
            if begins == ends:
                continue
            # White space that a tokenizer leaves out of the offsets belongs to the token that follows it.
            first = bisect_right(offsets, begins, key=_stop)
            last = bisect_left(offsets, ends, key=_stop) + 1
            while last < len(ids) and offsets[last][0] < ends:
                last += 1
            last = min(last, len(ids))
            if first < last and int(ids[first]) in special:
                reached = offsets[first - 1][1] if first else 0
                first += min(offsets[first][0], reached) < begins
            if first < last and int(ids[last - 1]) in special:
                last -= offsets[last - 1][1] > ends
            mask[first:last] = True
        return mask


@dataclass(frozen=True)
class TokensByBytes:
    """Tokens whose bytes, one after the other, are the text: `stops` (tokens,) is where each ends, in bytes."""

    ids: Ids
    stops: NDArray[np.int64]
    text: str

    def within(self, spans: Sequence[Span], special: Container[int]) -> Mask:
        """See `Tokens`."""
        mask = np.zeros(len(self.ids), dtype=np.bool_)
        for begins, ends in [(self._byte(begin), self._byte(end)) for begin, end in spans if begin < end]:
            first, last = self.stops.searchsorted(begins, "right"), self.stops.searchsorted(ends) + 1
            if int(self.ids[first]) in special and first and self.stops[first - 1] < begins:
                first += 1
            if int(self.ids[last - 1]) in special and self.stops[last - 1] > ends:
                last -= 1
            mask[first:last] = True
        return mask

    def _byte(self, character: int) -> int:
        return character if self.text.isascii() else len(self.text[:character].encode())


class TextTokenizer:
    """Encodes many texts at a time.

    Where tokens are bytes of the text, as with byte-level BPE, their places follow from their lengths; the library
    needs half as long again to find them.

    Args:
        backend: A `tokenizers.Tokenizer`.
    """

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._normalizers = _steps(backend.normalizer)
        self._by_bytes = self._are_bytes()
        added = backend.get_added_tokens_decoder()
        self._lengths = np.full(max([backend.get_vocab_size(), *(number + 1 for number in added)]), -1)
        for number, token in added.items():
            self._lengths[number] = len(token.content.encode())

    def encode(self, texts: Sequence[str], *, add_special_tokens: bool) -> list[Tokens]:
        """The tokens of each of `texts`."""
        if not self._by_bytes:
            return [*with_offsets(self._backend, texts, add_special_tokens=add_special_tokens)]
        encodings = self._backend.encode_batch_fast(list(texts), add_special_tokens=add_special_tokens)
        tokens = [self._with_lengths(text, one.ids) for text, one in zip(texts, encodings, strict=True)]
        others = [text for text, found in zip(texts, tokens, strict=True) if found is None]
        slower = iter(with_offsets(self._backend, others, add_special_tokens=add_special_tokens))
        return [next(slower) if found is None else found for found in tokens]

    def _with_lengths(self, text: str, numbers: list[int]) -> TokensByBytes | None:
        """None where the tokens are not the text, byte by byte."""
        ids = np.array(numbers, dtype=np.int32)
        lengths = self._lengths[ids]
        if (lengths < 0).any():
            for number in set(ids[lengths < 0].tolist()):
                # Every character of a token stands for a byte.
                self._lengths[number] = len(self._backend.id_to_token(number))
            lengths = self._lengths[ids]
        stops = np.cumsum(lengths)
        size = len(text) if text.isascii() else len(text.encode())
        changed = self._normalizers and not unicodedata.is_normalized("NFC", text)
        if changed or size != (stops[-1] if len(stops) else 0):
            return None
        return TokensByBytes(ids, stops, text)

    def _are_bytes(self) -> bool:
        """Whether tokens as long as the text are the text."""
        model = self._backend.model
        if getattr(model, "continuing_subword_prefix", None) or getattr(model, "end_of_word_suffix", None):
            return False
        before = _steps(self._backend.pre_tokenizer)
        return (
            all(step["type"] == "NFC" for step in self._normalizers)
            and all(step["type"] in _KEEPING and not step.get("add_prefix_space") for step in before)
            and any(step["type"] == "ByteLevel" for step in before)
        )


def with_offsets(backend: Any, texts: Sequence[str], *, add_special_tokens: bool) -> list[TokensByCharacters]:
    """The tokens of texts as the library `tokenizers` places them.

    Args:
        backend: A `tokenizers.Tokenizer`.
    """
    encodings = backend.encode_batch(list(texts), add_special_tokens=add_special_tokens) if texts else []
    return [TokensByCharacters(np.array(one.ids, dtype=np.int32), one.offsets) for one in encodings]


def _stop(offset: Span) -> int:
    return offset[1]


def keep_apart(backend: Any, text: str) -> None:
    """Let no token hold a part of `text` and what stands before or after it.

    Args:
        backend: A `tokenizers.Tokenizer`.
    """
    from tokenizers import pre_tokenizers

    if {"String": text} in [step.get("pattern") for step in _steps(backend.pre_tokenizer)]:
        return
    apart = pre_tokenizers.Split(text, "isolated")
    others = backend.pre_tokenizer
    backend.pre_tokenizer = pre_tokenizers.Sequence([apart, others]) if others else apart


def _steps(part: Any) -> list[dict[str, Any]]:
    """A normalizer or pre-tokenizer of `tokenizers` as its steps, one after the other."""
    if part is None:
        return []
    described = json.loads(part.__getstate__())
    if described["type"] != "Sequence":
        return [described]
    steps: list[dict[str, Any]] = described.get("normalizers") or described.get("pretokenizers") or []
    return steps
