"""From a configuration and its data to a model that can be trained and its trainer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from llmtune_kernel.config import (
    FullMethod,
    GrpoObjective,
    LoraMethod,
    PeftMethod,
    RewardedObjective,
    RunConfig,
    SamplesConfig,
)
from llmtune_kernel.config.peft_types import IN_FRONT
from llmtune_kernel.depths import is_routed
from llmtune_kernel.inference.generation import draw
from llmtune_kernel.locale import _, _n
from llmtune_kernel.models.adapters import PutIn, prepare_for_training
from llmtune_kernel.models.attention import PACKED, packing_works, register_packed_attention
from llmtune_kernel.models.depths import cannot_route, convert, said_of_depths
from llmtune_kernel.models.eva import start_with_inputs
from llmtune_kernel.models.fp8 import multiplies_fp8, use_fp8
from llmtune_kernel.models.liger import use_liger
from llmtune_kernel.models.loading import device, load_configuration, load_model
from llmtune_kernel.models.loftq import make_up_for_quantization
from llmtune_kernel.models.memory import give_back_freed
from llmtune_kernel.models.merging import merged
from llmtune_kernel.models.prequantized import prequantized
from llmtune_kernel.models.quantization import quantization_config
from llmtune_kernel.models.rope import stretched
from llmtune_kernel.models.shifted import group_size, shift
from llmtune_kernel.models.sources import ModelSource
from llmtune_kernel.models.unsloth import computes_where_told, load_by_unsloth, with_adapters
from llmtune_kernel.models.vocabulary import make_room
from llmtune_kernel.runs.events import Log
from llmtune_kernel.training.collation import EncodedDataset, collate_packed, collate_padded
from llmtune_kernel.training.grpo import GrpoRollouts
from llmtune_kernel.training.objective import Forward
from llmtune_kernel.training.objectives import (
    Collate,
    collate_for,
    items_for,
    make_objective,
    reference_of,
)
from llmtune_kernel.training.ppo import PpoRollouts
from llmtune_kernel.training.reference import moved
from llmtune_kernel.training.rewarding import Reward
from llmtune_kernel.training.rollouts import Draw, Prompts, RewardedTrainer
from llmtune_kernel.training.trainer import AtBoundary, LLMTrainer, training_arguments
from llmtune_kernel.worker.earlier import NO_EARLIER, Earlier
from llmtune_kernel.worker.prepare import Chosen, PreparedData, prompts_of
from llmtune_kernel.worker.telling import Teller, trained_parameters

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Training:
    """A model in training, and what trains it; `dtype` is that of its computations."""

    model: Any
    tokenizer: Any
    dtype: torch.dtype
    trainer: LLMTrainer

    @property
    def step(self) -> int:
        """How many steps are done."""
        return self.trainer.state.global_step


def weight_dtype(config: RunConfig, dtype: torch.dtype) -> torch.dtype:
    """In what the weights are kept; `dtype` is in what is computed.

    All weights of a full fine-tune are trained.
    """
    return trained_dtype(config) if isinstance(config.method, FullMethod) else dtype


def trained_dtype(config: RunConfig) -> torch.dtype:
    """In what the trained weights are kept; float32 ones are multiplied under autocast."""
    return torch.bfloat16 if config.model.pure_bf16 else torch.float32


def load_trainable(
    config: RunConfig, source: ModelSource, dtype: torch.dtype, tell: Teller, earlier: Earlier = NO_EARLIER
) -> tuple[Any, bool]:
    """The model, prepared for its method, and whether it can be packed."""
    of_model = load_configuration(source)
    quantization = quantization_config(config.model, dtype, of_model)
    if found := prequantized(of_model):
        tell(Log(message=found.said))
    positions = stretched(config.model, source, config.data.max_length)
    weights, attention = weight_dtype(config, dtype), config.model.attention
    put_in: PutIn | None = None
    if config.model.backend == "unsloth":
        model, put_in = _by_unsloth(config, source, weights, positions)
    else:
        model = load_model(source, weights, attention, quantization, positions, scores=config.scores)
    model = merged(model, earlier.merged)
    new_tokens = make_room(model, config.model, source)
    if config.model.liger_kernel:
        use_liger(model)
    packed = _can_be_packed(config, model, tell)
    if config.model.mixture_of_depths is not None:
        convert(model, config.model.mixture_of_depths)
    if is_routed(model):
        if not packed:
            raise cannot_route(model)
        tell(Log(message=said_of_depths(model)))
    in_fp8 = functools.partial(_compute_in_fp8, tell) if config.training.fp8 else None
    tuned = prepare_for_training(
        model,
        config.method,
        new_tokens,
        earlier.start,
        earlier.beneath,
        put_in,
        change=in_fp8,
        dtype=trained_dtype(config),
    )
    if earlier.start is None and getattr(config.method, "init_lora_weights", None) == "loftq":
        whole = load_model(source, weights, attention, None, positions, scores=config.scores, where=_CPU)
        make_up_for_quantization(tuned, whole)
        del whole
    give_back_freed()
    return tuned, packed


def _can_be_packed(config: RunConfig, model: Any, tell: Teller) -> bool:
    """Give the model the attention that it is trained with; whether that keeps packed sequences apart."""
    if isinstance(config.method, PeftMethod) and config.method.peft_type in IN_FRONT:
        return False
    ordinary = model.config._attn_implementation
    asked = model.base_model if config.scores else model
    # What takes no sdpa does more in its attention, such as the sinks of gpt-oss.
    if config.model.shift_attn:
        shift(asked, group := group_size(config))
        message = _("Shifted attention: groups of {count} tokens in training.", count=group)
        tell(Log(message=message))
    elif config.model.attention == "auto" and device().type == "cpu" and model._supports_sdpa:
        model.set_attn_implementation(PACKED)
    packed = packing_works(asked)
    if not packed and not config.model.shift_attn:
        model.set_attn_implementation(ordinary)
        packed = packing_works(asked)
    if not packed:
        message = _("This architecture does not keep packed sequences apart; batches are padded instead.")
        tell(Log(message=message))
    return packed


def _compute_in_fp8(tell: Teller, model: Any) -> None:
    emulated = not multiplies_fp8()
    count = use_fp8(model, emulated=emulated)
    said = _n("{count} linear layer computes in FP8.", "{count} linear layers compute in FP8.", count)
    tell(Log(message=said))
    if emulated:
        tell.warn(
            _(
                "FP8 is emulated, as no GPU here multiplies it: the numbers are as FP8 gives them, but a step takes "
                "longer than without training.fp8."
            )
        )


def _by_unsloth(
    config: RunConfig, source: ModelSource, dtype: torch.dtype, positions: dict[str, Any]
) -> tuple[Any, PutIn]:
    """The model, and what puts adapters into it."""
    register_packed_attention()
    # Only where it is asked for: what `auto` says is known when all is loaded.
    checkpointing = config.training.gradient_checkpointing is True
    model = load_by_unsloth(
        source,
        config.model,
        dtype,
        positions,
        longest=config.data.max_length,
        full=isinstance(config.method, FullMethod),
        checkpointing=checkpointing,
    )
    return model, functools.partial(with_adapters, seed=config.training.seed, checkpointing=checkpointing)


def start_from_data(
    model: Any,
    data: PreparedData,
    *,
    config: RunConfig,
    dtype: torch.dtype,
    packed: bool,
    loading: Callable[[str], None],
) -> None:
    """Give adapters the initial weights that come from the data, if any do; arguments as `make_trainer`."""
    if not isinstance(config.method, LoraMethod) or config.method.init_lora_weights != "eva":
        return
    loading(_("finding where the data vary"))
    size, items = config.training.per_device_train_batch_size, _dataset(data.train)
    order = np.random.default_rng(config.training.seed).permutation(len(items))
    collate = collate_packed if packed else collate_padded

    def batches() -> Iterator[dict[str, Any]]:
        for start in range(0, len(items), size):
            loading(_("finding where the data vary"))
            yield moved(collate([items[int(number)] for number in order[start : start + size]]), device())

    start_with_inputs(model, batches(), Forward.of(model, dtype, packed).read, config.method.eva_rho)


def make_trainer(
    model: Any,
    data: PreparedData,
    *,
    config: RunConfig,
    checkpoints: Path,
    tokenizer: Any,
    reward: Reward | None,
    other: Any,
    dtype: torch.dtype,
    packed: bool,
    tell: Teller,
    at_boundary: AtBoundary,
    loading: Callable[[str], None],
    checkpointing: bool,
) -> LLMTrainer:
    """The trainer of a model on its data; see `LLMTrainer` for the arguments.

    Args:
        reward: What scores its answers, where the model draws them itself.
        other: The model that takes the place of the one before training, if any does.
        loading: Told what is done before training; may raise to interrupt.
        checkpointing: Whether activations are computed anew in the backward pass.
    """
    every = [Forward.of(one, dtype, packed) for one in (model, other) if one is not None]
    only_targets = all(one.only_targets for one in every)
    if config.model.backend == "unsloth":
        only_targets = only_targets and computes_where_told(model, dtype)
    forward = Forward(dtype, only_targets)
    collate: Collate = collate_packed if packed else collate_padded
    kind: type[LLMTrainer] = LLMTrainer
    if reward is None:
        parts = _learning(config, model, other, data, forward, collate, loading)
    else:
        kind, draw = RewardedTrainer, _drawing(config, model, tokenizer, dtype)
        parts = _answering(config, model, other, data, forward, collate, draw, reward)
    trainer = kind(
        model,
        training_arguments(
            config, checkpoints, checkpointing, device().type == "cpu", caches=not is_routed(model)
        ),
        config=config,
        emit=tell,
        at_boundary=at_boundary,
        checkpoints=checkpoints,
        **parts,
    )
    tell(Log(message=trained_parameters(model, dtype)))
    return trainer


def _learning(
    config: RunConfig,
    model: Any,
    other: Any,
    data: PreparedData,
    forward: Forward,
    collate: Collate,
    loading: Callable[[str], None],
) -> dict[str, Any]:
    """What an `LLMTrainer` takes to learn from the data."""
    train = items_for(config, _dataset(data.train))
    evaluation = items_for(config, _dataset(data.evaluation)) if data.evaluation else None
    collate = collate_for(config, collate)
    objective = make_objective(
        config,
        model,
        forward,
        [dataset for dataset in (train, evaluation) if dataset],
        collate,
        lambda done, count: loading(
            _("computing reference log-probabilities: {share:.0%}", share=done / count)
        ),
        other,
    )
    return {"train": train, "evaluation": evaluation, "objective": objective, "collate": collate}


def _answering(
    config: RunConfig,
    model: Any,
    other: Any,
    data: PreparedData,
    forward: Forward,
    collate: Collate,
    draw: Draw,
    reward: Reward,
) -> dict[str, Any]:
    """What a `RewardedTrainer` takes to learn from answers to the prompts of the data."""
    reference = reference_of(config, model, other) if config.reference else None
    kind = GrpoRollouts if isinstance(config.objective, GrpoObjective) else PpoRollouts
    return {
        "train": Prompts(prompts_of(data.train)),
        "evaluation": Prompts(prompts_of(data.evaluation)) if data.evaluation else None,
        "objective": make_objective(config, model, forward, (), collate, lambda done, count: None),
        "rollouts": kind(config, model, forward, reference, draw=draw, reward=reward, collate=collate),
    }


def _drawing(config: RunConfig, model: Any, tokenizer: Any, dtype: torch.dtype) -> Draw:
    """How the model draws answers to learn from."""
    objective = config.objective
    assert isinstance(objective, RewardedObjective)
    settings = SamplesConfig(
        max_new_tokens=objective.longest_answer,
        temperature=objective.temperature,
        top_p=objective.top_p,
        top_k=objective.top_k,
    )
    longest = config.data.max_length
    return lambda prompts, seed: draw(model, tokenizer, prompts, settings, dtype, longest=longest, seed=seed)


def _dataset(chosen: Chosen) -> EncodedDataset:
    return EncodedDataset(chosen.split.encoded.example, chosen.sequences)
