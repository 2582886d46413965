"""Plain texts in sequences of full length: joined, parted, and every token predicted once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtune_kernel.config import DataConfig
from llmtune_kernel.data.encoding import encode_rows
from llmtune_kernel.data.packing import best_fit

LIMIT = 16


def config(**settings: Any) -> DataConfig:
    return DataConfig(train="rows.jsonl", max_length=LIMIT, **settings)


@given(
    st.lists(st.tuples(st.integers(1, 24), st.booleans()), min_size=1, max_size=60),
    st.data(),
)
def test_joined_examples_fit_and_none_is_lost(examples: list[tuple[int, bool]], data: st.DataObject) -> None:
    sizes, joined = zip(*examples, strict=True)
    chosen = data.draw(st.lists(st.integers(0, len(examples) - 1), min_size=1, max_size=90))
    packed = best_fit(chosen, sizes, joined, LIMIT)
    assert Counter(example for item in packed for example in item) == Counter(chosen)
    for item in packed:
        assert len(item) == 1 or sum(sizes[example] for example in item) <= LIMIT
        assert len(item) == 1 or all(joined[example] for example in item)


@given(st.lists(st.integers(1, LIMIT), min_size=1, max_size=60))
def test_no_two_sequences_could_be_one(sizes: list[int]) -> None:
    packed = best_fit(range(len(sizes)), sizes, [True] * len(sizes), LIMIT)
    fullness = sorted(sum(sizes[example] for example in item) for item in packed)
    assert len(fullness) == 1 or fullness[0] + fullness[1] > LIMIT
    assert packed == best_fit(range(len(sizes)), sizes, [True] * len(sizes), LIMIT)


def test_a_long_text_is_parted_and_every_token_but_the_first_is_predicted_once(tokenizer: Any) -> None:
    rows = [{"text": " ".join(map(str, range(60)))}, {"text": "Short."}]
    encoded = encode_rows(rows, tokenizer, config())
    whole = encoded.sequences[0].ids
    predicted: list[int] = []
    for place in np.flatnonzero(encoded.numbers == 0):
        [piece] = encoded.example(int(place))
        assert len(piece.ids) <= LIMIT
        predicted += piece.ids[1:][piece.trained[1:]].tolist()
    assert predicted == whole.tolist()[1:]
    assert (encoded.parted, encoded.truncated) == (1, 0)
    assert encoded.trained_tokens == sum(encoded.lengths) - 2
    assert encoded.joined.all()


@pytest.mark.parametrize("train_on_eos", [True, False])
def test_a_piece_in_which_nothing_is_trained_is_none(tokenizer: Any, train_on_eos: bool) -> None:
    for words in range(10, 40):
        rows = [{"text": " ".join(["word"] * words)}]
        encoded = encode_rows(rows, tokenizer, config(train_on_eos=train_on_eos))
        assert (encoded.windows.trained > 0).all()
        assert encoded.trained_tokens == encoded.lengths[0] - 1 - (not train_on_eos)


def test_conversations_are_joined_only_where_it_is_asked_for_and_never_parted(tokenizer: Any) -> None:
    rows = [{"prompt": "Hi", "completion": "word " * 30}]
    wide = DataConfig(train="rows.jsonl", max_length=512)
    assert not encode_rows(rows, tokenizer, wide).joined.any()
    assert encode_rows(rows, tokenizer, wide.model_copy(update={"packing": True})).joined.all()
    cut = encode_rows(rows, tokenizer, wide.model_copy(update={"packing": True, "max_length": 48}))
    assert (len(cut), cut.truncated, cut.parted) == (1, 1, 0)


def test_texts_are_cut_where_packing_is_off(tokenizer: Any) -> None:
    encoded = encode_rows([{"text": "word " * 60}], tokenizer, config(packing=False))
    assert (len(encoded), encoded.truncated, encoded.parted) == (1, 1, 0)
    assert not encoded.joined.any()
