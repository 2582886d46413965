"""Models to choose from."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from llmtune_kernel.config import ModelConfig
from llmtune_kernel.models.catalogue import catalogue, model_choices


def put(cache: Path, repo: str, config: object, name: str = "config.json") -> None:
    """A repository in a Hub cache, as huggingface_hub lays it out."""
    folder = cache / repo.replace("/", "--")
    snapshot = folder / "snapshots" / ("0" * 40)
    (snapshot / name).parent.mkdir(parents=True)
    (snapshot / name).write_text(config if isinstance(config, str) else json.dumps(config))
    (folder / "blobs").mkdir()
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0" * 40)


def test_every_model_of_the_catalogue_is_a_usable_choice() -> None:
    choices = catalogue()
    assert len(choices) >= 60
    assert (
        len({choice.name for choice in choices}) == len({choice.title for choice in choices}) == len(choices)
    )
    for choice in choices:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", choice.name)
        assert choice.parameters is not None
        assert 0.01 < choice.parameters < 1000
        assert choice.licence == choice.licence.strip().lower() != ""
        assert choice.title
        assert choice.description.endswith(".")
        assert len(choice.description) <= 80
        assert ModelConfig(name_or_path=choice.name)


def test_sizes_agree_with_the_names_that_tell_them() -> None:
    for choice in catalogue():
        told = re.search(r"(?<![\dx])(\d+(?:\.\d+)?)[- ]?([BM])\b", choice.title, re.IGNORECASE)
        if told and "8x7B" not in choice.title:
            billions = float(told[1]) * (0.001 if told[2].upper() == "M" else 1)
            assert choice.parameters is not None
            assert 0.6 < choice.parameters / billions < 1.7, choice.name


def test_the_embedded_model_is_first_and_a_missing_cache_is_an_empty_one(tmp_path: Path) -> None:
    choices = model_choices(tmp_path / "none")
    assert choices[0].name == ModelConfig().name_or_path
    assert choices[0].kind == "built-in"
    assert choices[1:] == catalogue()


def test_language_models_of_the_cache_come_next_each_once(tmp_path: Path) -> None:
    put(tmp_path, "models--me/mine", {"architectures": ["LlamaForCausalLM"]})
    put(tmp_path, "models--Qwen/Qwen3-0.6B", {"architectures": ["Qwen3ForCausalLM"]})
    put(tmp_path, "models--me/encoder", {"architectures": ["BertModel"]})
    put(tmp_path, "models--me/tokenizer", {}, "tokenizer_config.json")
    put(tmp_path, "models--me/part", {"architectures": ["LlamaForCausalLM"]}, "part/config.json")
    put(tmp_path, "models--me/damaged", "{")
    put(tmp_path, "datasets--me/rows", {"architectures": ["LlamaForCausalLM"]})
    choices = model_choices(tmp_path)
    cached = [choice for choice in choices if choice.kind == "cached"]
    assert choices[1:3] == cached
    assert [choice.name for choice in cached] == ["me/mine", "Qwen/Qwen3-0.6B"]
    assert (cached[0].title, cached[0].parameters, cached[0].licence) == ("mine", None, "")
    assert (cached[1].parameters, cached[1].licence) == (0.6, "apache-2.0")
    assert len({choice.name for choice in choices}) == len(choices)


def test_listing_models_imports_neither_torch_nor_transformers(tmp_path: Path) -> None:
    code = (
        "import sys; from llmtune_kernel.models.catalogue import model_choices; model_choices();"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
