"""A reward model scores the tokens that were drawn or, where its tokenizer is another, the turns as it writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    LlamaConfig,
    LlamaForSequenceClassification,
)

from llmtune_kernel.config import PpoObjective, UserError
from llmtune_kernel.data.examples import Question
from llmtune_kernel.runs.completion import Drawn
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.training.rewarding import load_reward

PROMPTS = [Question([{"role": "user", "content": text}]) for text in ("One?", "Two and two?", "Three?")]
TEXTS = ["Yes.", "It is four.", "No, it is not."]
SIZES: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}


def scorer(folder: Path, tokenizer: Any, **settings: Any) -> str:
    torch.manual_seed(5)
    config = LlamaConfig(vocab_size=len(tokenizer), **{"num_labels": 1, **SIZES, **settings})
    LlamaForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def scores_of(folder: str, tokenizer: Any) -> list[float]:
    """What a reward model of three answers at a time says of those drawn with a tokenizer."""
    answers = []
    for prompt, text in zip(PROMPTS, TEXTS, strict=True):
        asked = tokenizer.apply_chat_template(prompt.messages, add_generation_prompt=True)["input_ids"]
        answers.append(Drawn(asked, tokenizer(f"{text}<|im_end|>")["input_ids"], text, True))
    reward = load_reward(
        PpoObjective(reward=folder), RunDirectory(Path("unused")), tokenizer, torch.float32, batch_size=2
    )
    return reward(PROMPTS, answers)


def score(folder: str, text: str) -> float:
    """By plain transformers, alone."""
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        return float(model(**tokenizer(text, return_tensors="pt")).logits[0, 0])


def test_the_tokens_are_read_as_they_were_drawn(tmp_path: Path, smollm2_tokenizer: Any) -> None:
    folder = scorer(tmp_path, smollm2_tokenizer)
    # Read at the last token that is no padding: with this tokenizer, at the one before the end of the turn.
    expected = [
        score(
            folder,
            smollm2_tokenizer.apply_chat_template(prompt.messages, tokenize=False, add_generation_prompt=True)
            + text,
        )
        for prompt, text in zip(PROMPTS, TEXTS, strict=True)
    ]
    assert scores_of(folder, smollm2_tokenizer) == pytest.approx(expected, abs=1e-5)
    assert len(set(expected)) == 3


@pytest.mark.parametrize("template", [None, "{% for turn in messages %}{{ turn.content }} / {% endfor %}"])
def test_another_tokenizer_reads_the_turns(
    tmp_path: Path, smollm2_tokenizer: Any, template: str | None
) -> None:
    other: Any = AutoTokenizer.from_pretrained(smollm2_tokenizer.name_or_path)
    other.add_special_tokens({"pad_token": "<pad>"})
    other.chat_template = template
    folder = scorer(tmp_path, other)
    parts = [(prompt.messages[0]["content"], text) for prompt, text in zip(PROMPTS, TEXTS, strict=True)]
    texts = [f"{one} / {two} / " if template else f"{one}\n{two}" for one, two in parts]
    found = scores_of(folder, smollm2_tokenizer)
    assert found == pytest.approx([score(folder, text) for text in texts], abs=1e-5)


def test_a_model_of_several_labels_is_no_reward_model(tmp_path: Path, smollm2_tokenizer: Any) -> None:
    folder = scorer(tmp_path, smollm2_tokenizer, num_labels=3)
    with pytest.raises(UserError, match="no head that gives one score"):
        scores_of(folder, smollm2_tokenizer)


def test_an_adapter_that_does_not_score_is_no_reward_model(tmp_path: Path, smollm2_tokenizer: Any) -> None:
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "task_type": "CAUSAL_LM"}')
    with pytest.raises(UserError, match="no head that gives one score"):
        scores_of(str(tmp_path), smollm2_tokenizer)
