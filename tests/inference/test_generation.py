"""Answers come in pieces that no later token changes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from llmtune_kernel.config import LoraMethod, SamplesConfig
from llmtune_kernel.data.examples import Conversation
from llmtune_kernel.inference.generation import _Teller, as_messages, draw, generate
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


@pytest.fixture
def padding(smollm2_tokenizer: Any) -> Any:
    """The tokenizer as it is loaded for a run: with a token of padding."""
    tokenizer = copy.deepcopy(smollm2_tokenizer)
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def asked(*texts: str) -> list[Conversation]:
    return [Conversation([{"role": "user", "content": text}]) for text in texts]


def test_answers_drawn_together_are_those_drawn_alone(tiny: Any, padding: Any) -> None:
    prompts = asked("One", "A much longer question than the first one", "Two words")
    likeliest = SamplesConfig(max_new_tokens=6, temperature=1.0, top_k=1)

    def drawn(some: list[Conversation]) -> list[Any]:
        return draw(tiny, padding, some, likeliest, torch.float32, longest=500, seed=1)

    assert drawn(prompts) == [one for prompt in prompts for one in drawn([prompt])]
    greedy = SamplesConfig(max_new_tokens=6)
    texts = generate(tiny, padding, [prompt.messages for prompt in prompts], greedy, torch.float32)
    assert [one.text for one in drawn(prompts)] == [text.text for text in texts]


def test_drawn_answers_are_the_same_for_a_seed_and_leave_chance_as_it_was(tiny: Any, padding: Any) -> None:
    settings = SamplesConfig(max_new_tokens=6, temperature=1.0, top_k=0)
    state = torch.get_rng_state()
    one, again, other = (
        draw(tiny, padding, asked("One", "Two"), settings, torch.float32, longest=500, seed=seed)
        for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert one == again != other


def test_of_a_long_prompt_the_end_is_answered(tiny: Any, padding: Any) -> None:
    [whole], [cut] = (
        draw(
            tiny,
            padding,
            asked("One two three four five"),
            SamplesConfig(max_new_tokens=2, temperature=1.0),
            torch.float32,
            longest=longest,
            seed=1,
        )
        for longest in (500, 5)
    )
    assert len(whole.prompt) > 5
    assert cut.prompt == whole.prompt[-5:]


@pytest.mark.parametrize("pad_is_end", [True, False])
@pytest.mark.parametrize("end", ["<|im_end|>", "<|fin|>"])
def test_a_drawn_answer_goes_to_its_end_and_padding_is_none_of_it(
    tiny: Any, smollm2_tokenizer: Any, monkeypatch: pytest.MonkeyPatch, end: str, pad_is_end: bool
) -> None:
    tokenizer = copy.deepcopy(smollm2_tokenizer)
    tokenizer.pad_token = "<|im_end|>" if pad_is_end else "<|endoftext|>"
    tokenizer.chat_template = tokenizer.chat_template.replace("<|im_end|>", end)
    written = [
        tokenizer(text)["input_ids"] for text in (f"Yes {end}", "No and on and on and on it goes for ever")
    ]
    answers = [ids[:9] + [tokenizer.pad_token_id] * (9 - len(ids)) for ids in written]
    monkeypatch.setattr(
        tiny,
        "generate",
        lambda input_ids, **_: torch.cat([input_ids, torch.tensor(answers)], dim=1),
    )
    settings = SamplesConfig(max_new_tokens=6, temperature=1.0)
    ended, cut = draw(tiny, tokenizer, asked("One", "Two"), settings, torch.float32, longest=500, seed=1)
    assert (ended.answer, ended.text, ended.ended) == (written[0], "Yes", True)
    assert (cut.answer, cut.ended) == (answers[1], False)
