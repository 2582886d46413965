"""AdaLoRA lowers ranks as PEFT does, and goes on from a checkpoint as if nothing had been."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, TrainerControl, TrainerState

from llmtune_kernel.config import AdaLoraMethod, UserError
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.training.adalora import RankSchedule

METHOD = AdaLoraMethod(init_r=6, target_r=3, tinit=2, tfinal=3, deltaT=2)
STEPS = 12


def made(folder: str, method: AdaLoraMethod = METHOD) -> Any:
    torch.manual_seed(0)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return prepare_for_training(model, method)


def state(step: int) -> TrainerState:
    return TrainerState(global_step=step, max_steps=STEPS)


def begun(model: Any, method: AdaLoraMethod = METHOD) -> RankSchedule:
    schedule = RankSchedule(method, model)
    schedule.on_train_begin(None, state(0), TrainerControl())
    return schedule


def learn(model: Any, step: int) -> None:
    """Change what is trained a little, with gradients that differ at each step."""
    generator = torch.Generator().manual_seed(step)
    for weight in model.parameters():
        if weight.requires_grad:
            weight.grad = torch.randn(weight.shape, generator=generator)
            weight.data -= 0.01 * weight.grad


def trained(model: Any) -> list[torch.Tensor]:
    return [weight.detach().clone() for weight in model.parameters() if weight.requires_grad]


def test_ranks_are_lowered_when_and_where_peft_lowers_them(small_model: str) -> None:
    ours = made(small_model)
    theirs = copy.deepcopy(ours)
    schedule = begun(ours)
    settings = theirs.peft_config["default"]
    settings.total_step, settings.tinit, settings.tfinal = STEPS, 2, 3
    for step in range(STEPS):
        for model in (ours, theirs):
            learn(model, step)
        schedule.on_optimizer_step(None, state(step), TrainerControl())
        theirs.base_model.update_and_allocate(step + 1)
        assert all(torch.equal(one, two) for one, two in zip(trained(ours), trained(theirs), strict=True))
    ranks = [
        int((weight != 0).sum()) for name, weight in ours.named_parameters() if ".lora_E.default" in name
    ]
    assert sum(ranks) == 3 * 14
    assert len(set(ranks)) > 1


def test_what_pulls_directions_apart_is_that_of_peft(small_model: str) -> None:
    model = made(small_model)
    ids = torch.arange(20, 60)[None]
    inside = model.base_model.model
    with torch.no_grad():
        added = model(ids, labels=ids).loss - inside(ids, labels=ids).loss
        assert 0.5 * begun(model).penalty() == pytest.approx(float(added), rel=1e-5)


@pytest.mark.parametrize("cut", [1, 5, 10])
def test_it_goes_on_from_what_was_saved(small_model: str, tmp_path: Path, cut: int) -> None:
    def rest(model: Any, schedule: RankSchedule, first: int) -> list[torch.Tensor]:
        for step in range(first, STEPS):
            learn(model, step)
            schedule.on_optimizer_step(None, state(step), TrainerControl())
        return trained(model)

    model = made(small_model)
    schedule = begun(model)
    for step in range(cut):
        learn(model, step)
        schedule.on_optimizer_step(None, state(step), TrainerControl())
    schedule.save(tmp_path)
    weights = copy.deepcopy(model.state_dict())
    whole = rest(model, schedule, cut)

    again = made(small_model)
    again.load_state_dict(weights)
    continued = begun(again)
    continued.load(tmp_path)
    assert all(torch.equal(one, two) for one, two in zip(rest(again, continued, cut), whole, strict=True))


def test_only_final_ranks_are_saved_alone(small_model: str) -> None:
    model = made(small_model)
    schedule, settings = begun(model), model.peft_config["default"]
    for step in range(10):
        learn(model, step)
        schedule.on_optimizer_step(None, state(step), TrainerControl())
    schedule.on_train_end(None, state(8), TrainerControl())
    assert settings.rank_pattern is None
    schedule.on_train_end(None, state(10), TrainerControl())
    assert sum(map(sum, settings.rank_pattern.values())) == 3 * 14
    with schedule.whole():
        assert settings.rank_pattern is None


def test_ranks_need_a_step_in_which_they_are_lowered(small_model: str) -> None:
    method = AdaLoraMethod(tinit=6, tfinal=6)
    with pytest.raises(UserError, match=r"Of 12 steps none is left .*: 6 come before, 6 after"):
        begun(made(small_model, method), method)
