"""Which tokens hold which characters: found from lengths in bytes, the same as the library finds."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, normalizers

from llmtune_kernel.data.tokens import TextTokenizer, Tokens, TokensByBytes, TokensByCharacters, with_offsets

PIECES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.sampled_from(
        [" ", "\n\n", "  the end", "don't", "e\u0301", "日本語", "🚢", "<|im_end|>", "</s>", "1234"]
    ),
)


Places = list[tuple[list[int], list[bool]]]


def places(tokens: Sequence[Tokens], spans: list[tuple[int, int]], special: set[int]) -> Places:
    """Of each text its ids, and which of them are in its span."""
    found = zip(tokens, spans, strict=True)
    return [(one.ids.tolist(), one.within([span], special).tolist()) for one, span in found]


def found(backend: Any, texts: list[str]) -> list[Tokens]:
    return TextTokenizer(backend).encode(texts, add_special_tokens=False)


def known(backend: Any, texts: list[str]) -> list[TokensByCharacters]:
    """What the library finds."""
    return with_offsets(backend, texts, add_special_tokens=False)


def are_by_bytes(tokens: Sequence[Tokens]) -> list[bool]:
    return [isinstance(one, TokensByBytes) for one in tokens]


@given(st.lists(PIECES, min_size=1, max_size=6), st.integers(0, 5), st.integers(0, 5))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_piece_of_a_text_has_the_tokens_that_the_library_finds(
    real: Any, pieces: list[str], first: int, last: int
) -> None:
    first, last = sorted((min(first, len(pieces)), min(last, len(pieces))))
    text = "".join(pieces)
    span = len("".join(pieces[:first])), len("".join(pieces[:last]))
    backend, special = real.backend_tokenizer, set(real.added_tokens_decoder)
    assert places(found(backend, [text]), [span], special) == places(known(backend, [text]), [span], special)


def test_places_are_from_lengths_where_tokens_are_bytes(real: Any) -> None:
    backend, texts, spans = (
        real.backend_tokenizer,
        ["Two fathoms.", "日本語 🚢", ""],
        [(0, 3), (1, 5), (0, 0)],
    )
    tokens = found(backend, texts)
    assert places(tokens, spans, set()) == places(known(backend, texts), spans, set())
    model = backend.model
    assert (
        are_by_bytes(tokens) == [not getattr(model, "byte_fallback", False) or "Ġthe" in real.get_vocab()] * 3
    )


@pytest.mark.parametrize("text", ["caf\u0065\u0301 and more", "café and more"])
def test_a_text_that_the_tokenizer_rewrites_takes_the_library_s_places(tokenizer: Any, text: str) -> None:
    composing = copy.deepcopy(tokenizer).backend_tokenizer
    composing.normalizer = normalizers.NFC()
    tokens, span = found(composing, [text]), (2, len(text) - 5)
    assert places(tokens, [span], set()) == places(known(composing, [text]), [span], set())
    assert are_by_bytes(tokens) == [len(text) == len("café and more")]


def test_a_token_that_takes_white_space_along_takes_the_library_s_places(tokenizer: Any) -> None:
    taking = copy.deepcopy(tokenizer).backend_tokenizer
    taking.add_special_tokens([AddedToken("<|stop|>", lstrip=True, rstrip=True)])
    special = set(taking.get_added_tokens_decoder())
    texts, spans = ["a <|stop|> b", "a<|stop|>b"], [(0, 2), (0, 1)]
    tokens = found(taking, texts)
    assert places(tokens, spans, special) == places(known(taking, texts), spans, special)
    assert are_by_bytes(tokens) == [False, True]


def test_a_special_token_that_is_in_a_span_by_half_is_not_of_it(tokenizer: Any) -> None:
    backend, text = tokenizer.backend_tokenizer, "a<|im_end|>b"
    [tokens], special = found(backend, [text]), set(backend.get_added_tokens_decoder())
    assert tokens.within([(3, len(text))], special).tolist() == [False, False, True]
    assert tokens.within([(0, 5)], special).tolist() == [True, False, False]


def within(
    span: tuple[int, int], ids: list[int], offsets: list[tuple[int, int]], special: set[int]
) -> list[bool]:
    mask: list[bool] = TokensByCharacters(np.array(ids), offsets).within([span], special).tolist()
    return mask


def test_a_special_token_that_takes_the_white_space_after_it_is_not_trained() -> None:
    # "<a> x<e>" with the answer " x": the header's token covers the space.
    assert within((3, 8), [7, 1, 9], [(0, 4), (4, 5), (5, 8)], {7, 9}) == [False, True, True]


def test_a_special_token_after_an_answer_that_takes_its_last_space_is_not_trained() -> None:
    # "x <e>" with the answer "x ": the end's token covers the space.
    assert within((0, 2), [1, 9], [(0, 1), (1, 5)], {9}) == [True, False]


def test_all_tokens_of_a_character_are_trained() -> None:
    places = [(0, 1), (1, 2), (1, 2), (2, 3)]
    assert within((1, 2), [1, 2, 3, 4], places, set()) == [False, True, True, False]
