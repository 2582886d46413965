"""Whole runs of group relative policy optimization: they learn what a reward likes, with and without a reference."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import rewarded
import rewards
from polite import write
from rewarded import settings
from watching import Start, assert_goes_on_where_it_stood, inspected, measured

from llmtune_kernel.config import UserError, config_from_dict
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Evaluation, Metrics
from llmtune_kernel.runs.run import Run


def grpo(**more: Any) -> dict[str, Any]:
    return {"type": "grpo", **more}


@pytest.fixture
def train_here(tmp_path: Path, tiny_model: str, prompts: str) -> Any:
    return functools.partial(rewarded.train_here, tmp_path / "run", tiny_model, prompts)


def test_a_run_learns_what_its_reward_likes(start: Start, tiny_model: str, prompts: str) -> None:
    config = settings(
        tiny_model,
        prompts,
        "$vowels",
        data={"eval": prompts},
        training={"max_steps": 60, "logging_steps": 4, "eval_steps": 30},
        objective=grpo(),
    )
    run = start("learns", **config).wait()
    metrics, evaluations = measured(run)
    assert metrics[-1].measures["reward"] > metrics[0].measures["reward"] + 0.15
    assert evaluations[-1].measures["reward"] > metrics[0].measures["reward"] + 0.15
    assert evaluations[-1].loss is None
    assert "kl" not in metrics[0].measures
    watched = {
        "reward_std",
        "frac_reward_zero_std",
        "entropy",
        "clip_ratio/region_mean",
        "answer_length",
        "ended",
    }
    assert watched < metrics[0].measures.keys()
    assert run.metrics["reward"].iloc[-1] == metrics[-1].measures["reward"]


@pytest.mark.parametrize(
    "objective",
    [
        {"num_iterations": 2, "beta": 0.1, "scale_rewards": "batch"},
        {"steps_per_generation": 6, "loss_type": "grpo"},
        {
            "num_iterations": 2,
            "mask_truncated_completions": True,
            "loss_type": "bnpo",
            "importance_sampling_level": "sequence",
        },
    ],
    ids=["twice", "several-steps", "without-truncated"],
)
def test_a_stopped_run_goes_on_exactly_where_it_stood(
    start: Start, tiny_model: str, prompts: str, objective: dict[str, Any]
) -> None:
    config = settings(
        tiny_model,
        prompts,
        "$vowels",
        data={"eval": prompts},
        method={"type": "lora", "r": 4},
        objective=grpo(**objective),
        training={"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2},
    )
    assert_goes_on_where_it_stood(start, f"-{len(objective)}", **config)


@pytest.mark.parametrize(
    ("method", "quantization"),
    [
        ({"type": "lora", "r": 4}, "nf4"),
        ({"type": "lora", "r": 4, "init_lora_weights": "pissa"}, "none"),
        ({"type": "freeze", "trainable_layers": 1}, "none"),
        ({"type": "full"}, "none"),
        ({"type": "peft", "peft_type": "IA3"}, "none"),
        ({"type": "peft", "peft_type": "P_TUNING"}, "none"),
    ],
)
def test_each_way_to_tune_may_be_rewarded(
    train_here: Any, small_model: str, tmp_path: Path, method: dict[str, Any], quantization: str
) -> None:
    model = {"name_or_path": small_model, "dtype": "float32", "quantization": quantization}
    # Two passes over the same answers: in the second the model has moved.
    objective = grpo(beta=0.1, num_iterations=2)
    told = train_here(rewards.vowels, model=model, method=method, objective=objective)
    first, second = (payload for payload in told if isinstance(payload, Metrics))
    if method.get("peft_type") != "P_TUNING":  # tokens in front of the prompt change the model at once
        assert first.measures["kl"] == pytest.approx(0, abs=1e-3)
        assert second.measures["kl"] > 0
    assert first.measures["clip_ratio/region_mean"] == 0
    assert first.measures["reward"] == pytest.approx(second.measures["reward"])
    Run(RunDirectory(tmp_path / "run")).load()


def test_answers_are_drawn_together_until_all_to_a_prompt_are_there(train_here: Any) -> None:
    with pytest.raises(UserError, match=r"LookupError: .* 12\b"):
        train_here(rewards.told, objective=grpo(), training={"per_device_train_batch_size": 6})


def test_prompts_are_evaluated_as_others_are(train_here: Any) -> None:
    told = train_here(rewards.vowels, data={"eval_fraction": 0.25}, objective=grpo(beta=0.1))
    [evaluation] = [payload for payload in told if isinstance(payload, Evaluation)]
    assert evaluation.measures.keys() == {"reward", "kl", "answer_length", "ended"}


def test_a_function_that_gives_no_scores_is_told(train_here: Any) -> None:
    with pytest.raises(UserError, match="The reward is 15 scores for 16 answers") as error:
        train_here(rewards.too_few, objective=grpo())
    assert error.value.where == "objective.reward: $too_few"


def test_a_function_takes_columns_of_the_rows(train_here: Any, workplace: Path) -> None:
    rows = [{"prompt": "Say it.", "wanted": "" if n % 2 else "never drawn"} for n in range(4)]
    write(workplace / "wanted.jsonl", rows)
    told = train_here(rewards.close, data={"train": "wanted.jsonl"}, objective=grpo())
    first = next(payload for payload in told if isinstance(payload, Metrics))
    # Every answer holds the empty text, to two of the four prompts.
    assert first.measures["reward"] == pytest.approx(0.5 + 0.5)
    assert first.measures["frac_reward_zero_std"] == 1


def test_a_function_may_take_all_columns(train_here: Any, workplace: Path) -> None:
    write(workplace / "one.jsonl", [{"prompt": "Say it.", "wanted": "It", "answers": 3}])
    with pytest.raises(UserError, match=r"LookupError: \{'prompt': 'Say it.', 'wanted': 'It'\}"):
        train_here(rewards.all_columns, data={"train": "one.jsonl"}, objective=grpo())


def test_a_column_that_is_not_there_is_told(train_here: Any) -> None:
    with pytest.raises(UserError, match="takes wanted, and the rows have no column wanted") as error:
        train_here(rewards.close, objective=grpo())
    assert error.value.where == "objective.reward: $close"
    assert error.value.fix == "The rows have: prompt."


def test_what_a_run_will_take_is_known_before(train_here: Any, tiny_model: str, prompts: str) -> None:
    chosen: dict[str, Any] = {
        "objective": grpo(num_iterations=2, num_generations=3, max_completion_length=1),
        "training": {
            "num_train_epochs": 1,
            "per_device_train_batch_size": 2,
            "gradient_accumulation_steps": 2,
        },
    }
    config = config_from_dict(settings(tiny_model, prompts, "$vowels", **chosen))
    # Rollouts of twelve answers to four of the sixteen prompts, each learned from twice, four at a time.
    assert inspected(config)["steps"] == 4 * 2 * 3
    [first, *_] = [
        payload for payload in train_here(rewards.vowels, **chosen) if isinstance(payload, Metrics)
    ]
    assert first.max_steps == 24
