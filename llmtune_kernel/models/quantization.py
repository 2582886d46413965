"""Frozen weights in a few bits each: what transformers is told, and how many bytes they take."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from typing import Any

import torch

from llmtune_kernel.config import Change, ModelConfig, UserError
from llmtune_kernel.config.changes import leave_out
from llmtune_kernel.config.quantizations import QUANTIZATIONS, Quantization
from llmtune_kernel.locale import _
from llmtune_kernel.models.prequantized import Prequantized, check_known, prequantized
from llmtune_kernel.models.scoring import head_of
from llmtune_kernel.quantizers.hqq import GROUP, HalfQuadraticConfig

# How many values of a 4-bit tensor share a scale, and how many scales share one when they are quantized themselves:
# the defaults of bitsandbytes.
_BLOCK, _BLOCK_OF_SCALES = 64, 256
# How many bits hqq really stores for a weight of so many: of three, ten in 32 bits, the last of a group in fewer.
_STORED_BY_HQQ = {1: 1, 2: 2, 3: 32 * 7 / GROUP, 4: 4, 5: 8, 6: 8, 8: 8}


def quantization_config(config: ModelConfig, dtype: torch.dtype, of_model: Any) -> Any:
    """What `from_pretrained` takes as `quantization_config`; None for weights that stay as they are on the disk.

    Args:
        dtype: Precision of matrix products, for which weights are expanded.
        of_model: The configuration of the model, of transformers.

    Raises:
        UserError: a package is missing, or a GPU; weights that are quantized already, in a way that is not loaded here.
    """
    name = config.quantization
    if found := prequantized(of_model):
        return _prequantized_config(found, config)
    if name == "none":
        return None
    leave = leave_out("model.quantization")
    _check_possible(QUANTIZATIONS[name], name, f"model.quantization: {name}", [leave])
    if name.startswith("hqq"):
        return HalfQuadraticConfig(int(name.removeprefix("hqq")))
    import transformers

    if name == "torchao_int8":
        from torchao.quantization import Int8WeightOnlyConfig

        return transformers.TorchAoConfig(Int8WeightOnlyConfig())
    if name == "torchao_float8":
        from torchao.quantization import Float8WeightOnlyConfig

        return transformers.TorchAoConfig(Float8WeightOnlyConfig())
    if name == "eetq8":
        return transformers.EetqConfig()
    if name == "int8":
        return transformers.BitsAndBytesConfig(load_in_8bit=True)  # type: ignore[no-untyped-call]
    return transformers.BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type=name,
        bnb_4bit_use_double_quant=config.double_quantization,
        bnb_4bit_compute_dtype=dtype,
    )


def _prequantized_config(found: Prequantized, config: ModelConfig) -> Any:
    """What expands quantized weights; None for those that stay so."""
    from transformers.utils.quantization_config import (
        CompressedTensorsConfig,
        FineGrainedFP8Config,
        Mxfp4Config,
    )

    where = f"model.name_or_path: {config.name_or_path}"
    check_known(found, config.name_or_path)
    if found.way:
        return _check_possible(found.way, found.name, where, [])
    _check_installed([found.package] if found.package else [], found.package.replace("_", "-"), where, [])
    if found.name == "compressed-tensors":
        return CompressedTensorsConfig(dequantize=True)
    return Mxfp4Config(dequantize=True) if found.name == "mxfp4" else FineGrainedFP8Config(dequantize=True)


def _check_possible(way: Quantization, name: str, where: str, changes: list[Change]) -> None:
    """Raise UserError if there can be no weights here that are quantized so."""
    if way.needs_gpu and not torch.cuda.is_available():
        fix = _("Take another, such as {name}.", name="int8")
        raise UserError(_("{name} needs an NVIDIA GPU.", name=name), where, fix, changes)
    _check_installed(way.packages, way.install, where, changes)


def _check_installed(packages: Iterable[str], install: str, where: str, changes: list[Change]) -> None:
    missing = [package for package in packages if not importlib.util.find_spec(package)]
    if missing:
        raise UserError(
            _("The package {package} is not installed.", package=missing[0]),
            where,
            _("Install it: {command}", command=f"%pip install {install}"),
            changes,
        )


def keep_layout(model: Any) -> None:
    """Keep 4-bit weights as they are: bitsandbytes would reorder them on a CPU at the first answer, for good, with
    scales of fewer bits, and training reads the order of before."""
    for part in model.modules():
        if hasattr(part, "support_avx512bf16_for_cpu"):
            part.support_avx512bf16_for_cpu = False


def quantized_bytes(config: ModelConfig, model: Any, dtype: torch.dtype) -> int:
    """Bytes of the frozen weights of a model: those of its linear layers quantized, the others in `dtype`.

    Args:
        model: On any device; its weights are only counted.
    """
    frozen = sum(weight.numel() for weight in model.parameters() if not weight.requires_grad)
    quantized = sum(weight.numel() for weight in quantized_weights(config, model))
    found = prequantized(model.config)
    each = found.bytes_per_weight if found else _bytes_per_weight(config, dtype)
    return int((frozen - quantized) * dtype.itemsize + quantized * each)


def quantized_weights(config: ModelConfig, model: Any) -> list[torch.Tensor]:
    """The weights of a model, on any device, that are quantized: those of its frozen linear layers."""
    found = prequantized(model.config)
    if config.quantization == "none" and not (found and found.way):
        return []
    head = head_of(model)
    return [
        part.weight
        for part in model.modules()
        if isinstance(part, torch.nn.Linear) and part is not head and not part.weight.requires_grad
    ]


def _bytes_per_weight(config: ModelConfig, dtype: torch.dtype) -> float:
    name = config.quantization
    if name.startswith("hqq"):
        # With a scale and a zero in `dtype` of each group.
        return _STORED_BY_HQQ[int(name.removeprefix("hqq"))] / 8 + 2 * dtype.itemsize / GROUP
    if name in ("nf4", "fp4"):
        scale = (1 + 4 / _BLOCK_OF_SCALES) / _BLOCK if config.double_quantization else 4 / _BLOCK
        return 0.5 + scale
    return 1.0
