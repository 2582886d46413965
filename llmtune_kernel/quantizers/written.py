"""How a run says how its model was quantized, and back."""

from __future__ import annotations

from typing import Any

from transformers.quantizers.auto import AutoQuantizationConfig

import llmtune_kernel.quantizers.hqq  # noqa: F401  # makes it known to transformers


def read(values: dict[str, Any] | None) -> Any:
    """What `from_pretrained` takes as `quantization_config`, of what its `to_dict` gave; None of None."""
    return AutoQuantizationConfig.from_dict(values) if values else None
