"""How much memory will a run take, on which devices does it fit, and what would make it fit?"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from llmtune_kernel.config import RunConfig
from llmtune_kernel.config.optimizers import AT_ONCE
from llmtune_kernel.data.sequences import TokenSequence
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.models.depths import check_depths, convert
from llmtune_kernel.models.fp8 import multiplies_fp8, use_fp8
from llmtune_kernel.models.gpus import Gpu
from llmtune_kernel.models.hollow import without_contents
from llmtune_kernel.models.loading import compute_dtype, device, load_configuration, load_skeleton
from llmtune_kernel.models.memory import (
    activation_bytes,
    expects_checkpointing,
    free_for_training,
    frozen_bytes,
    leaves_checkpointing_open,
    optimizer_bytes,
    overhead_bytes,
    trained_bytes,
    update_bytes,
)
from llmtune_kernel.models.prequantized import check_prequantized
from llmtune_kernel.models.quantization import quantized_bytes
from llmtune_kernel.models.rope import stretched
from llmtune_kernel.models.sources import ModelSource, find_model
from llmtune_kernel.models.vocabulary import make_room
from llmtune_kernel.training.collation import EncodedDataset
from llmtune_kernel.training.dry_run import StepMemory, dry_step
from llmtune_kernel.worker.assembling import trained_dtype, weight_dtype
from llmtune_kernel.worker.earlier import earlier_adapters
from llmtune_kernel.worker.prepare import batch_size, with_answers

# Whether activations are computed anew in the backward pass, and whether they wait for it elsewhere.
_Saving = tuple[bool, bool]
_LOWER = 0.25  # between this share of a batch and all of it, memory grows with the tokens


@dataclass(frozen=True)
class Hardware:
    """Where a run is to fit: `free` bytes; `dtype` of matrix products there, with `auto` decided; `fp8`: whether it
    multiplies that, too."""

    name: str
    free: int
    dtype: torch.dtype
    is_gpu: bool
    fp8: bool = False


def this_machine(config: RunConfig) -> Hardware:
    """The accelerator if there is one, else the CPU.

    Raises:
        UserError: it does not know the precision.
    """
    where = device()
    name = torch.cuda.get_device_name() if where.type == "cuda" else where.type.upper()
    dtype, is_gpu = compute_dtype(config.model), where.type != "cpu"
    return Hardware(name, free_for_training(where), dtype, is_gpu, multiplies_fp8())


def on_gpu(config: RunConfig, gpu: Gpu) -> Hardware:
    """A GPU of which nothing else takes memory."""
    usual = torch.bfloat16 if gpu.bfloat16 else torch.float32
    dtype = usual if config.model.dtype == "auto" else getattr(torch, config.model.dtype)
    return Hardware(gpu.name, gpu.memory, dtype, is_gpu=True, fp8=gpu.fp8)


@dataclass(frozen=True)
class Estimate:
    """Bytes by what takes them at the moment when most is needed; `gradient_checkpointing`: `auto` decided."""

    weights: int
    trained: int
    optimizer: int
    gradients: int
    activations: int
    logits: int
    update: int
    overhead: int
    gradient_checkpointing: bool

    @property
    def parts(self) -> dict[str, int]:
        """By name."""
        return {name: value for name, value in vars(self).items() if name != "gradient_checkpointing"}

    @property
    def total(self) -> int:
        """All together."""
        return sum(self.parts.values())


def longest_batch(config: RunConfig) -> EncodedDataset:
    """A batch of sequences of the maximum length, all of their tokens trained: no data give a larger one."""
    length, sides = config.data.max_length, 2 if config.objective.type in ("dpo", "reward") else 1
    sequence = TokenSequence(np.zeros(length, np.int32), np.ones(length, bool))
    batch = range(config.training.per_device_train_batch_size)
    items = EncodedDataset(lambda _number: [sequence] * sides, [[number] for number in batch])
    return with_answers(config, items)


_Masks = tuple[tuple[bytes, ...], ...]


def kept_estimator(config: RunConfig, source: ModelSource, items: EncodedDataset) -> Estimator:
    """The estimator of a model and a batch of these sizes; asked again for the same, with what it has worked out.

    Args:
        items: The largest batch.
    """
    masks = tuple(
        tuple(sequence.trained.tobytes() for sequence in items[number].sequences)
        for number in range(len(items))
    )
    return _estimator(source, config.model.model_dump_json(), config.data.max_length, masks)


@functools.lru_cache(maxsize=2)
def _estimator(source: ModelSource, model: str, max_length: int, masks: _Masks) -> Estimator:
    """By all that the model and the batch depend on; of the tokens only their number counts."""

    def example(number: int) -> list[TokenSequence]:
        trained = [np.frombuffer(mask, bool) for mask in masks[number]]
        return [TokenSequence(np.zeros(len(mask), np.int32), mask) for mask in trained]

    return Estimator(source, EncodedDataset(example, [[number] for number in range(len(masks))]))


class Estimator:
    """Estimates what runs of a model take; what it has worked out for one serves the next.

    Args:
        items: The largest batch.
    """

    def __init__(self, source: ModelSource, items: EncodedDataset) -> None:
        self.source, self.items = source, items
        self._models: dict[tuple[object, ...], Any] = {}
        self._steps: dict[tuple[object, ...], StepMemory] = {}

    def estimate(self, config: RunConfig, hardware: Hardware, share: float = 1.0) -> Estimate:
        """What a run takes on a device.

        Args:
            share: How many of the tokens of the largest batch there are.

        Raises:
            UserError: the model cannot be loaded, or does not suit the method.
        """
        dtype = hardware.dtype
        of_model = load_configuration(self.source)
        check_prequantized(config, of_model)
        check_depths(config, of_model)
        model = self.model(config, hardware)
        tokens, targets = (round(share * count) for count in batch_size(config, self.items))
        other = self._reference_bytes(config, dtype)
        checkpointing = expects_checkpointing(config, model, tokens, targets, dtype, hardware.free - other)
        found = self._estimate(config, hardware, share, checkpointing)
        if found.total > hardware.free and not checkpointing and leaves_checkpointing_open(config):
            return self._estimate(config, hardware, share, checkpointing=True)
        return found

    def _estimate(self, config: RunConfig, hardware: Hardware, share: float, checkpointing: bool) -> Estimate:
        dtype, training = hardware.dtype, config.training
        model = self.model(config, hardware)
        offloaded = training.activation_offloading and hardware.is_gpu
        step = self._scaled(config, hardware, (checkpointing, offloaded), share)
        gradients, passing = update_bytes(training, model, hardware.is_gpu)
        if step.total < gradients + passing:
            step = StepMemory(gradients=gradients)
        else:
            passing = 0  # less than the activations, which are gone by then
        return Estimate(
            weights=frozen_bytes(config, model, dtype) + self._reference_bytes(config, dtype),
            trained=trained_bytes(model),
            optimizer=optimizer_bytes(training, model),
            **vars(step),
            update=passing,
            overhead=overhead_bytes(config, model, dtype, step.activations, hardware.is_gpu),
            gradient_checkpointing=checkpointing,
        )

    def model(self, config: RunConfig, hardware: Hardware) -> Any:
        """The model as it is trained on a device, but on the device meta.

        Raises:
            UserError: it cannot be loaded, or does not suit the method.
        """
        dtype, emulated = hardware.dtype, not hardware.fp8
        in_fp8 = config.training.fp8 and (emulated,)
        key = (config.method.model_dump_json(), config.scores, dtype, config.model.pure_bf16, in_fp8)
        if key not in self._models:
            positions = stretched(config.model, self.source, config.data.max_length)
            skeleton = load_skeleton(self.source, positions, scores=config.scores)
            with without_contents():  # the adapters, too, are only counted
                typed = skeleton.to(weight_dtype(config, dtype))
                new_tokens = make_room(typed, config.model, self.source)
                if config.model.mixture_of_depths is not None:
                    convert(typed, config.model.mixture_of_depths)
                earlier = earlier_adapters(config)
                change = functools.partial(use_fp8, emulated=emulated) if in_fp8 else None
                self._models[key] = prepare_for_training(
                    typed,
                    config.method,
                    new_tokens,
                    earlier.start,
                    earlier.beneath,
                    change=change,
                    dtype=trained_dtype(config),
                )
        return self._models[key]

    def _reference_bytes(self, config: RunConfig, dtype: torch.dtype) -> int:
        """Bytes of the weights of another model that is kept beside the one in training, to compare with it."""
        wanted = config.reference_model
        if wanted is None or config.reference != "model":
            return 0
        key = ("reference", wanted.model_dump_json(), dtype)
        if key not in self._models:
            source = find_model(wanted)
            positions = stretched(wanted, source, config.data.max_length)
            self._models[key] = load_skeleton(source, positions).to(dtype).requires_grad_(False)
        return quantized_bytes(wanted, self._models[key], dtype)

    def _scaled(self, config: RunConfig, hardware: Hardware, saving: _Saving, share: float) -> StepMemory:
        """What a step takes that has a share of the tokens; between two shares it grows with them."""
        whole = self._step(config, hardware, saving, 1.0)
        if share == 1.0:
            return whole
        part = self._step(config, hardware, saving, _LOWER)
        at = (share - _LOWER) / (1 - _LOWER)
        between = {name: round(low + at * (vars(whole)[name] - low)) for name, low in vars(part).items()}
        return StepMemory(**{name: max(0, value) for name, value in between.items()})

    def _step(self, config: RunConfig, hardware: Hardware, saving: _Saving, share: float) -> StepMemory:
        training, dtype = config.training, hardware.dtype
        model, items = self.model(config, hardware), _cut(self.items, share)
        accumulates = training.gradient_accumulation_steps > 1
        said = (id(model), config.objective.model_dump_json())  # which is kept, and so is its id
        # Of optimizers a step shows only when gradients go, and with badam which weights have them.
        drops, part = training.optim in AT_ONCE, training.optim == "badam"
        key = (*said, saving, accumulates, drops, part, share)
        if key not in self._steps:
            try:
                self._steps[key] = dry_step(config, model, items, dtype, *saving)
            except Exception:  # code of the architecture that looks at contents, or goes from token to token
                size = batch_size(config, items)
                rough = activation_bytes(model.config, *size, dtype.itemsize, *saving)
                gradients, _passing = update_bytes(training, model, on_gpu=False)
                self._steps[key] = StepMemory(activations=rough, gradients=gradients)
        return self._steps[key]


def _cut(items: EncodedDataset, share: float) -> EncodedDataset:
    """The same with a share of the tokens of each sequence."""

    def shorter(sequence: TokenSequence) -> TokenSequence:
        end = max(2, round(share * len(sequence.ids)))
        return dataclasses.replace(sequence, ids=sequence.ids[:end], trained=sequence.trained[:end])

    return EncodedDataset(lambda number: list(map(shorter, items.example(number))), items.items)
