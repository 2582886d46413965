"""Each optimizer learns, keeps as little as it promises, and goes on after a checkpoint as if nothing had happened."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, set_seed
from transformers.training_args import OptimizerNames

from llmtune_kernel.config import SftObjective, UserError, config_from_dict
from llmtune_kernel.config.optimizers import LAYERWISE, LOW_RANK, OPTIMIZERS, OptimizerName
from llmtune_kernel.data.sequences import TokenSequence
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.models.loading import device
from llmtune_kernel.models.memory import optimizer_bytes
from llmtune_kernel.runs.events import Metrics, Payload
from llmtune_kernel.training.collation import EncodedDataset, collate_padded
from llmtune_kernel.training.objective import Forward
from llmtune_kernel.training.optimizers import check_optimizer
from llmtune_kernel.training.reference import no_reference
from llmtune_kernel.training.sft import SupervisedFineTuning
from llmtune_kernel.training.trainer import LLMTrainer, training_arguments

# What only runs on other hardware than a CPU, or needs packages that no index has.
ELSEWHERE = (
    "galore_adamw_8bit",
    "galore_adamw_8bit_layerwise",
    "adalomo",
    "adamw_anyprecision",
    "adamw_torch_xla",
    "adamw_torch_npu_fused",
)
_COMPILED = pytest.mark.skipif(not shutil.which("g++"), reason="needs a C++ compiler")
HERE = [
    pytest.param(name, marks=[_COMPILED] if one.package == "torchao" else [])
    for name, one in OPTIMIZERS.items()
    if name not in ELSEWHERE
]
# One of each way to keep what is known of weights that are bfloat16.
IN_BFLOAT16 = (
    "adamw_torch",
    "adafactor",
    "muon",
    "adam_mini",
    "badam",
    "galore_adamw",
    "apollo_adamw",
    "adamw_bnb_8bit",
    "paged_adamw_32bit",
    "stable_adamw",
)
# Rates at which a step is large enough to see, and settings that suit a small model.
MORE: dict[str, Any] = {
    **{name: {"optim_args": {"rank": 4, "update_proj_gap": 2}} for name in LOW_RANK},
    "schedule_free_radam": {"adam_beta2": 0.8},  # what it needs to begin to learn within six steps
}
RATES = {"sgd": 1.0, "schedule_free_sgd": 1.0, "adagrad": 3e-2, "schedule_free_radam": 3e-2, "lomo": 1.0}


def sequences(number: int) -> list[TokenSequence]:
    """Counting up from the number: there is something to learn."""
    return [TokenSequence(np.arange(number, number + 12, dtype=np.int32), np.ones(12, bool))]


def small_llama() -> Any:
    set_seed(5)
    sizes = {"vocab_size": 96, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
    return LlamaForCausalLM(
        LlamaConfig(**sizes, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False)
    )


def make_trainer(
    folder: Path,
    optim: str,
    events: list[Payload],
    stop_at: int = 99,
    dtype: torch.dtype = torch.float32,
    **more: Any,
) -> LLMTrainer:
    config = config_from_dict(
        {
            "data": "unused",
            "method": "full",
            "training": {
                "max_steps": 6,
                "learning_rate": RATES.get(optim, 3e-3),
                "warmup_ratio": 0.0,
                "optim": optim,
                **MORE.get(optim, {}),
                **more,
            },
        }
    )
    model = prepare_for_training(small_llama(), config.method, dtype=dtype)
    folder.mkdir(exist_ok=True)
    return LLMTrainer(
        model,
        training_arguments(config, folder, checkpointing=False, on_cpu=True),
        config=config,
        train=EncodedDataset(sequences, [[number] for number in range(24)]),
        evaluation=None,
        objective=SupervisedFineTuning(SftObjective(), Forward.of(model, dtype, packed=False), no_reference),
        collate=collate_padded,
        emit=events.append,
        at_boundary=lambda step, last: step >= stop_at,
        checkpoints=folder,
    )


def losses(events: list[Payload]) -> list[float | None]:
    return [event.loss for event in events if isinstance(event, Metrics)]


def plain(trainer: LLMTrainer) -> Any:
    return trainer.optimizer.optimizer  # type: ignore[union-attr]


def tensors(value: Any) -> Iterator[torch.Tensor]:
    """All in a state, of objects in it too."""
    if torch.is_tensor(value):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from tensors(part)
    elif hasattr(value, "__dict__") and not callable(value):
        yield from tensors(vars(value))


def held(value: torch.Tensor) -> int:
    """Bytes of a tensor, of those that are kept in few bits too."""
    if hasattr(value, "__tensor_flatten__"):
        names, _ = value.__tensor_flatten__()
        return sum(held(getattr(value, name)) for name in names)
    return value.numel() * value.element_size()


def test_all_names_that_transformers_knows_are_there() -> None:
    assert {name.value for name in OptimizerNames} <= set(get_args(OptimizerName))


@pytest.mark.parametrize(
    ("optim", "dtype"),
    [
        *(pytest.param(*one.values, torch.float32, marks=one.marks) for one in HERE),
        *((optim, torch.bfloat16) for optim in IN_BFLOAT16),
    ],
)
def test_an_optimizer_learns_and_keeps_as_much_as_is_estimated(
    tmp_path: Path, optim: str, dtype: torch.dtype
) -> None:
    events: list[Payload] = []
    trainer = make_trainer(tmp_path, optim, events, dtype=dtype)
    before = optimizer_bytes(trainer._config.training, trainer._tuned)
    trainer.train()
    first, *_, last = losses(events)
    assert first is not None
    assert last is not None
    assert last < first
    kept = sum(held(value) for value in tensors(plain(trainer).state_dict()))
    # Counters, and tables of what values of few bits mean, do not matter in models that are not this small.
    tables = 2 * 1024 if OPTIMIZERS[optim].bits < 32 else 8
    assert 0.97 * before <= kept <= 1.02 * before + tables * len(list(trainer._tuned.parameters()))


@pytest.mark.parametrize("optim", HERE)
def test_a_run_goes_on_from_a_checkpoint_as_if_nothing_had_happened(tmp_path: Path, optim: str) -> None:
    whole: list[Payload] = []
    make_trainer(tmp_path / "whole", optim, whole).train()
    parts: list[Payload] = []
    first = make_trainer(tmp_path / "parts", optim, parts, stop_at=3)
    first.train()
    first.save_checkpoint()
    again = make_trainer(tmp_path / "parts", optim, parts)
    again.train(resume_from_checkpoint=str(tmp_path / "parts" / "step-000003"))
    assert losses(parts) == pytest.approx(losses(whole), abs=1e-6)


@pytest.mark.parametrize("optim", [name for name in LOW_RANK if name not in ELSEWHERE])
def test_low_rank_optimizers_project_the_named_modules(tmp_path: Path, optim: str) -> None:
    def state(**changes: Any) -> int:
        training = {"optim": optim, **MORE.get(optim, {}), **changes}
        config = config_from_dict({"data": "unused", "method": "full", "training": training})
        return optimizer_bytes(config.training, small_llama())

    if "adafactor" not in optim:  # which keeps less of a matrix than of its projection
        assert state() < state(optim_target_modules=["mlp"])
    assert state() < state(optim_args={"rank": 8})
    trainer = make_trainer(tmp_path, optim, [], optim_target_modules=["attention"])
    with pytest.raises(UserError, match=r"No linear layer of this model has 'attention' in its name"):
        trainer.create_optimizer()


@pytest.mark.parametrize("optim", LAYERWISE)
def test_layerwise_optimizers_free_each_gradient_at_once(tmp_path: Path, optim: str) -> None:
    if optim in ELSEWHERE:
        pytest.skip("needs a GPU")
    most = 0
    events: list[Payload] = []
    trainer = make_trainer(tmp_path, optim, events)
    weights = list(trainer._tuned.parameters())

    def count(_: torch.Tensor) -> None:
        nonlocal most
        most = max(most, sum(weight.grad is not None for weight in weights))

    trainer.create_optimizer()
    for weight in weights:
        weight.register_post_accumulate_grad_hook(count)
    trainer.train()
    assert most == 0  # after the update of each
    assert all(event.grad_norm is None for event in events if isinstance(event, Metrics))


def test_badam_trains_one_block_at_a_time(tmp_path: Path) -> None:
    settings = {"switch_mode": "descending", "switch_every": 2}
    trainer = make_trainer(tmp_path, "badam", [], optim_args=settings)
    before = {name: weight.clone() for name, weight in trainer._tuned.named_parameters()}
    changed: list[set[str]] = []

    def look(step: int, last: bool) -> bool:
        now = dict(trainer._tuned.named_parameters())
        found = {name for name, weight in now.items() if not torch.equal(weight, before[name])}
        changed.append(
            {".".join(name.split(".")[:3]) for name in found if "layers" in name}
            | ({"outside"} if any("layers" not in name for name in found) else set())
        )
        before.update({name: weight.detach().clone() for name, weight in now.items()})
        return False

    trainer._at_boundary = look
    trainer.train()
    outside, last, first = {"outside"}, {"model.layers.1"}, {"model.layers.0"}
    assert changed == [outside, outside, last, last, first, first]


def test_no_block_is_saved_that_is_not_finite(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, "badam", [], optim_args={"switch_mode": "fixed"})
    trainer.train()
    trainer.check_finite()
    with torch.no_grad():
        trainer._tuned.model.layers[1].mlp.up_proj.weight[0] = math.nan  # it is the first block's turn
    with pytest.raises(UserError, match="diverged"):
        trainer.check_finite()


@pytest.mark.parametrize(
    ("optim", "said"),
    [
        ("adamw_anyprecision", "adamw_anyprecision needs the package torchdistx"),
        ("adalomo", "adalomo needs an NVIDIA GPU"),
    ],
)
def test_what_an_optimizer_lacks_here_is_named(optim: Any, said: str) -> None:
    if device().type == "cuda":
        pytest.skip("it lacks nothing here")
    with pytest.raises(UserError, match=said):
        check_optimizer(optim)


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"optim": "galore_adamw", "optim_args": {"rnk": 4}}, "no setting 'rnk'; did you mean rank"),
        (
            {"optim": "galore_adamw", "optim_args": {"rank": 0.5}},
            "rank cannot be 0.5; write a value like 128",
        ),
        ({"optim": "apollo_adamw", "optim_args": {"proj": "pca"}}, "take one of random, svd"),
        ({"optim": "adamw_torch", "optim_args": {"rank": 4}}, "adamw_torch has no setting 'rank'"),
        ({"optim": "sgd", "adam_beta1": 0.5}, "sgd does not use it"),
        ({"optim": "adafactor", "optim_target_modules": ["mlp"]}, "adafactor does not use it"),
        ({"optim": "lomo", "weight_decay": 0.1}, "lomo knows no weight decay"),
        (
            {"optim": "galore_adamw_layerwise", "gradient_accumulation_steps": 2},
            "updates each weight at once and accumulates no gradients",
        ),
        ({"optim": "galore_adamw", "optim_args": "rank"}, "settings are pairs of a name and a value"),
    ],
)
def test_what_an_optimizer_does_not_take_is_said(training: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        config_from_dict({"data": "unused", "method": "full", "training": training})


def test_adapters_are_not_for_optimizers_of_whole_weights() -> None:
    with pytest.raises(UserError, match="badam trains the weights themselves, not adapters"):
        config_from_dict({"data": "unused", "training": {"optim": "badam"}})


def test_settings_are_read_as_transformers_writes_them() -> None:
    training = {"optim": "galore_adamw", "optim_args": "rank=64, scale=2, proj_type=left"}
    config = config_from_dict({"data": "unused", "method": "full", "training": training})
    assert config.training.optim_args == {"rank": 64, "scale": 2, "proj_type": "left"}
    assert math.isclose(config.training.adam_epsilon, 1e-8)
