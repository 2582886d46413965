"""Which tokens hold which characters: found from lengths in bytes, the same as the library finds."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, normalizers

from llmtune_kernel.data.tokens import TextTokenizer, TokensByBytes, TokensByCharacters, with_offsets

PIECES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.sampled_from(
        [" ", "\n\n", "  the end", "don't", "e\u0301", "日本語", "🚢", "<|im_end|>", "</s>", "1234"]
    ),
)


def same_places(
    backend: Any, texts: list[str], spans: list[tuple[int, int]], special: set[int]
) -> list[bool]:
    """Check ids and masks against the library's offsets; of each text whether its places are from lengths."""
    found = TextTokenizer(backend).encode(texts, add_special_tokens=False)
    known = with_offsets(backend, texts, add_special_tokens=False)
    for one, other, (begin, end) in zip(found, known, spans, strict=True):
        assert one.ids.tolist() == other.ids.tolist()
        assert one.within([(begin, end)], special).tolist() == other.within([(begin, end)], special).tolist()
    return [isinstance(one, TokensByBytes) for one in found]


@given(st.lists(PIECES, min_size=1, max_size=6), st.integers(0, 5), st.integers(0, 5))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_piece_of_a_text_has_the_tokens_that_the_library_finds(
    real: Any, pieces: list[str], first: int, last: int
) -> None:
    first, last = sorted((min(first, len(pieces)), min(last, len(pieces))))
    text = "".join(pieces)
    span = len("".join(pieces[:first])), len("".join(pieces[:last]))
    same_places(real.backend_tokenizer, [text], [span], set(real.added_tokens_decoder))


def test_places_are_from_lengths_where_tokens_are_bytes(real: Any) -> None:
    texts = ["Two fathoms.", "日本語 🚢", ""]
    by_bytes = same_places(real.backend_tokenizer, texts, [(0, 3), (1, 5), (0, 0)], set())
    model = real.backend_tokenizer.model
    assert by_bytes == [not getattr(model, "byte_fallback", False) or "Ġthe" in real.get_vocab()] * 3


@pytest.mark.parametrize("text", ["caf\u0065\u0301 and more", "café and more"])
def test_a_text_that_the_tokenizer_rewrites_takes_the_library_s_places(tokenizer: Any, text: str) -> None:
    composing = copy.deepcopy(tokenizer).backend_tokenizer
    composing.normalizer = normalizers.NFC()
    by_bytes = same_places(composing, [text], [(2, len(text) - 5)], set())
    assert by_bytes == [len(text) == len("café and more")]


def test_a_token_that_takes_white_space_along_takes_the_library_s_places(tokenizer: Any) -> None:
    taking = copy.deepcopy(tokenizer).backend_tokenizer
    taking.add_special_tokens([AddedToken("<|stop|>", lstrip=True, rstrip=True)])
    special = set(taking.get_added_tokens_decoder())
    texts = ["a <|stop|> b", "a<|stop|>b"]
    assert same_places(taking, texts, [(0, 2), (0, 1)], special) == [False, True]


def test_a_special_token_that_is_in_a_span_by_half_is_not_of_it(tokenizer: Any) -> None:
    backend = tokenizer.backend_tokenizer
    text = "a<|im_end|>b"
    [tokens] = TextTokenizer(backend).encode([text], add_special_tokens=False)
    assert tokens.within([(3, len(text))], set(backend.get_added_tokens_decoder())).tolist() == [
        False,
        False,
        True,
    ]
    assert tokens.within([(0, 5)], set(backend.get_added_tokens_decoder())).tolist() == [True, False, False]


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
