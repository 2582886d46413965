"""Models to choose from: what is said of the well-known ones holds for the installed transformers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from llmtune_kernel.config import LoraMethod, ModelConfig, UserError
from llmtune_kernel.data.named_templates import template_names
from llmtune_kernel.locale import LANGUAGES
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.models.catalogue import find_models, model_choices, model_tables
from llmtune_kernel.models.known import PURPOSES, KnownModel, families, known_models

ROOT = Path(__file__).parents[2]
MODEL_TYPES = sorted({model.model_type for model in known_models().values()})
# Where the defaults of an architecture are those of no model, or leave layers out that its models have.
_NEEDED: dict[str, dict[str, Any]] = {
    "deepseek_v2": {"q_lora_rank": None},
    "dots1": {"n_routed_experts": 4, "n_shared_experts": 1},
    "gpt_neo": {"attention_types": [[["global", "local"], 4]]},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"] * 4},
    "hunyuan_v1_dense": {"head_dim": 128},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 4},
    "nemotron": {"num_key_value_heads": 8},
}
# A router that learns from few examples forgets the balance of its experts; the kernels of Mamba pass adapters by.
_BETTER_LEFT = re.compile(r"\.(gate|router|experts|mamba\.out_proj)$")


@pytest.fixture(params=known_models().values(), ids=lambda one: one.name)
def known(request: pytest.FixtureRequest) -> KnownModel:
    found: KnownModel = request.param
    return found


@pytest.fixture(params=MODEL_TYPES)
def model_type(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def put(cache: Path, repo: str, config: object, name: str = "config.json") -> None:
    """A repository in a Hub cache, as huggingface_hub lays it out."""
    folder = cache / repo.replace("/", "--")
    snapshot = folder / "snapshots" / ("0" * 40)
    (snapshot / name).parent.mkdir(parents=True)
    (snapshot / name).write_text(config if isinstance(config, str) else json.dumps(config))
    (folder / "blobs").mkdir()
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0" * 40)


def skeleton(model_type: str) -> Any:
    """A model of this architecture with few layers and no weights."""
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM

    config = CONFIG_MAPPING[model_type](num_hidden_layers=8, **_NEEDED.get(model_type, {}))
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]


def adapted(model_type: str, method: LoraMethod) -> list[str]:
    """The names of the layers that get adapters.

    Raises:
        UserError: some cannot.
    """
    names = [name for name, _part in prepare_for_training(skeleton(model_type), method).named_parameters()]
    return [name.partition(".lora_A")[0].removesuffix(".base_layer") for name in names if ".lora_A" in name]


def test_there_are_at_least_150_models_of_40_families_and_each_is_told_whole(known: KnownModel) -> None:
    assert len(known_models()) >= 150
    assert len({model.family for model in known_models().values()}) >= 40
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", known.name)
    assert ModelConfig(name_or_path=known.name)
    assert 0.01 < known.parameters < 1000
    assert known.active is None or known.active < known.parameters
    assert known.context is None or known.context >= 1024
    assert known.licence == known.licence.strip().lower() != ""
    assert known.good_for
    assert set(known.good_for) <= PURPOSES.keys()


def test_no_name_is_there_twice_and_families_stand_together() -> None:
    facts = json.loads((ROOT / "llmtune_kernel/models/known.json").read_text("utf-8"))
    names = [model["name"].lower() for model in facts["models"]]
    assert len(set(names)) == len(names)
    order = [model["family"] for model in facts["models"]]
    changes = [family for family, before in zip(order, [None, *order], strict=False) if family != before]
    assert changes == list(families())
    assert all(about.endswith(".") for about in families().values())


def test_sizes_agree_with_the_names_that_tell_them(known: KnownModel) -> None:
    told = re.search(r"(?<![\dx.A-Za-z])(\d+(?:\.\d+)?)(b|m)(?![a-z0-9])", known.name, re.IGNORECASE)
    if told and not re.search(r"8x\d+B|OLMoE", known.name):
        billions = float(told[1]) * (0.001 if told[2].lower() == "m" else 1)
        assert 0.6 < known.parameters / billions < 1.7


def test_the_installed_transformers_has_its_architecture(known: KnownModel) -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    assert known.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES


def test_a_base_model_has_a_template_that_is_there(known: KnownModel) -> None:
    assert known.template is None or known.template in template_names()
    if "base" in known.good_for:
        # The tokenizers of Qwen's base models have one of their own.
        assert (known.template is None) == (known.family == "Qwen")


def test_models_of_one_architecture_get_the_same_layers() -> None:
    found: dict[str, set[str]] = {}
    for model in known_models().values():
        found.setdefault(model.model_type, set()).add(str(model.target_modules))
    assert {model_type: layers for model_type, layers in found.items() if len(layers) > 1} == {}


def test_the_layers_that_are_named_are_there_and_others_than_all_only_where_all_is_wrong(
    model_type: str,
) -> None:
    named = next(one.target_modules for one in known_models().values() if one.model_type == model_type)
    reached = adapted(model_type, LoraMethod(target_modules=named))
    assert reached
    assert not [name for name in reached if _BETTER_LEFT.search(name)]
    if named != "all-linear":
        assert {name.rpartition(".")[2] for name in reached} == set(named)
        try:
            reached = adapted(model_type, LoraMethod())
        except UserError:
            return
        assert any(_BETTER_LEFT.search(name) for name in reached)


def test_the_embedded_model_is_first_and_a_missing_cache_is_an_empty_one(tmp_path: Path) -> None:
    choices = model_choices(tmp_path / "none")
    assert choices[0].name == ModelConfig().name_or_path
    assert choices[0].kind == "built-in"
    assert [choice.name for choice in choices[1:]] == list(known_models())


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
    assert (cached[0].family, cached[0].parameters, cached[0].licence) == ("", None, "")
    assert (cached[1].family, cached[1].parameters, cached[1].licence) == ("Qwen", 0.6, "apache-2.0")
    assert len({choice.name for choice in choices}) == len(choices)
    titles = [title for title, _rows in model_tables(choices)[1]]
    assert titles[:3] == ["Built in", "On this machine", "SmolLM"]


def test_what_suits_a_model_better_is_said_by_the_keys_of_a_configuration(tmp_path: Path) -> None:
    found = {choice.name: choice for choice in model_choices(tmp_path)}
    assert found["Qwen/Qwen3-8B"].advice == {}
    assert found["meta-llama/Llama-3.2-1B"].advice == {"data.template": "llama3"}
    assert found["allenai/OLMoE-1B-7B-0924"].advice == {
        "data.template": "olmo",
        "method.target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"],
    }


def test_words_narrow_the_models_by_name_family_size_licence_and_purpose(tmp_path: Path) -> None:
    def names(*words: str) -> list[str]:
        return [choice.name for choice in find_models(words, tmp_path)]

    assert names("code llama", "instruct", "6.74b") == ["codellama/CodeLlama-7b-Instruct-hf"]
    assert "google/gemma-3-1b-it" in names("gated", "chat")
    assert set(names("QWEN", "code")) == {
        "Qwen/Qwen2.5-Coder-1.5B-Instruct",
        "Qwen/Qwen2.5-Coder-7B-Instruct",
        "Qwen/Qwen2.5-Coder-32B-Instruct",
        "Qwen/Qwen2.5-Coder-1.5B",
        "Qwen/Qwen2.5-Coder-7B",
    }
    assert "openai-community/gpt2" in names("124m")
    assert "mistralai/Mistral-7B-v0.1" in names("7b")
    assert not {"microsoft/phi-4", "facebook/xglm-1.7B"} & set(names("7b", "mit"))
    assert "microsoft/phi-4" in names("14.7b", "mit")
    with pytest.raises(UserError, match="No model of the catalogue fits pirates"):
        names("pirates")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_list_stays_small_on_its_way_to_the_page(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMTUNE_LANG", language)
    choices = [asdict(choice) for choice in model_choices(tmp_path)]
    assert len(json.dumps(choices, ensure_ascii=False).encode()) < 60_000


def test_listing_models_imports_neither_torch_nor_transformers() -> None:
    code = (
        "import sys; from llmtune_kernel.models.catalogue import model_choices; model_choices();"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_the_page_of_the_documentation_is_current() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "llmtune_kernel.models"], cwd=ROOT, capture_output=True, check=True
    )
    assert (ROOT / "docs/models.md").read_bytes() == made.stdout, (
        "run: python -m llmtune_kernel.models > docs/models.md"
    )
