"""Adapters that start with the directions in which their inputs vary most."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import get_peft_model_state_dict
from peft.tuners.lora.eva import get_eva_state_dict
from transformers import AutoModelForCausalLM

from llmtune_kernel.config import LoraMethod
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.models.eva import start_with_inputs
from llmtune_kernel.training.objective import Forward

BATCHES = [{"input_ids": torch.randint(400, (2, 60), generator=torch.Generator().manual_seed(0))}] * 3
READ = Forward(torch.float32, only_targets=False).read


def made(folder: str, **settings: Any) -> Any:
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return prepare_for_training(model, LoraMethod(r=4, init_lora_weights="eva", **settings))


def started(folder: str, batches: Any = BATCHES, **settings: Any) -> Any:
    tuned = made(folder, **settings)
    start_with_inputs(tuned, batches, READ, tuned.peft_config["default"].eva_config.rho)
    return tuned


def downs(tuned: Any) -> dict[str, torch.Tensor]:
    return {name: weight for name, weight in get_peft_model_state_dict(tuned).items() if "lora_A" in name}


def test_directions_and_ranks_are_those_of_peft(small_model: str) -> None:
    tuned = made(small_model, target_modules=["q_proj", "up_proj", "down_proj"])
    theirs = get_eva_state_dict(tuned, BATCHES, show_progress_bar=False)
    start_with_inputs(tuned, BATCHES, READ, 2.0)
    ours = {name.removesuffix(".lora_A.weight"): weight for name, weight in downs(tuned).items()}
    assert ours.keys() == {name for name, weight in theirs.items() if len(weight)}
    for name, weight in ours.items():
        assert abs(len(weight) - len(theirs[name])) <= 1  # both find them approximately
        count = min(len(weight), len(theirs[name]))
        assert torch.cosine_similarity(weight[:count], theirs[name][:count]).abs().min() > 0.9


@pytest.mark.parametrize("growth", [1.0, 2.0])
def test_ranks_move_to_where_inputs_vary_in_more_directions(small_model: str, growth: float) -> None:
    tuned = started(small_model, eva_rho=growth)
    ranks = [len(weight) for weight in downs(tuned).values()]
    assert sum(ranks) == 4 * 14
    assert set(ranks) == {4} if growth == 1 else max(ranks) > 4
    trained = [weight for weight in tuned.parameters() if weight.requires_grad]
    assert all(weight.dtype == torch.float32 for weight in trained)


def test_it_begins_as_the_model_was_and_the_same_way_each_time(small_model: str) -> None:
    first, second = started(small_model), started(small_model)
    assert all(
        torch.equal(one, two) for one, two in zip(first.parameters(), second.parameters(), strict=True)
    )
    ids = BATCHES[0]["input_ids"]
    with torch.no_grad(), first.disable_adapter():
        before = first(ids).logits
    assert torch.equal(first(ids).logits, before)


def test_what_pads_a_batch_has_no_part_in_it(small_model: str) -> None:
    ids = BATCHES[0]["input_ids"]
    padded = torch.cat([ids, torch.randint(400, (2, 30), generator=torch.Generator().manual_seed(1))], 1)
    mask = torch.ones_like(padded)
    mask[:, 60:] = 0
    ours = downs(started(small_model, [{"input_ids": padded, "attention_mask": mask}] * 3, eva_rho=1.0))
    for name, weight in downs(started(small_model, eva_rho=1.0)).items():
        assert torch.allclose(ours[name], weight, atol=1e-3)


def test_layers_that_read_too_little_start_as_others_do(small_model: str) -> None:
    tuned = started(small_model, [{"input_ids": torch.tensor([[1, 2, 3]])}])
    assert {len(weight) for weight in downs(tuned).values()} == {4}
