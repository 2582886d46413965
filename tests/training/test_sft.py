"""The losses of supervised fine-tuning are those of their papers and of TRL."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM
from transformers.trainer_pt_utils import LabelSmoother
from trl_on_cpu import moved, trl_trainer

from llmtune_kernel.config import FullMethod, LoraMethod, Method, SftObjective, config_from_dict
from llmtune_kernel.data.sequences import TokenSequence
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.models.attention import PACKED, register_packed_attention
from llmtune_kernel.training.collation import EncodedDataset, Item, collate_packed, collate_padded
from llmtune_kernel.training.objective import Forward
from llmtune_kernel.training.objectives import make_objective
from llmtune_kernel.training.reference import no_reference
from llmtune_kernel.training.sft import SupervisedFineTuning, divergence, dynamic, relative_entropy

LENGTHS = [6, 9, 17]


def items() -> list[Item]:
    """Sequences of which the first 3 tokens are a masked prompt."""
    generator = np.random.default_rng(1)
    ids = [generator.integers(0, 40000, length, np.int32) for length in LENGTHS]
    return [Item([TokenSequence(row, np.arange(len(row)) >= 3)]) for row in ids]


def load(folder: str, method: Method, packed: bool = True) -> Any:
    register_packed_attention()
    attention = PACKED if packed else "sdpa"
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=attention)
    return prepare_for_training(model, method)


def objective_of(model: Any, packed: bool = True, **settings: Any) -> SupervisedFineTuning:
    forward = Forward.of(model, torch.float32, packed)
    return SupervisedFineTuning(SftObjective(**settings), forward, no_reference)


def test_dft_weighs_each_token_by_its_probability() -> None:
    nll = torch.tensor([math.log(2), math.log(4)], requires_grad=True)
    losses = dynamic(nll)
    assert losses.tolist() == pytest.approx([math.log(2) / 2, math.log(4) / 4])
    losses.sum().backward()
    assert nll.grad is not None
    assert nll.grad.tolist() == pytest.approx([1 / 2, 1 / 4])


def test_eaft_weighs_by_the_entropy_of_the_twenty_likeliest_tokens() -> None:
    even = torch.cat([torch.zeros(20), torch.full((80,), -50.0)])
    two = torch.cat([torch.zeros(2), torch.full((98,), -50.0)])
    sure = torch.cat([torch.zeros(1), torch.full((99,), -50.0)])
    found = relative_entropy(torch.stack([even, two, sure]))
    assert found.tolist() == pytest.approx([1, math.log(2) / math.log(20), 0], abs=1e-6)
    assert relative_entropy(torch.zeros(1, 4)).tolist() == pytest.approx([1])  # of a smaller vocabulary, all


def test_asft_measures_how_far_the_model_is_from_the_reference() -> None:
    reference = torch.tensor([[0.5, 0.5], [0.9, 0.1]]).log()
    logits = torch.tensor([[0.25, 0.75], [0.9, 0.1]]).log() + 3
    expected = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert divergence(reference, logits).tolist() == pytest.approx([expected, 0], abs=1e-6)


@pytest.fixture(scope="module")
def oracle(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    trl = pytest.importorskip("trl")
    from trl.trainer import sft_trainer

    rows = [{"prompt": f"What is {n} plus {n}?", "completion": f" It is {2 * n}" + "." * n} for n in range(4)]
    folder = tmp_path_factory.mktemp("trl")
    return trl_trainer(sft_trainer, trl.SFTTrainer, trl.SFTConfig, folder, tiny_model, rows)


@pytest.mark.parametrize("settings", [{"loss": "nll"}, {"loss": "dft"}, {"label_smoothing": 0.2}], ids=str)
@pytest.mark.parametrize("packed", [True, False])
def test_loss_equals_that_of_trl(oracle: Any, settings: dict[str, Any], packed: bool) -> None:
    config = SftObjective(**settings)
    oracle.args.loss_type = config.loss
    oracle.label_smoother = LabelSmoother(config.label_smoothing) if config.label_smoothing else None
    model = oracle.model.train()
    batch = next(iter(oracle.get_train_dataloader()))
    expected = oracle.compute_loss(model, dict(batch))
    parts = zip(batch["input_ids"], batch["attention_mask"].bool(), batch["labels"], strict=True)
    ours = [
        Item([TokenSequence(ids[seen].numpy().astype(np.int32), (labels[seen] != -100).numpy())])
        for ids, seen, labels in parts
    ]
    objective = objective_of(model, packed, **settings)
    made = collate_packed(ours) if packed else collate_padded(ours)
    loss = objective.loss(model, made)
    assert (loss.total / objective.count(made)).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("settings", [{"loss": "dft"}, {"loss": "eaft"}, {"label_smoothing": 0.1}], ids=str)
def test_beside_another_loss_the_likelihood_is_measured(tiny_model: str, settings: dict[str, Any]) -> None:
    model, batch = load(tiny_model, FullMethod()), collate_packed(items())
    plain = objective_of(model).loss(model, batch)
    assert plain.measures == {}
    loss = objective_of(model, **settings).loss(model, batch)
    assert loss.measures["nll"].sum().item() == pytest.approx(plain.total.item(), rel=1e-5)
    assert loss.total.item() != pytest.approx(plain.total.item(), rel=1e-5)


@pytest.mark.parametrize(
    "method",
    [LoraMethod(r=4), LoraMethod(r=4, init_lora_weights="pissa"), FullMethod()],
    ids=["lora", "pissa", "full"],
)
def test_asft_compares_with_the_model_before_training(tiny_model: str, method: Method) -> None:
    config = config_from_dict(
        {
            "data": "unused",
            "method": method.model_dump(),
            "objective": {"type": "sft", "loss": "asft", "asft_alpha": 0.7},
        }
    )
    model, batch = load(tiny_model, method), collate_packed(items())
    forward = Forward.of(model, torch.float32, packed=True)
    data = EncodedDataset(lambda number: items()[number].sequences, [[0], [1], [2]])
    objective = make_objective(config, model, forward, [data], collate_packed, lambda done, count: None)
    assert isinstance(objective, SupervisedFineTuning)
    with torch.no_grad():
        before = forward.logits(model, batch).log_softmax(-1)
        first = objective.loss(model, batch)
        assert first.measures["kl"].tolist() == pytest.approx([0] * objective.count(batch), abs=1e-5)
        for weight in moved(model).parameters():
            weight += 0.05 * weight.requires_grad
        loss, after = objective.loss(model, batch), forward.logits(model, batch).log_softmax(-1)
    kl = (before.exp() * (before - after)).sum(-1)
    nll = -after.gather(-1, batch["targets"][:, None])[:, 0]
    assert kl.min() > 1e-3
    assert loss.measures["kl"].tolist() == pytest.approx(kl.tolist(), abs=1e-4)
    expected = (nll * torch.exp(-nll) + 0.7 * kl).sum()
    assert loss.total.item() == pytest.approx(expected.item(), rel=1e-4)
