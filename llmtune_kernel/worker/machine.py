"""Can this machine do what a configuration asks for?"""

from __future__ import annotations

from llmtune_kernel.config import RunConfig
from llmtune_kernel.models.fp8 import check_fp8
from llmtune_kernel.models.liger import check_liger
from llmtune_kernel.models.loading import check_attention
from llmtune_kernel.training.offloading import check_offloading
from llmtune_kernel.training.optimizers import check_optimizer


def check_machine(config: RunConfig) -> None:
    """Raise UserError if a GPU or a package is missing."""
    check_optimizer(config.training.optim)
    check_attention(config.model)
    check_liger(config.model)
    check_fp8(config.training)
    check_offloading(config.training)
