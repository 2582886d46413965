"""Answers come in pieces that no later token changes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from llmtune_kernel.config import LoraMethod, SamplesConfig
from llmtune_kernel.inference.generation import _Teller, as_messages, generate
from llmtune_kernel.models.adapters import prepare_for_training

TEXTS = [
    "Plain words, and a number: 12.",
    "  \n indented, and blank at the end \n\n",
    "Grüße aus Zürich – 한국어 文字 🦙🏽‍♀️ done",
    "ends in the middle: 🦙",
    "don't  merge  spaces , please .",
]


def pieces_of(tokenizer: Any, ids: list[int]) -> list[str]:
    told: list[str] = []
    teller = _Teller(tokenizer, told.append)
    teller.put(torch.tensor([[1, 2, 3]]))
    for token in ids:
        teller.put(torch.tensor([token]))
    teller.end()
    return told


@pytest.mark.parametrize("text", TEXTS)
def test_pieces_of_real_text_join_to_it_and_hold_no_broken_character(
    smollm2_tokenizer: Any, text: str
) -> None:
    pieces = pieces_of(smollm2_tokenizer, smollm2_tokenizer.encode(text))
    assert "".join(pieces) == text.strip()
    assert not any("\ufffd" in piece for piece in pieces)
    assert sum(map(bool, pieces)) > 3


def test_a_character_that_stays_broken_is_told_at_the_end(smollm2_tokenizer: Any) -> None:
    ids = smollm2_tokenizer.encode("a 🦙")[:-1]
    pieces = pieces_of(smollm2_tokenizer, ids)
    assert "".join(pieces) == smollm2_tokenizer.decode(ids).strip()
    assert set(pieces[-1].strip()) == {"\ufffd"}
    assert not any("\ufffd" in piece for piece in pieces[:-1])


@pytest.fixture(scope="module")
def tiny(tiny_model: str) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)


@pytest.mark.parametrize("seed", range(5))
def test_pieces_of_random_tokens_join_to_the_answer(tiny: Any, smollm2_tokenizer: Any, seed: int) -> None:
    # A random model at a high temperature says all kinds of bytes.
    settings = SamplesConfig(max_new_tokens=48, temperature=2.0, top_k=0)
    told: dict[int, list[str]] = {0: [], 1: []}
    torch.manual_seed(seed)
    prompts = [as_messages("Hello", None), as_messages("안녕", None)]
    answers = generate(
        tiny,
        smollm2_tokenizer,
        prompts,
        settings,
        torch.float32,
        lambda number, text: told[number].append(text),
    )
    assert ["".join(pieces) for pieces in told.values()] == [answer.text for answer in answers]
    assert all(len(list(filter(None, pieces))) > 10 for pieces in told.values())


def test_listening_changes_no_answer_and_an_exception_ends_the_work_with_the_model_as_it_was(
    tiny: Any, smollm2_tokenizer: Any
) -> None:
    settings = SamplesConfig(max_new_tokens=12)
    prompts = [as_messages("Hello", None)]
    tiny.train()
    state = torch.get_rng_state()
    heard: list[str] = []

    def hear(_: int, piece: str) -> None:
        heard.append(piece)
        if len(heard) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        generate(tiny, smollm2_tokenizer, prompts, settings, torch.float32, hear)
    assert len(heard) == 3
    assert tiny.training
    assert torch.equal(torch.get_rng_state(), state)
    [answer] = generate(tiny, smollm2_tokenizer, prompts, settings, torch.float32)
    assert answer.text.startswith("".join(heard))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_model_in_half_precision_with_trained_layers_in_full_precision_answers(
    tiny_model: str, smollm2_tokenizer: Any, dtype: torch.dtype
) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=dtype)
    tuned = prepare_for_training(model, LoraMethod())
    [answer] = generate(
        tuned, smollm2_tokenizer, [as_messages("Hello", None)], SamplesConfig(max_new_tokens=4), dtype
    )
    assert answer.text


def test_an_answer_ends_with_the_token_that_its_template_ends_a_turn_with(
    tiny: Any, smollm2_tokenizer: Any
) -> None:
    tokenizer, model = copy.deepcopy(smollm2_tokenizer), copy.deepcopy(tiny)
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] + '<issue_closed>' }}{% endfor %}"
    end = tokenizer.convert_tokens_to_ids("<issue_closed>")

    class Always(torch.nn.Module):
        def forward(self, hidden: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.one_hot(torch.full(hidden.shape[:-1], end), len(tokenizer)).float()

    model.lm_head = Always()
    pieces: list[str] = []
    settings = SamplesConfig(max_new_tokens=16)
    prompts = [[{"role": "user", "content": "Hi"}]]
    [answer] = generate(
        model, tokenizer, prompts, settings, torch.float32, lambda _, piece: pieces.append(piece)
    )
    assert len(pieces) <= 2
    assert (answer.finish_reason, answer.tokens) == ("stop", 1)
    # Also where its last token is the last that was allowed.
    [answer] = generate(model, tokenizer, prompts, SamplesConfig(max_new_tokens=1), torch.float32)
    assert answer.finish_reason == "stop"


def test_an_answer_ends_with_the_text_that_its_template_ends_a_turn_with(
    tiny: Any, smollm2_tokenizer: Any
) -> None:
    tokenizer, model = copy.deepcopy(smollm2_tokenizer), copy.deepcopy(tiny)
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] + '<|over|>' }}{% endfor %}"
    ids = tokenizer.encode("It is <|2|>, not <|3|>.<|over|> And")
    steps = iter([*ids, *ids])

    class Said(torch.nn.Module):
        def forward(self, hidden: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.one_hot(
                torch.full(hidden.shape[:-1], next(steps)), len(tokenizer)
            ).float()

    model.lm_head = Said()
    pieces: list[str] = []
    [answer] = generate(
        model,
        tokenizer,
        [[{"role": "user", "content": "Hi"}]],
        SamplesConfig(max_new_tokens=2 * len(ids)),
        torch.float32,
        lambda _, piece: pieces.append(piece),
    )
    assert (answer.text, answer.finish_reason) == ("It is <|2|>, not <|3|>.", "stop")
    assert answer.tokens < len(ids)
    assert "".join(pieces) == answer.text


def test_an_answer_without_an_end_is_cut_at_the_most_tokens(tiny: Any, smollm2_tokenizer: Any) -> None:
    prompts = [as_messages("Hello", None)]
    [answer] = generate(tiny, smollm2_tokenizer, prompts, SamplesConfig(max_new_tokens=2), torch.float32)
    assert (answer.finish_reason, answer.tokens) == ("length", 2)
