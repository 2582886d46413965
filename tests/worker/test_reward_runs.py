"""Whole runs of reward models: they learn which answers are better, and score with plain transformers."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from polite import graded_rows, write
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from watching import Start, assert_goes_on_where_it_stood, in_process, inspected, measured, until

from llmtune_kernel.config import UserError, config_from_dict

HELD_OUT = graded_rows(40, seed=2)


@pytest.fixture(scope="module")
def pairs(workplace: Path) -> dict[str, Any]:
    """What is to be learned: the section data."""
    write(workplace / "pairs.jsonl", graded_rows(200, seed=1))
    write(workplace / "held-out.jsonl", HELD_OUT)
    return {"train": "pairs.jsonl", "eval": "held-out.jsonl"}


def accuracy(model: Any, tokenizer: Any) -> float:
    """Of how many held-out pairs the better answer has the higher score, by plain transformers."""
    chats = [
        [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row[side]}]
        for side in ("chosen", "rejected")
        for row in HELD_OUT
    ]
    inputs = tokenizer.apply_chat_template(chats, padding=True, return_tensors="pt", return_dict=True)
    with torch.no_grad():
        scores = model(**inputs).logits[:, 0]
    chosen, rejected = scores.chunk(2)
    return (chosen > rejected).float().mean().item()


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_run_learns_to_score_the_better_answers_higher(
    start: Start, tiny_model: str, pairs: dict[str, Any], method: str
) -> None:
    training = {"max_steps": 100, "per_device_train_batch_size": 16, "eval_steps": 25}
    run = start(f"scores-{method}", data=pairs, objective="reward", method=method, training=training).wait()
    _, evaluations = measured(run)
    assert evaluations[-1].measures["accuracy"] > 0.9
    assert evaluations[-1].measures["margin"] > 1
    model, tokenizer = run.load()
    assert accuracy(model, tokenizer) == pytest.approx(evaluations[-1].measures["accuracy"])
    if method == "full":
        plain = AutoModelForSequenceClassification.from_pretrained(run.paths.model)
        assert plain.config.num_labels == 1
        assert accuracy(plain.eval(), AutoTokenizer.from_pretrained(run.paths.model)) > 0.9
        return
    from peft import PeftModel

    torch.manual_seed(0)  # of the head, which is new
    base: Any = AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=1)
    base.config.pad_token_id = tokenizer.pad_token_id
    assert 0.3 <= accuracy(base.eval(), tokenizer) <= 0.7
    assert accuracy(PeftModel.from_pretrained(base, str(run.paths.adapter)).eval(), tokenizer) > 0.9


def test_a_reward_adapter_is_loaded_without_a_word_of_a_new_head(
    start: Start, pairs: dict[str, Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start("no-new-head", data=pairs, objective="reward", training={"max_steps": 1}).wait()
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    run.load()
    assert not [one for one in caplog.records if one.name == "transformers.modeling_utils"]


def test_a_run_learns_from_pairs_of_whole_texts(start: Start, workplace: Path) -> None:
    texts = [
        {side: f"Human: {row['prompt']}\nAssistant: {row[side]}" for side in ("chosen", "rejected")}
        for row in graded_rows(8, seed=2)
    ]
    write(workplace / "texts.jsonl", texts)
    data = {"train": "texts.jsonl", "format": "reward"}
    run = start("whole-texts", data=data, objective="reward", training={"max_steps": 2}).wait()
    assert run.state == "finished"


def test_a_reward_model_is_asked_no_question(start: Start, pairs: dict[str, Any]) -> None:
    run = start("no-answers", data=pairs, objective="reward", training={"max_steps": 500})
    until(lambda: run.state == "training")
    with pytest.raises(UserError, match="'no-answers' trains a reward model, which scores answers"):
        run.sample()
    run.stop()
    with pytest.raises(UserError, match="trains a reward model"):
        run.wait().sample("Hello")


def test_a_stopped_run_goes_on_exactly_where_it_stood(start: Start, pairs: dict[str, Any]) -> None:
    objective = {"type": "reward", "center_rewards_coefficient": 0.01}
    assert_goes_on_where_it_stood(start, data=pairs, objective=objective)


def test_an_architecture_without_a_scoring_class_is_named(
    tmp_path: Path, tiny_model: str, pairs: dict[str, Any], workplace: Path
) -> None:
    from transformers import CohereConfig, CohereForCausalLM

    folder = tmp_path / "cohere"
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    CohereForCausalLM(CohereConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    with pytest.raises(UserError, match="transformers has no reward model of the type cohere"):
        in_process(tmp_path / "run", model=str(folder), data=pairs, objective="reward")


def test_what_a_reward_model_will_take_is_known_before(pairs: dict[str, Any], tiny_model: str) -> None:
    settings = {"model": {"name_or_path": tiny_model, "dtype": "float32"}, "data": pairs, "method": "full"}
    plans: dict[str, dict[str, Any]] = {}
    for objective in ("dpo", "reward"):
        config = config_from_dict({**settings, "objective": objective})
        plans[objective] = inspected(config)
    assert plans["reward"]["steps"] == plans["dpo"]["steps"]
    # Neither a head of the size of the vocabulary, nor logits.
    assert plans["reward"]["memory"] < plans["dpo"]["memory"]
