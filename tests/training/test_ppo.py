"""Rollouts are learned from as often as asked, and the loss is that of a plain implementation."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from llmtune_kernel.config import config_from_dict
from llmtune_kernel.data.examples import Question
from llmtune_kernel.runs.completion import Drawn
from llmtune_kernel.training.collation import collate_packed, collate_padded
from llmtune_kernel.training.objective import Forward
from llmtune_kernel.training.ppo import PpoRollouts, ProximalPolicy, add_value_head
from llmtune_kernel.training.reference import frozen_copy
from llmtune_kernel.training.rollouts import Turn

PROMPTS = [Question([{"role": "user", "content": text}]) for text in ("one", "two", "three")]
ANSWERS = [
    Drawn([11, 12, 13], [21, 22], "a", True),
    Drawn([14], [23, 24, 25, 26], "b", False),
    Drawn([15, 16], [27], "c", True),
]
SCORES = [1.0, -0.5, 2.0]
SETTINGS: dict[str, Any] = {
    "temperature": 0.8,
    "kl_coef": 0.3,
    "gamma": 0.9,
    "lam": 0.7,
    "missing_eos_penalty": 0.25,
    "vf_coef": 0.4,
}


@pytest.fixture
def model(tiny_model: str) -> Any:
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    add_value_head(model)
    torch.manual_seed(3)
    torch.nn.init.normal_(model.value_head.weight, std=0.5)
    return model


def rollouts(model: Any, packed: bool, before: Any = None, **settings: Any) -> PpoRollouts:
    """Of answers that are given, against the model as it is or that of `before`."""
    values = {"data": "unused", "objective": {"type": "ppo", "reward": "$x", **SETTINGS, **settings}}
    return PpoRollouts(
        config_from_dict(values),
        model,
        Forward.of(model, torch.float32, packed),
        frozen_copy(before if before is not None else model),
        draw=lambda prompts, seed: [ANSWERS[PROMPTS.index(prompt)] for prompt in prompts],
        reward=lambda prompts, answers: [SCORES[ANSWERS.index(answer)] for answer in answers],
        collate=collate_packed if packed else collate_padded,
    )


def turns(*places: int, rollout: int = 0) -> list[Turn]:
    return [Turn(rollout, (0, 1, 2), place) for place in places]


def naive(model: Any, answer: Drawn) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities (tokens, vocabulary) and values (tokens,) of an answer, asked alone."""
    out = model(input_ids=torch.tensor([answer.prompt + answer.answer]), output_hidden_states=True)
    before = slice(len(answer.prompt) - 1, -1)
    values = model.value_head(out.hidden_states[-1][0, before])[:, 0]
    return (out.logits[0, before] / SETTINGS["temperature"]).log_softmax(-1), values


def of_targets(logps: torch.Tensor, answer: Drawn) -> torch.Tensor:
    return logps[torch.arange(len(answer.answer)), torch.tensor(answer.answer)]


def moved(model: Any) -> None:
    """Change the model a little, as training does."""
    torch.manual_seed(4)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.02 * torch.randn_like(weight)


@pytest.mark.parametrize("packed", [True, False])
def test_loss_and_measures_equal_those_of_a_plain_implementation(model: Any, packed: bool) -> None:
    before: Any = AutoModelForCausalLM.from_pretrained(model.config._name_or_path, dtype=torch.float32)
    add_value_head(before)
    moved(model)
    made = rollouts(model, packed, before)
    places = (2, 0, 1)
    batch = made.batch(turns(*places), PROMPTS)

    old, values, rewards, divergences = [], [], [], []
    with torch.no_grad():
        for answer, score in zip(ANSWERS, SCORES, strict=True):
            logps, value = naive(model, answer)
            kl = of_targets(logps, answer) - of_targets(naive(before, answer)[0], answer)
            reward = -SETTINGS["kl_coef"] * kl
            reward[-1] += score - (0 if answer.ended else SETTINGS["missing_eos_penalty"])
            old.append(of_targets(logps, answer))
            values.append(value)
            rewards.append(reward)
            divergences.append(float(kl.sum()))
    advantages = []
    for reward, value in zip(rewards, values, strict=True):
        after = torch.cat([value[1:], torch.zeros(1)])
        delta = reward + SETTINGS["gamma"] * after - value
        decay = SETTINGS["gamma"] * SETTINGS["lam"]
        sums = [sum(decay**k * d for k, d in enumerate(delta[t:].tolist())) for t in range(len(delta))]
        advantages.append(torch.tensor(sums))
    returns = [advantage + value for advantage, value in zip(advantages, values, strict=True)]
    every = torch.cat(advantages)
    whitened = [(one - every.mean()) / every.std(unbiased=False) for one in advantages]

    moved(model)
    objective = ProximalPolicy(made._config, Forward.of(model, torch.float32, packed))
    loss = objective.loss(model, batch)
    policy, value_loss, entropy, clipped = [], [], [], []
    for place in places:
        logps, value = naive(model, ANSWERS[place])
        ratio = (of_targets(logps, ANSWERS[place]) - old[place]).exp()
        gains = torch.minimum(ratio * whitened[place], ratio.clamp(0.8, 1.2) * whitened[place])
        near = values[place] + (value - values[place]).clamp(-0.2, 0.2)
        policy.append(-gains)
        value_loss.append(torch.maximum((value - returns[place]) ** 2, (near - returns[place]) ** 2) / 2)
        entropy.append(-(logps.exp() * logps).sum(-1))
        clipped.append(((ratio - 1).abs() > 0.2).float())
    expected = torch.cat(policy).sum() + SETTINGS["vf_coef"] * torch.cat(value_loss).sum()
    assert loss.total.item() == pytest.approx(expected.item(), abs=1e-4)
    assert objective.count(batch) == sum(len(answer.answer) for answer in ANSWERS)
    means = {name: float(values.detach().float().mean()) for name, values in loss.measures.items()}
    told = {
        "reward": sum(SCORES) / 3,
        "kl": sum(divergences) / 3,
        "kl_coef": SETTINGS["kl_coef"],
        "entropy": float(torch.cat(entropy).detach().mean()),
        "policy_loss": float(torch.cat(policy).detach().mean()),
        "value_loss": float(torch.cat(value_loss).detach().mean()),
        "clip_fraction": float(torch.cat(clipped).detach().mean()),
        "answer_length": 7 / 3,
        "ended": 2 / 3,
        "explained_variance": float(
            1 - (torch.cat(returns) - torch.cat(values)).var() / torch.cat(returns).var()
        ),
    }
    assert {name: means[name] for name in told} == pytest.approx(told, abs=1e-4)
    assert 0 < means["clip_fraction"] < 1
    assert means["approx_kl"] > 0


def test_what_was_just_drawn_has_ratio_1_and_no_divergence(model: Any) -> None:
    made = rollouts(model, packed=True)
    loss = ProximalPolicy(made._config, Forward.of(model, torch.float32, True)).loss(
        model, made.batch(turns(0, 1, 2), PROMPTS)
    )
    assert loss.measures["approx_kl"].tolist() == pytest.approx([0.0] * 7, abs=1e-8)
    assert loss.measures["kl"].tolist() == pytest.approx([0.0] * 3, abs=1e-5)
    loss.total.backward()
    assert model.value_head.weight.grad.abs().sum() > 0
    assert model.lm_head.weight.grad.abs().sum() > 0


def test_a_rollout_is_drawn_once_and_goes_on_from_what_was_saved(model: Any, tmp_path: Path) -> None:
    settings = {"before": copy.deepcopy(model), "ppo_target": 6.0, "ppo_score_norm": True}
    made = rollouts(model, True, **settings)
    first = made.batch(turns(0, 1), PROMPTS)
    moved(model)
    assert torch.equal(made.batch(turns(0, 1), PROMPTS)["experience"]["logps"], first["experience"]["logps"])
    made.save(tmp_path / "state")
    head = model.value_head.weight.detach().clone()
    with torch.no_grad():
        model.value_head.weight.zero_()
    other = rollouts(model, True, **settings)
    other.load(tmp_path / "state")
    assert torch.equal(model.value_head.weight, head)
    ours, theirs = (one.batch(turns(2, 1), PROMPTS) for one in (made, other))
    assert torch.equal(ours["input_ids"], theirs["input_ids"])
    for name, values in ours["experience"].items():
        assert torch.equal(theirs["experience"][name], values), name
    following = [one.batch(turns(0, rollout=1), PROMPTS)["experience"] for one in (made, other)]
    for name, values in following[0].items():
        assert torch.equal(following[1][name], values), name
    assert following[0]["kl_coef"] < SETTINGS["kl_coef"]  # of 3 answers without divergence
    assert not torch.equal(following[0]["logps"], first["experience"]["logps"][: len(following[0]["logps"])])


def test_the_head_of_the_values_is_no_part_of_what_is_saved(
    model: Any, tiny_model: str, tmp_path: Path
) -> None:
    model.save_pretrained(tmp_path)
    plain, info = AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["unexpected_keys"]
    assert not hasattr(plain, "value_head")
    assert any(name.startswith("value_head") for name, _ in model.named_parameters())
