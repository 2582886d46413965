"""Training here changes weights exactly as a plain loop over padded batches does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.utils import clip_grad_norm_
from transformers import AutoModelForCausalLM, get_cosine_schedule_with_warmup, set_seed

from llmtune_kernel.config import FullMethod, LoraMethod, RunConfig, SftObjective, config_from_dict
from llmtune_kernel.data.sequences import TokenSequence
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.models.attention import PACKED, register_packed_attention
from llmtune_kernel.runs.events import Evaluation, Metrics, Payload
from llmtune_kernel.training.collation import EncodedDataset, collate_packed, collate_padded
from llmtune_kernel.training.objective import Forward
from llmtune_kernel.training.reference import no_reference
from llmtune_kernel.training.sft import SupervisedFineTuning
from llmtune_kernel.training.trainer import LLMTrainer, training_arguments

STEPS = 5


def rows(count: int = 12) -> tuple[list[list[int]], list[list[int]]]:
    """Sequences of 6 to 17 tokens of which the first 3 are a masked prompt."""
    generator = torch.Generator().manual_seed(1)
    ids = [torch.randint(0, 40000, (6 + number,), generator=generator).tolist() for number in range(count)]
    return ids, [[-100] * 3 + row[3:] for row in ids]


def configuration(**training: Any) -> RunConfig:
    settings = {
        "max_steps": STEPS,
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-2,
        "warmup_ratio": 0.2,
        "weight_decay": 0.1,
        "seed": 3,
    }
    return config_from_dict({"data": "unused", "training": {**settings, **training}})


def load(folder: str, method: LoraMethod | FullMethod, attention: str) -> Any:
    register_packed_attention()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=attention)
    set_seed(3)
    return prepare_for_training(model, method)


def train(
    model: Any, config: RunConfig, folder: Path, packed: bool, held_out: list[int] | None = None
) -> list[Payload]:
    events: list[Payload] = []
    ids, labels = rows()

    def example(number: int) -> list[TokenSequence]:
        return [TokenSequence(np.array(ids[number], np.int32), np.array(labels[number]) >= 0)]

    def dataset(chosen: list[int]) -> EncodedDataset:
        return EncodedDataset(example, [[number] for number in chosen])

    trainer = LLMTrainer(
        model,
        training_arguments(config, folder, checkpointing=False, on_cpu=True),
        config=config,
        train=dataset([*range(len(ids))]),
        evaluation=dataset(held_out) if held_out else None,
        objective=SupervisedFineTuning(
            SftObjective(), Forward.of(model, torch.float32, packed), no_reference
        ),
        collate=collate_packed if packed else collate_padded,
        emit=events.append,
        at_boundary=lambda step, last: False,
        checkpoints=folder,
    )
    seen: list[list[int]] = []
    collate = trainer.data_collator
    by_content = {tuple(row): number for number, row in enumerate(ids)}

    def note(batch: list[Any]) -> Any:
        seen.append([by_content[tuple(sequence.ids)] for item in batch for sequence in item.sequences])
        return collate(batch)

    trainer.data_collator = note
    trainer.train()
    train.batches = seen  # type: ignore[attr-defined]
    return events


def losses(events: list[Payload]) -> list[float]:
    return [event.loss for event in events if isinstance(event, Metrics) and event.loss is not None]


def plain_loop(model: Any, batches: list[list[int]], accumulation: int = 1) -> list[float]:
    """The reference: padded rows, the model's own loss on labels, AdamW, cosine schedule with warm-up."""
    ids, labels = rows()
    decay = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    other = [p for p in model.parameters() if p.requires_grad and p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.1}, {"params": other, "weight_decay": 0.0}], lr=1e-2
    )
    schedule = get_cosine_schedule_with_warmup(optimizer, 1, STEPS)
    model.train()
    found = []
    for step in range(STEPS):
        micro = batches[step * accumulation : (step + 1) * accumulation]
        total = sum(label != -100 for batch in micro for row in batch for label in labels[row])
        step_loss = 0.0
        for batch in micro:
            longest = max(len(ids[row]) for row in batch)
            loss = model(
                input_ids=torch.tensor([ids[row] + [0] * (longest - len(ids[row])) for row in batch]),
                attention_mask=torch.tensor(
                    [[1] * len(ids[row]) + [0] * (longest - len(ids[row])) for row in batch]
                ),
                labels=torch.tensor([labels[row] + [-100] * (longest - len(ids[row])) for row in batch]),
                num_items_in_batch=torch.tensor(total),
            ).loss
            loss.backward()
            step_loss += loss.item()
        clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
        optimizer.step()
        schedule.step()
        model.zero_grad()
        found.append(step_loss)
    return found


@pytest.mark.parametrize("method", [LoraMethod(r=4, lora_alpha=400), FullMethod()], ids=["lora", "full"])
@pytest.mark.parametrize("packed", [True, False], ids=["packed", "padded"])
def test_losses_equal_those_of_a_plain_padded_loop(
    tiny_model: str, tmp_path: Path, method: LoraMethod | FullMethod, packed: bool
) -> None:
    events = train(load(tiny_model, method, PACKED if packed else "sdpa"), configuration(), tmp_path, packed)
    expected = plain_loop(load(tiny_model, method, "sdpa"), train.batches)  # type: ignore[attr-defined]
    assert losses(events) == pytest.approx(expected, abs=1e-4)
    assert abs(expected[-1] - expected[0]) > 0.01  # weights moved enough to tell a difference


def test_losses_with_gradient_accumulation_are_means_over_all_tokens_of_a_step(
    tiny_model: str, tmp_path: Path
) -> None:
    method = FullMethod()
    config = configuration(per_device_train_batch_size=2, gradient_accumulation_steps=2)
    events = train(load(tiny_model, method, PACKED), config, tmp_path, packed=True)
    expected = plain_loop(load(tiny_model, method, "sdpa"), train.batches, accumulation=2)  # type: ignore[attr-defined]
    assert losses(events) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("method", [LoraMethod(r=4, lora_alpha=400), FullMethod()], ids=["lora", "full"])
def test_offloading_changes_no_loss(tiny_model: str, tmp_path: Path, method: LoraMethod | FullMethod) -> None:
    plain, offloaded = (
        train(
            load(tiny_model, method, PACKED),
            configuration(activation_offloading=away),
            tmp_path / str(away),
            packed=True,
        )
        for away in (False, True)
    )
    assert losses(offloaded) == losses(plain)


def test_smollm2_losses_equal_those_of_a_plain_padded_loop(smollm2: str, tmp_path: Path) -> None:
    method = LoraMethod(r=4, lora_alpha=8)
    events = train(load(smollm2, method, PACKED), configuration(), tmp_path, packed=True)
    expected = plain_loop(load(smollm2, method, "sdpa"), train.batches)  # type: ignore[attr-defined]
    assert losses(events) == pytest.approx(expected, abs=1e-4)


def test_evaluation_is_the_mean_over_the_trained_tokens_of_its_rows(tiny_model: str, tmp_path: Path) -> None:
    model = load(tiny_model, FullMethod(), PACKED)
    events = train(model, configuration(), tmp_path, packed=True, held_out=[0, 5, 11])
    evaluation = [event for event in events if isinstance(event, Evaluation)][-1]
    ids, labels = rows()
    with torch.no_grad():
        nll = [
            model(input_ids=torch.tensor([ids[row]]), labels=torch.tensor([labels[row]])).loss
            * (len(ids[row]) - 3)
            for row in (0, 5, 11)
        ]
    assert evaluation.tokens == sum(len(ids[row]) - 3 for row in (0, 5, 11))
    assert evaluation.loss == pytest.approx(sum(nll).item() / evaluation.tokens, abs=1e-4)
    assert evaluation.step == STEPS


def test_metrics_count_tokens_without_padding(tiny_model: str, tmp_path: Path) -> None:
    for packed in (True, False):
        folder = tmp_path / str(packed)
        events = train(load(tiny_model, FullMethod(), "sdpa"), configuration(), folder, packed)
        ids, _ = rows()
        last = [event for event in events if isinstance(event, Metrics)][-1]
        assert last.tokens == sum(len(ids[row]) for batch in train.batches[:STEPS] for row in batch)  # type: ignore[attr-defined]
        assert last.step == last.max_steps == STEPS
        assert last.eta == 0


def learning_rates(events: list[Payload]) -> list[float]:
    return [event.learning_rate for event in events if isinstance(event, Metrics)]


def test_warm_up_steps_take_the_place_of_the_share(tiny_model: str, tmp_path: Path) -> None:
    config = configuration(max_steps=10, warmup_ratio=0.0, warmup_steps=4, lr_scheduler_type="linear")
    events = train(load(tiny_model, FullMethod(), PACKED), config, tmp_path, packed=True)
    assert learning_rates(events)[:6] == pytest.approx([0, 0.25e-2, 0.5e-2, 0.75e-2, 1e-2, 1e-2 * 5 / 6])


def test_warm_up_is_rounded_down_and_the_only_step_trains(tiny_model: str, tmp_path: Path) -> None:
    schedule = {"lr_scheduler_type": "constant_with_warmup"}
    config = configuration(max_steps=10, warmup_ratio=0.29, **schedule)
    events = train(load(tiny_model, FullMethod(), PACKED), config, tmp_path, packed=True)
    assert learning_rates(events)[:3] == pytest.approx([0.0, 0.5e-2, 1e-2])
    model = load(tiny_model, FullMethod(), PACKED)
    before = model.lm_head.weight.clone()
    train(model, configuration(max_steps=1, warmup_ratio=1.0), tmp_path, packed=True)
    assert not torch.equal(model.lm_head.weight, before)
