from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM

from llmtune_kernel.config import ModelConfig, SamplesConfig, UserError
from llmtune_kernel.inference.generation import as_messages, generate
from llmtune_kernel.models.loading import load_tokenizer
from llmtune_kernel.models.sources import ModelSource, find_model


def test_the_built_in_model_has_the_special_tokens_of_its_file(smollm2_tokenizer: Any) -> None:
    assert smollm2_tokenizer.bos_token == "<|im_start|>"
    assert smollm2_tokenizer.eos_token == "<|im_end|>"


def test_the_built_in_model_knows_the_capital_of_france(smollm2: str, smollm2_tokenizer: Any) -> None:
    import torch

    model = AutoModelForCausalLM.from_pretrained(smollm2, dtype=torch.float32)
    prompts = [as_messages("What is the capital of France?", None)]
    answers = generate(model, smollm2_tokenizer, prompts, SamplesConfig(max_new_tokens=20), torch.float32)
    assert answers == ["The capital of France is Paris."]


def test_names_that_look_like_paths_must_exist(tmp_path: Path) -> None:
    for name in (str(tmp_path / "nowhere"), "./nowhere", "file.gguf"):
        with pytest.raises(UserError, match="no model at this path"):
            find_model(ModelConfig(name_or_path=name))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no model"):
        find_model(ModelConfig(name_or_path=str(tmp_path)))


def test_a_hub_id_stays_a_hub_id() -> None:
    found = find_model(ModelConfig(name_or_path="org/model", revision="abc"))
    assert found == ModelSource("org/model", "abc")


def test_a_model_of_the_hub_that_cannot_be_reached_says_what_to_do() -> None:
    with pytest.raises(UserError, match="tokenizer cannot be loaded") as caught:
        load_tokenizer(ModelSource("org/model", None))
    assert "network" in caught.value.fix
