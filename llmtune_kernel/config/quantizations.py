"""Ways to keep frozen weights in few bits: what each needs, and what goes on such weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from llmtune_kernel.config.methods import AdaLoraMethod, LoraMethod, Method, PeftMethod
from llmtune_kernel.config.peft_types import BESIDE_LAYERS
from llmtune_kernel.locale import _

QuantizationName = Literal[
    "none",
    "nf4",
    "fp4",
    "int8",
    "hqq1",
    "hqq2",
    "hqq3",
    "hqq4",
    "hqq5",
    "hqq6",
    "hqq8",
    "torchao_int8",
    "torchao_float8",
    "eetq8",
]


@dataclass(frozen=True)
class Quantization:
    """A way to quantize.

    `packages` are imported by these names, and come with `install`, for pip. `peft_types` are the kinds of adapters
    other than LoRA that such weights stay quantized beside. Those that expand show their values, which DoRA and LoftQ
    need; AdaLoRA goes on those beside which ranks move.
    """

    packages: tuple[str, ...]
    install: str
    peft_types: tuple[str, ...]
    expands: bool = True
    moves_ranks: bool = True
    needs_gpu: bool = False


_IN_4_BITS = Quantization(
    ("bitsandbytes",),
    "'jupyterlab-llmtune[quantization]'",
    (*BESIDE_LAYERS, "HIRA", "IA3", "RANDLORA", "ROAD"),
)
_IN_8_BITS = replace(_IN_4_BITS, expands=False)
_HQQ = Quantization(
    ("hqq",), "'jupyterlab-llmtune[hqq]'", (*BESIDE_LAYERS, "MISS", "OFT", "VERA"), moves_ranks=False
)
_TORCHAO = Quantization(
    ("torchao",),
    "'jupyterlab-llmtune[torchao]'",
    (*BESIDE_LAYERS, "IA3", "MISS", "OFT", "RANDLORA", "ROAD", "VERA"),
)
_EETQ = Quantization(
    ("eetq", "kernels"),
    "kernels 'git+https://github.com/NetEase-FuXi/EETQ'",
    BESIDE_LAYERS,
    expands=False,
    moves_ranks=False,
    needs_gpu=True,
)

QUANTIZATIONS: dict[QuantizationName, Quantization] = {
    "nf4": _IN_4_BITS,
    "fp4": _IN_4_BITS,
    "int8": _IN_8_BITS,
    "hqq1": _HQQ,
    "hqq2": _HQQ,
    "hqq3": _HQQ,
    "hqq4": _HQQ,
    "hqq5": _HQQ,
    "hqq6": _HQQ,
    "hqq8": _HQQ,
    "torchao_int8": _TORCHAO,
    "torchao_float8": _TORCHAO,
    "eetq8": _EETQ,
}


def objection(method: Method, way: Quantization, name: str) -> tuple[str, str] | None:
    """Why a method does not go with weights that are quantized so, and the key of the method that it is about.

    Args:
        name: How the user calls the way.
    """
    if isinstance(method, PeftMethod):
        return None if method.peft_type in way.peft_types else (_unfit(method.peft_type, name), "type")
    if isinstance(method, AdaLoraMethod):
        return None if way.moves_ranks else (_unfit(method.type, name), "type")
    if not isinstance(method, LoraMethod):
        return _("{method} would train quantized weights, which stay as they are", method=method.type), "type"
    start = method.init_lora_weights
    if method.use_dora and not way.expands:
        return _unfit("use_dora", name), "use_dora"
    if start == "loftq" and not way.expands:
        return _unfit(start, name), "init_lora_weights"
    if method.changes_base:
        return _(
            "init_lora_weights: {name} needs weights that are not quantized", name=start
        ), "init_lora_weights"
    return None


def _unfit(what: str, name: str) -> str:
    return _("{name} does not go with weights of {quantization}", name=what, quantization=name)
