"""Estimates of memory, and what would make a run fit."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig

from llmtune_kernel.config import RunConfig, config_from_dict
from llmtune_kernel.models.memory import activation_bytes
from llmtune_kernel.models.sources import ModelSource
from llmtune_kernel.worker.estimating import Estimate, Estimator, Hardware, kept_estimator, longest_batch
from llmtune_kernel.worker.fitting import solutions

_BATCH, _LENGTH = 4, 256


def configured(**sections: Any) -> RunConfig:
    training = {"per_device_train_batch_size": _BATCH, **sections.pop("training", {})}
    return config_from_dict(
        {"data": {"train": "unused", "max_length": _LENGTH}, "training": training, **sections}
    )


def gpu(free: int, dtype: torch.dtype = torch.bfloat16) -> Hardware:
    return Hardware("GPU", free, dtype, is_gpu=True)


def estimated(folder: str, config: RunConfig, free: int = 2**40) -> Estimate:
    return Estimator(ModelSource(folder, None), longest_batch(config)).estimate(config, gpu(free))


def test_the_parts_of_an_estimate_add_up(small_model: str) -> None:
    one = estimated(small_model, configured())
    assert sum(one.parts.values()) == one.total
    assert one.overhead == 500 * 2**20
    assert one.logits == 3 * 4 * _BATCH * (_LENGTH - 1) * 49152
    assert not one.gradient_checkpointing


def test_a_pair_of_answers_takes_twice_as_much(small_model: str) -> None:
    one, pair = (estimated(small_model, configured(objective=name)) for name in ("pretrain", "dpo"))
    assert pair.logits == 2 * one.logits
    assert pair.activations == pytest.approx(2 * one.activations, rel=0.05)


def test_another_model_that_is_compared_with_is_counted_from_its_own_configuration(
    small_model: str, smollm2: str
) -> None:
    def weights(**settings: str) -> int:
        objective = {"type": "dpo", **settings}
        return estimated(small_model, configured(objective=objective)).weights

    alone = weights()
    assert weights(reference_model=smollm2) == alone  # asked before the training, and gone
    assert weights(reference="model") > 2 * alone - 1  # a copy, with its adapter
    large = weights(reference="model", reference_model=smollm2) - alone
    assert large == 2 * 134_515_008
    few = weights(reference="model", reference_model=smollm2, reference_quantization="nf4") - alone
    assert large / 4 < few < large / 2


def test_checkpointing_is_decided_by_what_is_free(small_model: str) -> None:
    roomy = estimated(small_model, configured())
    tight = estimated(small_model, configured(), free=roomy.total)
    assert tight.gradient_checkpointing
    assert tight.activations < roomy.activations


def test_offloading_leaves_a_gpu_the_activations_of_one_layer(tmp_path: Path) -> None:
    from transformers import LlamaConfig

    def activations(layers: int, hardware: Hardware, **training: Any) -> int:
        sizes = {"hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 4, "vocab_size": 500}
        LlamaConfig(architectures=["LlamaForCausalLM"], num_hidden_layers=layers, **sizes).save_pretrained(
            tmp_path
        )
        config = configured(training=training)
        source = ModelSource(str(tmp_path), None)
        return Estimator(source, longest_batch(config)).estimate(config, hardware).activations

    where, cpu = gpu(2**40), Hardware("CPU", 2**40, torch.bfloat16, is_gpu=False)
    offloaded = {"activation_offloading": True}
    assert activations(8, where) > 3 * activations(2, where)
    assert activations(8, where, **offloaded) == pytest.approx(activations(2, where, **offloaded), rel=0.05)
    assert activations(8, where, **offloaded) < activations(2, where)
    assert activations(8, cpu, **offloaded) == activations(8, cpu)


@pytest.mark.skipif(not importlib.util.find_spec("torchao"), reason="torchao is not installed")
def test_products_in_fp8_are_counted_as_the_gpu_computes_them(tmp_path: Path) -> None:
    from transformers import LlamaConfig

    sizes = {"hidden_size": 256, "intermediate_size": 1024, "num_attention_heads": 4, "vocab_size": 500}
    LlamaConfig(architectures=["LlamaForCausalLM"], num_hidden_layers=2, **sizes).save_pretrained(tmp_path)

    def activations(kernels: bool = True, **training: Any) -> int:
        config = configured(method="full", training={"gradient_checkpointing": True, **training})
        estimator = Estimator(ModelSource(str(tmp_path), None), longest_batch(config))
        where = dataclasses.replace(gpu(2**40), fp8=kernels)
        return estimator.estimate(config, where).activations

    assert activations() != activations(fp8=True)
    # Where they are emulated the numbers are expanded to four bytes each.
    assert activations(fp8=True, kernels=False) > activations(fp8=True)


def test_what_fits_with_checkpointing_fits_wherever_more_is_free(small_model: str) -> None:
    config = configured(method="full")
    estimator = Estimator(ModelSource(small_model, None), longest_batch(config))
    roomy = estimator.estimate(config, gpu(2**40))
    assert not roomy.gradient_checkpointing
    tight = estimator.estimate(config, gpu(roomy.total - 1))
    assert tight.gradient_checkpointing
    for free in range(tight.total, roomy.total, max(1, (roomy.total - tight.total) // 8)):
        assert estimator.estimate(config, gpu(free)).total <= free


def test_another_method_comes_with_an_optimizer_that_it_knows(small_model: str) -> None:
    optimizer = {"optim": "galore_adamw_layerwise", "optim_args": {"rank": 4}}
    config = configured(method="full", training={**optimizer, "per_device_train_batch_size": 1})
    estimator = Estimator(ModelSource(small_model, None), longest_batch(config))
    lora = configured(training={"per_device_train_batch_size": 1, "gradient_checkpointing": True})
    where = gpu(
        Estimator(ModelSource(small_model, None), longest_batch(lora)).estimate(lora, gpu(2**40)).total
    )
    found = solutions(config, estimator, where, lambda: None)
    assert any(way.settings.get("method.type") == "lora" for way in found)
    for way in found:
        if "method.type" in way.settings:
            assert way.settings["training.optim"] == "adamw_torch"
            assert way.settings["training.optim_args"] == {}


def test_a_batch_of_fewer_tokens_is_close_to_what_it_takes_by_itself(small_model: str) -> None:
    whole, half = configured(), configured(training={"per_device_train_batch_size": _BATCH // 2})
    scaled = Estimator(ModelSource(small_model, None), longest_batch(whole)).estimate(half, gpu(2**40), 0.5)
    assert scaled.total == pytest.approx(estimated(small_model, half).total, rel=0.01)


def test_an_architecture_that_goes_from_token_to_token_is_estimated_by_the_rule(tmp_path: Path) -> None:
    from transformers import MambaConfig

    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 500}
    MambaConfig(architectures=["MambaForCausalLM"], **sizes).save_pretrained(tmp_path)
    config = configured(method="full", training={"gradient_checkpointing": False})
    one = estimated(str(tmp_path), config)
    model = AutoConfig.from_pretrained(tmp_path)
    assert one.activations == activation_bytes(model, _BATCH * _LENGTH, _BATCH * (_LENGTH - 1), 2)
    assert one.logits == 0  # they are among those


def test_the_cheapest_ways_to_fit_come_first_and_fit(small_model: str) -> None:
    config = configured()
    estimator = Estimator(ModelSource(small_model, None), longest_batch(config))
    needed = estimator.estimate(config, gpu(2**40))
    where = gpu(needed.total - needed.logits // 4)
    found = solutions(config, estimator, where, lambda: None)
    assert list(found[0].settings) == [
        "training.per_device_train_batch_size",
        "training.gradient_accumulation_steps",
    ]
    # As mild as will do, and of the same number of examples in an update.
    assert list(found[0].settings.values()) == [_BATCH // 2, 2]
    assert all(way.memory <= where.free for way in found)


def offered(folder: str, hardware: Hardware, method: str, **training: Any) -> list[dict[str, Any]]:
    """Where a run that saves already what changes no result needs one byte more than there is."""
    saving = {"per_device_train_batch_size": 1, "gradient_checkpointing": True, "activation_offloading": True}
    short = {"train": "unused", "max_length": 64}
    config = configured(data=short, method=method, training={**saving, **training})
    estimator = Estimator(ModelSource(folder, None), longest_batch(config))
    tight = dataclasses.replace(hardware, free=estimator.estimate(config, hardware).total - 1)
    return [way.settings for way in solutions(config, estimator, tight, lambda: None)]


def test_a_full_fine_tune_is_offered_what_keeps_it_one(small_model: str) -> None:
    pure = {"model.dtype": "bfloat16", "model.pure_bf16": True}
    adapters = {"method.type": "lora"}
    assert offered(small_model, gpu(2**40), "full") == [{"training.optim": "adamw_8bit"}, pure, adapters]
    assert offered(small_model, gpu(2**40), "full", optim="adamw_8bit") == [
        {"training.optim": "adafactor"},
        pure,
        adapters,
    ]


def test_adapters_are_offered_fewer_bits_and_old_gpus_half_the_precision(small_model: str) -> None:
    fewer = [{"model.quantization": "int8"}, {"model.quantization": "nf4"}]
    for dtype, first in ((torch.bfloat16, []), (torch.float32, [{"model.dtype": "float16"}])):
        assert offered(small_model, gpu(2**40, dtype), "lora", optim="adafactor") == [*first, *fewer]


def test_offloading_is_named_for_a_gpu_only(small_model: str) -> None:
    config = configured(
        data={"train": "unused", "max_length": 64},
        training={"per_device_train_batch_size": 1, "gradient_checkpointing": True},
    )
    estimator = Estimator(ModelSource(small_model, None), longest_batch(config))
    needed = estimator.estimate(config, gpu(2**40)).total
    for is_gpu in (True, False):
        where = dataclasses.replace(gpu(needed - 1), is_gpu=is_gpu)
        ways = solutions(config, estimator, where, lambda: None)
        named = [way for way in ways if "training.activation_offloading" in way.settings]
        assert bool(named) == is_gpu


def test_several_changes_are_named_where_one_is_not_enough(small_model: str) -> None:
    config = configured()
    estimator = Estimator(ModelSource(small_model, None), longest_batch(config))
    smallest = estimator.estimate(
        configured(training={"per_device_train_batch_size": 1, "gradient_accumulation_steps": 4}),
        gpu(2**40),
        0.25,
    )
    [first, *_others] = solutions(config, estimator, gpu(smallest.total - smallest.logits // 3), lambda: None)
    assert "training.per_device_train_batch_size" in first.settings
    assert "data.max_length" in first.settings


def test_nothing_is_named_where_nothing_helps(small_model: str) -> None:
    config = configured()
    estimator = Estimator(ModelSource(small_model, None), longest_batch(config))
    looks: list[None] = []
    assert solutions(config, estimator, gpu(2**20), lambda: looks.append(None)) == []
    assert not looks  # all that would help together is enough to know it


def test_what_was_worked_out_for_a_model_and_a_batch_serves_the_next_look(small_model: str) -> None:
    source = ModelSource(small_model, None)

    def kept(**sections: Any) -> Estimator:
        config = configured(**sections)
        return kept_estimator(config, source, longest_batch(config))

    first = kept()
    assert kept(training={"learning_rate": 0.1}) is first
    assert kept(training={"per_device_train_batch_size": 1}) is not first
    for one in (configured(), configured(objective="pretrain")):
        assert kept().estimate(one, gpu(2**40)) == estimated(small_model, one)


def test_the_search_for_what_fits_can_be_interrupted(small_model: str) -> None:
    config = configured()
    estimator = Estimator(ModelSource(small_model, None), longest_batch(config))
    tight = gpu(estimator.estimate(config, gpu(2**40)).total - 1)
    assert solutions(config, estimator, tight, lambda: None)
    few = iter([None, None])  # no more are asked for than there are
    with pytest.raises(StopIteration):
        solutions(config, estimator, tight, lambda: next(few))


@pytest.mark.parametrize("kind", ["BOFT", "UNILORA", "VERA"])
def test_adapters_that_begin_with_contents_are_estimated_with_what_they_keep(
    tiny_model: str, kind: str
) -> None:
    method = {"type": "peft", "peft_type": kind}
    one, lora = (estimated(tiny_model, configured(method=chosen)) for chosen in (method, "lora"))
    assert one.trained > 0
    # Permutations, indices or projections of its own.
    assert one.weights > lora.weights
