"""How much memory training takes, and a checkpoint of it on the disk; roughly."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import torch

from llmtune_kernel.config import PeftMethod, RunConfig, TrainingConfig
from llmtune_kernel.config.optimizers import (
    AT_ONCE,
    LOW_RANK,
    OPTIMIZERS,
    OptimizerName,
    Value,
    settings,
)
from llmtune_kernel.config.peft_types import NEEDS_ACTIVATIONS
from llmtune_kernel.models.parts import blocks, matrices, projected
from llmtune_kernel.models.quantization import quantized_bytes, quantized_weights

# Resident memory of a worker that has its libraries imported, its rows read and its kernels used once, measured with
# torch 2.13 and transformers 5.17; on a GPU, what its runtime and kernels take beside the tensors.
_PROCESS, _RUNTIME = 775 * 2**20, 500 * 2**20
# A CPU's allocator leaves gaps where a tensor was, too small for the next: a quarter of what it holds, measured with
# glibc 2.36 on models of 30 to 360 million parameters. Larger ones, in bytes, are given back at once: runs/workers.py.
_GAPS, _GIVEN_BACK = 0.25, 2**25
# Values that share a scale where an optimizer keeps them in few bits; smaller weights are kept in 32 bits.
_BLOCK, _SMALLEST = 256, 4096


def free_memory(device: torch.device) -> int:
    """Bytes that are free on the accelerator, or in the machine or container."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return min(int(psutil.virtual_memory().available), free_in_container())


def free_in_container(groups: Path = Path("/sys/fs/cgroup"), process: Path = Path("/proc/self")) -> int:
    """Bytes that the container or job of this process may still take: those of files that were read can be given back.

    Args:
        groups: What the kernel tells of control groups, version 1 or 2.
        process: What it tells of a process, in a file named cgroup to which groups it belongs.
    """
    free = sys.maxsize
    try:
        lines = (process / "cgroup").read_text().splitlines()
    except OSError:  # no Linux
        return free
    for _number, kinds, path in (line.split(":", 2) for line in lines):
        if kinds not in ("", "memory"):
            continue
        root = groups / kinds
        limit, used, files = ("memory.max", "memory.current", "inactive_file")
        if kinds:
            limit, used, files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        inner = root / path.lstrip("/")
        for group in (inner, *inner.parents):
            if (group / limit).is_file() and (most := (group / limit).read_text().strip()) != "max":
                told = (group / "memory.stat").read_text().split()
                cached = int(dict(zip(told[::2], told[1::2], strict=True)).get(files, 0))
                free = min(free, max(0, int(most) - int((group / used).read_text()) + cached))
            if group == root:
                break
    return free


def free_for_training(device: torch.device) -> int:
    """Bytes that a run may take, among them what this process has already: it may become the run."""
    if device.type == "cuda":
        return free_memory(device) + torch.cuda.memory_reserved(device)
    return free_memory(device) + int(psutil.Process().memory_info().rss)


def give_back_freed() -> None:
    """Give the system what was freed by now and a worker's allocator keeps: of loading and quantizing a model, much."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def activation_bytes(
    config: Any,
    tokens: int,
    targets: int,
    bytes_per_value: int,
    checkpointing: bool = False,
    offloaded: bool = False,
) -> int:
    """Bytes of activations kept for one backward pass, by a rule that knows no architecture.

    34 values of two bytes a token, layer and hidden unit (Korthikanti et al. 2022, "Reducing Activation Recomputation
    in Large Transformer Models", equation 2 without attention scores, which sdpa does not keep), scaled to the
    precision; and what `logits_bytes` says. With checkpointing, of each layer only its input, and all of the one that
    is recomputed. What is offloaded leaves only one layer.
    """
    text = config.get_text_config()
    unit = bytes_per_value * tokens * text.hidden_size
    layers = unit * 17 * text.num_hidden_layers
    if checkpointing or offloaded:
        layers = unit * (17 + (0 if offloaded else text.num_hidden_layers))
    return int(layers + logits_bytes(config, targets))


def logits_bytes(config: Any, targets: int) -> int:
    """Bytes of the log-probabilities of the vocabulary at each target and of the gradients of these and of the logits,
    in float32."""
    return int(3 * 4 * targets * config.get_text_config().vocab_size)


def wants_checkpointing(config: RunConfig, activations: int, free: int) -> bool:
    """Whether activations are to be recomputed; `auto` does so where they would take most of what is free."""
    if leaves_checkpointing_open(config):
        return activations >= 0.8 * free
    return config.training.gradient_checkpointing is True and not _needs_activations(config)


def leaves_checkpointing_open(config: RunConfig) -> bool:
    """Whether it is for the run to decide if activations are recomputed."""
    return config.training.gradient_checkpointing == "auto" and not _needs_activations(config)


def _needs_activations(config: RunConfig) -> bool:
    return isinstance(config.method, PeftMethod) and config.method.peft_type in NEEDS_ACTIVATIONS


def expects_checkpointing(
    config: RunConfig, model: Any, tokens: int, targets: int, dtype: torch.dtype, free: int
) -> bool:
    """Whether a run will recompute activations.

    Args:
        model: As `prepare_for_training` made it; its weights are only counted, so they may be on the device meta.
        tokens, targets: Of the largest batch: all, and those trained.
        dtype: Precision of matrix products.
        free: Bytes that are free before anything is loaded.
    """
    activations = activation_bytes(model.config, tokens, targets, dtype.itemsize)
    held = _PROCESS + frozen_bytes(config, model, dtype) + trained_bytes(model)
    return wants_checkpointing(config, activations, free - held)


def rough_bytes(
    config: RunConfig,
    model: Any,
    other: Any,
    tokens: int,
    targets: int,
    dtype: torch.dtype,
    checkpointing: bool,
    on_gpu: bool,
) -> int:
    """Bytes that a run takes, with activations by the rule of `activation_bytes`: at once, and not exact.

    Args:
        other: A model that is kept beside it, if there is one; further arguments as `expects_checkpointing`.
    """
    training = config.training
    offloaded = training.activation_offloading and on_gpu
    step = activation_bytes(model.config, tokens, targets, dtype.itemsize, checkpointing, offloaded)
    activations = step - logits_bytes(model.config, targets)
    gradients, passing = update_bytes(training, model, on_gpu)
    if training.gradient_accumulation_steps > 1:  # those of the last pass are there
        step += gradients
    beside = sum(weight.nbytes for weight in other.parameters()) if other is not None else 0
    held = frozen_bytes(config, model, dtype) + trained_bytes(model) + optimizer_bytes(training, model)
    overhead = overhead_bytes(config, model, dtype, activations, on_gpu)
    return overhead + held + beside + max(step, gradients + passing)


def overhead_bytes(config: RunConfig, model: Any, dtype: torch.dtype, activations: int, on_gpu: bool) -> int:
    """Bytes that a worker takes beside its tensors: libraries, and what its allocator keeps of tensors that are gone.

    Args:
        activations: Bytes of activations; further arguments as `expects_checkpointing`.
    """
    if on_gpu:
        return _RUNTIME
    # Each is unpacked in the forward pass, and in the backward pass.
    unpacked = set(map(id, quantized_weights(config.model, model)))
    held = activations
    for weight in model.parameters():
        size = weight.numel() * dtype.itemsize
        if not weight.requires_grad and size < _GIVEN_BACK:
            held += 3 * size if id(weight) in unpacked else size
    return _PROCESS + round(_GAPS * held)


def frozen_bytes(config: RunConfig, model: Any, dtype: torch.dtype) -> int:
    """Bytes of what is kept and not trained: frozen weights in `dtype` or quantized, what adapters keep beside weights,
    and a copy of the model before training where the objective compares with one; without another model that it may
    compare with."""
    frozen = quantized_bytes(config.model, model, dtype) + _kept_matrices(model)
    return frozen + (frozen + trained_bytes(model) if config.reference == "copy" else 0)


def _kept_matrices(model: Any) -> int:
    """Bytes of matrices that are no weights: the permutations of BOFT are as large as the layers they are for."""
    return sum(int(kept.nbytes) for kept in model.buffers() if kept.ndim > 1)


def trained_bytes(model: Any) -> int:
    """Bytes of the trained weights; of their gradients, too."""
    return sum(weight.nbytes for _, weight in _trained_weights(model))


def checkpoint_bytes(config: RunConfig, model: Any) -> int:
    """Bytes of a checkpoint: trained weights, and the state of the optimizer."""
    return trained_bytes(model) + optimizer_bytes(config.training, model)


def result_bytes(model: Any) -> int:
    """Bytes of the result: trained weights."""
    return trained_bytes(model)


def update_bytes(config: TrainingConfig, model: Any, on_gpu: bool) -> tuple[int, int]:
    """Bytes of the gradients when the optimizer updates, and of what it computes by the way.

    torch's Adam computes a denominator: on a GPU those of all weights together, else of one after the other, then in
    two steps that each take its size.
    """
    sizes = [weight.nbytes for _, weight in trained_at_once(config, model)]
    passing = sum(sizes) if on_gpu and config.optim == "adamw_torch" else 2 * max(sizes)
    return (max(sizes) if config.optim in AT_ONCE else sum(sizes)), passing


def optimizer_bytes(config: TrainingConfig, model: Any) -> int:
    """Bytes that an optimizer keeps of the trained weights of a model.

    Args:
        model: On any device; its weights are only counted.
    """
    chosen = settings(config.optim, config.optim_args)
    flat = set(projected(config, model)) if config.optim in LOW_RANK else set()
    inside, embedding = set(matrices(model)), model.get_input_embeddings().weight
    total = 0.0
    for name, weight in trained_at_once(config, model):
        if name in flat:
            total += _projected_bytes(config.optim, weight, int(chosen["rank"]))
        elif config.optim == "muon" and name not in inside:
            total += _state_bytes("adamw_torch", weight, {}, whole=False)
        else:
            total += _state_bytes(config.optim, weight, chosen, whole=weight is embedding)
    return int(total)


def _projected_bytes(name: OptimizerName, weight: torch.Tensor, rank: int) -> float:
    """Of a matrix: the projection, and the moments of the projected gradient."""
    short, long = sorted(weight.shape)
    rank = min(rank, short)
    one = OPTIMIZERS[name]
    if not one.moments:  # adafactor
        return 4 * (rank * short + long + rank)
    bits = _in_full(name, weight) if one.bits == 32 else one.bits
    return weight.itemsize * rank * short + one.moments * rank * long * bits / 8


def _in_full(name: OptimizerName, weight: torch.Tensor) -> int:
    """Bits of a value that is not kept in few: in the precision of the weight, but by bitsandbytes in float32."""
    return 32 if OPTIMIZERS[name].package == "bitsandbytes" else 8 * weight.itemsize


def _state_bytes(
    name: OptimizerName, weight: torch.Tensor, chosen: Mapping[str, Value], whole: bool
) -> float:
    one, count = OPTIMIZERS[name], weight.numel()
    if "adafactor" in name:  # a row and a column of each matrix
        return 4 * sum(weight.shape) if weight.ndim > 1 else 4 * count
    if name == "adam_mini":  # the second moment is one for each row, or for fewer
        return weight.itemsize * (count + weight.shape[0])
    moments = one.moments + bool(chosen.get("momentum") and name in ("sgd", "rmsprop"))
    moments += bool(chosen.get("centered"))
    moments += name == "stable_adamw" and weight.itemsize < 4  # what rounding took from each weight
    if one.bits == 32 or count < _SMALLEST or (whole and one.package == "bitsandbytes"):
        return count * moments * _in_full(name, weight) / 8
    return count * moments * (one.bits / 8 + 4 / _BLOCK)


def trained_at_once(config: TrainingConfig, model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """The weights that are trained at the same time, with their names: with badam at most the largest block."""
    if config.optim != "badam":
        return _trained_weights(model)
    trained = dict(_trained_weights(model))
    parts = [{name: trained[name] for name in block if name in trained} for block in blocks(model)]
    return iter(max(parts, key=lambda part: sum(w.numel() for w in part.values())).items())


def _trained_weights(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    return ((name, weight) for name, weight in model.named_parameters() if weight.requires_grad)
