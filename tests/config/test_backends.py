"""What Unsloth does not do is said before anything is loaded, with what would mend it."""

from __future__ import annotations

from typing import Any

import pytest

from llmtune_kernel.config import ConfigError, config_from_dict

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"model": {"quantization": "hqq4"}}, "nf4 or int8, not to hqq4", "model.quantization"),
    ({"model": {"quantization": "torchao_int8"}}, "not to torchao_int8", "model.quantization"),
    (
        {"model": {"quantization": "nf4", "double_quantization": False}},
        "scales of nf4",
        "model.double_quantization",
    ),
    ({"model": {"attention": "eager"}}, "chooses by itself", "model.attention"),
    (
        {"model": {"adapters": ["run-1"], "merge_adapters": False}},
        "on top of others",
        "model.merge_adapters",
    ),
    ({"model": {"liger_kernel": True}}, "kernels of its own", "model.liger_kernel"),
    ({"model": {"shift_attn": True}}, "chooses by itself", "model.shift_attn"),
    (
        {"model": {"mixture_of_depths": 0.125}, "method": "full"},
        "every token pass",
        "model.mixture_of_depths",
    ),
    ({"model": {"rope_scaling": "dynamic"}}, "rope_scaling: dynamic", "model.rope_scaling"),
    ({"method": "freeze"}, "LoRA or all weights, not freeze", "method.type"),
    ({"method": "adalora"}, "not ADALORA", "method.type"),
    ({"method": {"type": "peft", "peft_type": "IA3"}}, "not IA3", "method.type"),
    ({"method": {"init_lora_weights": "eva"}}, "inputs of layers", "method.init_lora_weights"),
    (
        {"method": {"target_modules": ["q_proj", "lm_head"]}},
        "trains lm_head whole",
        "method.target_modules",
    ),
    ({"objective": "reward"}, "no reward models", "model.backend"),
    ({"training": {"fp8": True}}, "multiplies weights itself", "training.fp8"),
]


@pytest.mark.parametrize(("values", "reason", "mends"), REFUSED, ids=lambda one: str(one))
def test_what_unsloth_does_not_do_is_refused_with_the_reason(
    values: dict[str, Any], reason: str, mends: str
) -> None:
    config_from_dict({"data": "rows", **values})
    model = {**values.get("model", {}), "backend": "unsloth"}
    with pytest.raises(ConfigError, match=reason) as mistake:
        config_from_dict({"data": "rows", **values, "model": model})
    [problem] = mistake.value.problems
    paths = [".".join(change.path) for change in problem.changes]
    assert paths == list(dict.fromkeys([mends, "model.backend"]))


def test_what_unsloth_does_is_taken() -> None:
    for method in ("lora", "full", {"use_dora": True, "use_rslora": True}, {"init_lora_weights": "pissa"}):
        for objective in ("sft", "pretrain", "dpo", "kto"):
            model = {"backend": "unsloth", "rope_scaling": "yarn"}
            config = config_from_dict(
                {"data": "rows", "model": model, "method": method, "objective": objective}
            )
            asked = {"type": method} if isinstance(method, str) else {"type": "lora", **method}
            assert (config.model.backend, config.objective.type) == ("unsloth", objective)
            assert config.method.model_dump().items() >= asked.items()
