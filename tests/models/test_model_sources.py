from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
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
    [answer] = generate(model, smollm2_tokenizer, prompts, SamplesConfig(max_new_tokens=20), torch.float32)
    assert answer.text == "The capital of France is Paris."
    assert answer.finish_reason == "stop"


def test_names_that_look_like_paths_must_exist(tmp_path: Path) -> None:
    for name in (str(tmp_path / "nowhere"), "./nowhere", "file.gguf"):
        with pytest.raises(UserError, match="no model at this path"):
            find_model(ModelConfig(name_or_path=name))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no model"):
        find_model(ModelConfig(name_or_path=str(tmp_path)))


@pytest.mark.parametrize(
    "content", [b"", b"GGUFxxxx", b"GGUF" + bytes(100), b"GGUF\x03\0\0\0" + b"\xff" * 64]
)
def test_a_damaged_gguf_file_is_a_mistake_and_no_fault(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"GGUF file cannot be read: .") as caught:
        find_model(ModelConfig(name_or_path=str(path)))
    assert caught.value.where == str(path)


def test_a_file_that_is_no_gguf_is_not_asked_of_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_text("{}")
    with pytest.raises(UserError, match="file holds no model") as caught:
        find_model(ModelConfig(name_or_path="rows.jsonl"))
    assert caught.value.where == str(tmp_path / "rows.jsonl")


def test_weights_that_are_only_pickled_are_refused_on_purpose(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(UserError, match="pickle") as caught:
        find_model(ModelConfig(name_or_path=str(tmp_path)))
    assert "safetensors" in caught.value.fix
    (tmp_path / "model.safetensors").write_bytes(b"x")
    assert find_model(ModelConfig(name_or_path=str(tmp_path))).local


def test_a_hub_id_stays_a_hub_id() -> None:
    found = find_model(ModelConfig(name_or_path="org/model", revision="abc"))
    assert found == ModelSource("org/model", "abc")


def test_a_model_of_the_hub_that_cannot_be_reached_says_what_to_do() -> None:
    with pytest.raises(UserError, match="tokenizer cannot be loaded") as caught:
        load_tokenizer(ModelSource("org/model", None))
    assert "hf auth login" in caught.value.fix
    assert "network" in caught.value.fix


def test_a_hub_that_cannot_be_reached_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    def hang_up(hub: socket.socket) -> None:
        nonlocal calls
        while True:
            try:
                caller, _ = hub.accept()
            except OSError:
                return
            calls += 1
            caller.close()

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with socket.create_server(("127.0.0.1", 0)) as hub:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{hub.getsockname()[1]}")
        threading.Thread(target=hang_up, args=(hub,), daemon=True).start()
        said: list[str] = []
        source = find_model(ModelConfig(name_or_path="nobody/nothing"), said.append)
        with pytest.raises(UserError, match="cannot be loaded"):
            load_tokenizer(source)
        hub.shutdown(socket.SHUT_RDWR)
    assert said == ["looking for nobody/nothing on the Hugging Face Hub"]
    assert calls == 1


@pytest.mark.parametrize("name", ["smollm2-135", "SmolLM2-135M", "smollm-135m"])
def test_a_name_like_that_of_the_built_in_model_is_taken_for_a_slip(name: str) -> None:
    with pytest.raises(UserError) as caught:
        find_model(ModelConfig(name_or_path=name), lambda _: pytest.fail("the Hub was asked"))
    assert "Did you mean smollm2-135m?" in caught.value.fix


def test_for_a_model_that_the_hub_does_not_have_the_closest_ones_are_offered() -> None:
    with pytest.raises(UserError, match="cannot be loaded") as caught:
        load_tokenizer(find_model(ModelConfig(name_or_path="qwen/qwen3-8")))
    first = caught.value.changes[0]
    assert (first.path, first.value) == (("model", "name_or_path"), "Qwen/Qwen3-8B")
    with pytest.raises(UserError, match="cannot be loaded") as caught:  # by no fault of its name
        load_tokenizer(find_model(ModelConfig(name_or_path="meta-llama/Llama-3.1-8B-Instruct")))
    assert caught.value.changes == []


def test_a_revision_of_a_model_on_the_disk_is_refused(tiny_model: str) -> None:
    for name in (tiny_model, "smollm2-135m"):
        with pytest.raises(UserError, match="Only a model on the Hub has revisions") as caught:
            find_model(ModelConfig(name_or_path=name, revision="nope"))
        assert caught.value.where == "model.revision: nope"


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2"])
def test_a_folder_without_a_tokenizer_is_told_in_plain_words(tmp_path: Path, kind: str) -> None:
    (tmp_path / "config.json").write_text(f'{{"model_type": "{kind}"}}')
    with pytest.raises(UserError, match=r"The model has no tokenizer\.") as caught:
        load_tokenizer(ModelSource(str(tmp_path), None))
    assert "save_pretrained" in caught.value.fix
