"""Well-known NVIDIA GPUs: how much memory each has, and what it multiplies."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from llmtune_kernel.config import UserError
from llmtune_kernel.locale import _


@dataclass(frozen=True)
class Gpu:
    """A GPU; `mebibytes` as nvidia-smi shows them, `bfloat16`, `fp8`: whether its tensor cores multiply it."""

    name: str
    mebibytes: int
    bfloat16: bool = True
    fp8: bool = True

    @property
    def memory(self) -> int:
        """In bytes."""
        return self.mebibytes * 2**20


# By memory, from small to large.
GPUS = (
    Gpu("T4", 15_360, bfloat16=False, fp8=False),
    Gpu("V100", 16_384, bfloat16=False, fp8=False),
    Gpu("A10G", 23_028, fp8=False),
    Gpu("L4", 23_034),
    Gpu("RTX 4090", 24_564),
    Gpu("RTX 3090", 24_576, fp8=False),
    Gpu("RTX 5090", 32_607),
    Gpu("A100 40GB", 40_960, fp8=False),
    Gpu("L40S", 46_068),
    Gpu("H100", 81_559),
    Gpu("A100 80GB", 81_920, fp8=False),
    Gpu("H200", 143_771),
    Gpu("B200", 183_359),
)


def find_gpu(name: str) -> Gpu:
    """The GPU of this name, or the smallest with it in its name; capitals and spaces do not matter.

    Raises:
        UserError: there is none.
    """
    wanted = _plain(name)
    for gpu in GPUS:
        if wanted and wanted in _plain(gpu.name):
            return gpu
    names = [gpu.name for gpu in GPUS]
    close = difflib.get_close_matches(name.upper(), names, n=1)
    raise UserError(
        _("There is no GPU named {name!r} here.", name=name),
        "--gpu",
        _("Did you mean {name}?", name=close[0])
        if close
        else _("Take one of: {names}.", names=", ".join(names)),
    )


def _plain(name: str) -> str:
    return "".join(name.lower().split())
