"""Runs of real workers on the tiny model, shared by the tests of a module."""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rewards
from polite import write
from watching import Start, until
from ways import QUESTIONS, two_steps

from llmtune_kernel.config import config_from_dict
from llmtune_kernel.notebook.rewards import reward_writer
from llmtune_kernel.runs.events import Payload
from llmtune_kernel.runs.launch import launch
from llmtune_kernel.runs.run import Run
from llmtune_kernel.runs.workers import pool


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory with twelve short conversations in rows.jsonl; runs go to its folder runs."""
    folder = tmp_path_factory.mktemp("workplace")
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"What is {n} plus {n}?"},
                {"role": "assistant", "content": f"It is {2 * n}, of course."},
            ]
        }
        for n in range(12)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMTUNE_HOME", str(folder / "runs"))
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def prompts(workplace: Path) -> str:
    """A file of prompts without answers."""
    write(workplace / "prompts.jsonl", [{"prompt": f"Say something about {n}."} for n in range(16)])
    return "prompts.jsonl"


@pytest.fixture(scope="module")
def start(workplace: Path, tiny_model: str) -> Iterator[Start]:
    started: list[Run] = []

    def begin(name: str | None = None, **sections: Any) -> Run:
        quick: dict[str, Any] = {
            "model": {"name_or_path": tiny_model, "dtype": "float32"},
            "data": {"train": "rows.jsonl"},
            "training": {"learning_rate": 1e-2, "per_device_train_batch_size": 4},
        }
        merged = {**quick, **sections}
        for key in quick.keys() & sections.keys():
            merged[key] = {**quick[key], **sections[key]}
        config = config_from_dict(merged)
        started.append(launch(config, name=name, write_reward=reward_writer(config, vars(rewards))))
        pool().prepare()  # the next run finds its imports done
        return started[-1]

    yield begin
    for run in started:
        if run.paths.alive:
            run.stop()
            until(lambda run=run: not run.paths.alive)  # type: ignore[misc]


@pytest.fixture(scope="module")
def quick_model(smollm2_tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Folder of a random Llama that knows few words: what takes time is its tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("quick-llama")
    texts = [text for row in QUESTIONS for text in row.values()]
    tokenizer = smollm2_tokenizer.train_new_from_iterator(texts, 300)
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = LlamaConfig(vocab_size=len(tokenizer), eos_token_id=tokenizer.eos_token_id, **sizes)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    gc.collect()
    gc.freeze()  # each trainer looks through all objects for garbage; not through those of before
    yield str(folder)
    gc.unfreeze()


@pytest.fixture
def tune(tmp_path: Path, small_model: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Two steps in this process; gives what was told and the run, in place of the one before."""
    monkeypatch.chdir(tmp_path)

    def run(objective: str, /, **sections: Any) -> tuple[list[Payload], Run]:
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        model = {"name_or_path": small_model, **sections.pop("model", {})}
        return two_steps(tmp_path / "run", objective, model=model, **sections)

    return run
