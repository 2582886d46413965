"""HQQ while a model is loaded, layer by layer: transformers 5 knows the settings of HQQ and no longer loads with them.

Half-Quadratic Quantization: Badri and Shaji 2023, as the package hqq does it.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.core_model_loading import ConversionOps
from transformers.quantizers.auto import register_quantization_config, register_quantizer
from transformers.quantizers.base import HfQuantizer
from transformers.quantizers.quantizers_utils import get_module_from_name, should_convert_module
from transformers.utils.quantization_config import QuantizationConfigMixin

# Not hqq: that name is taken by what transformers has of it.
METHOD = "half_quadratic"
# Weights that share a scale and a zero. Groups along the outputs (axis 0) lose less than those along the inputs, and
# fit every layer whose number of weights they divide.
GROUP, AXIS = 64, 0


@register_quantization_config(METHOD)
class HalfQuadraticConfig(QuantizationConfigMixin):
    """What `from_pretrained` takes as `quantization_config`: how many bits."""

    def __init__(self, bits: int, quant_method: str = METHOD) -> None:
        self.bits = bits
        self.quant_method: Any = quant_method


@register_quantizer(METHOD)
class HalfQuadraticQuantizer(HfQuantizer):
    """Linear layers but the last become `HQQLinear` of the package hqq, those that groups do not divide excepted."""

    def param_needs_quantization(self, model: Any, param_name: str, **kwargs: Any) -> bool:
        """Whether a weight is that of a layer to be quantized."""
        module, part = get_module_from_name(model, param_name)
        return (
            isinstance(module, torch.nn.Linear)
            and part == "weight"
            and module.weight.numel() % GROUP == 0
            and should_convert_module(param_name.removesuffix(".weight"), self._kept)
        )

    def get_quantize_ops(self) -> ConversionOps:
        """What makes a quantized layer of a weight."""
        return _Quantize(self.quantization_config)

    def _process_model_before_weight_loading(self, model: Any, **kwargs: Any) -> None:
        self._kept = self.get_modules_to_not_convert(model, None, model._keep_in_fp32_modules)

    def is_serializable(self) -> bool:
        """Whether such a model can be saved: its adapters are, it itself is quantized anew."""
        return False

    @property
    def is_trainable(self) -> bool:
        """Whether adapters can be trained on it."""
        return True


class _Quantize(ConversionOps):
    def __init__(self, config: Any) -> None:
        self._config = config

    def convert(
        self,
        input_dict: dict[str, Any],
        source_patterns: list[str],
        target_patterns: list[str],
        **kwargs: Any,
    ) -> dict[str, list[torch.Tensor]]:
        """Put a quantized layer in the place of one whose weight has come."""
        [values], model, key = input_dict.values(), kwargs["model"], kwargs["full_layer_name"]
        name = key.removesuffix(".weight")
        before = model.get_submodule(name)
        layer = _quantized(values[0], self._config.bits, before.weight.dtype)
        layer.bias = before.bias  # may be yet to come
        layer._is_hf_initialized = True
        model.set_submodule(name, layer)
        kwargs["missing_keys"].discard(key)
        return {}


def _quantized(weight: torch.Tensor, bits: int, dtype: torch.dtype) -> Any:
    """An `HQQLinear` of a matrix (outputs, inputs), on its device, multiplied in `dtype`."""
    from hqq.core.quantize import BaseQuantizeConfig, HQQLinear

    settings = BaseQuantizeConfig(nbits=bits, group_size=GROUP, axis=AXIS)
    layer = HQQLinear(None, settings, compute_dtype=dtype, device=weight.device)
    layer.quantize(weight, **layer.quant_config)
    return layer
