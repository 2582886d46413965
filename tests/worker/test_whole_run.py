"""A run from its configuration to its result."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from watching import Start, losses, saved, states, until

from llmtune_kernel.data.encoding import encode_rows
from llmtune_kernel.data.files import fingerprint_file, read_rows
from llmtune_kernel.runs.events import EvaluationEvent, MetricsEvent, SampleEvent
from llmtune_kernel.runs.run import Run

PROMPTS = [
    "What is 3 plus 3?",
    [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}],
]
SAMPLES = {"prompts": PROMPTS, "every_steps": 4, "max_new_tokens": 6}


@pytest.fixture(scope="module")
def alive(start: Start) -> dict[str, Any]:
    """What was seen of the run while it lived."""
    run = start(
        "whole",
        data={"eval": "rows.jsonl"},
        method={"type": "lora", "r": 4, "lora_dropout": 0.1},
        training={"num_train_epochs": 3, "eval_steps": 2, "save_steps": 5, "seed": 7},
        samples=SAMPLES,
        tracking={"report_to": ["tensorboard"]},
    )
    seen: dict[str, Any] = {"run": run}
    until(run.paths.control.exists)
    seen["control"] = stat.S_IMODE(run.paths.control.stat().st_mode)
    seen["socket"] = Path(until(lambda: json.loads(run.paths.control.read_text() or "{}"))["address"])
    with pytest.raises(TimeoutError, match="'whole' is still"):
        run.wait(timeout=0)
    run.wait()
    return seen


@pytest.fixture(scope="module")
def run(alive: dict[str, Any]) -> Run:
    found: Run = alive["run"]
    return found


def test_a_run_is_queued_loads_trains_and_finishes(run: Run) -> None:
    assert states(run) == ["queued", "loading", "training", "finished"]
    assert run.state == "finished"
    assert list(losses(run)) == list(range(1, 10))
    assert saved(run) == [5, 9]
    assert saved(run, "result") == [9]
    assert "%|" not in run.paths.log.read_text(), "no progress bar belongs in a log"
    assert "gemm_4bit" not in run.paths.log.read_text()


def test_events_are_numbered_one_by_one_in_order_of_time(run: Run) -> None:
    events = run.events()
    assert [event.seq for event in events] == list(range(len(events)))
    assert [event.time for event in events] == sorted(event.time for event in events)


def test_the_run_is_resolved_in_full(run: Run, workplace: Path) -> None:
    resolved = run.paths.read_resolved()
    assert resolved["config"]["training"]["weight_decay"] == 0.0  # a default is written too
    assert resolved["config"]["method"]["r"] == 4
    assert resolved["seed"] == 7
    assert resolved["format"] == "messages"
    train = resolved["data"]["train"]
    assert [train[count] for count in ("rows", "skipped", "dropped", "truncated")] == [12, 0, 0, 0]
    [source] = train["sources"]
    assert source.pop("read")["source"] == "rows.jsonl"
    assert source == {
        "source": "rows.jsonl",
        "files": [str(workplace / "rows.jsonl")],
        "rows": 12,
        "fingerprint": fingerprint_file(workplace / "rows.jsonl"),
    }
    assert resolved["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert {"transformers", "peft", "jupyterlab-llmtune"} <= resolved["versions"].keys()
    assert run.config.training.seed == 7


def test_only_the_user_can_read_a_run_and_control_it(alive: dict[str, Any], run: Run) -> None:
    assert stat.S_IMODE(run.directory.stat().st_mode) == 0o700
    assert alive["control"] == 0o600


def test_nothing_of_a_live_run_stays_when_it_is_over(alive: dict[str, Any], run: Run) -> None:
    assert not alive["socket"].parent.exists()
    assert not run.paths.control.exists()
    assert not run.paths.alive
    assert list(run.directory.rglob("*.partial")) == []


def test_loading_says_nothing_but_how_far_it_is(run: Run) -> None:
    code = f"from llmtune_kernel import attach; attach({str(run.directory)!r}).load()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    said = [line for line in re.split(r"[\r\n]+", done.stdout + done.stderr) if line]
    assert [line for line in said if not line.startswith("Loading weights")] == []


def test_plain_peft_loads_the_adapter_and_gives_the_losses_of_the_worker(run: Run, workplace: Path) -> None:
    model, tokenizer = run.load()
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    encoded = encode_rows(read_rows(workplace / "rows.jsonl"), tokenizer, run.config.data)
    nll, targets = 0.0, 0
    with torch.no_grad():
        for place in range(len(encoded)):
            [sequence] = encoded.example(place)
            ids = torch.tensor([sequence.ids.tolist()])
            label = torch.where(torch.tensor([sequence.trained.tolist()]), ids, -100)
            count = int((label[:, 1:] != -100).sum())
            nll += model(input_ids=ids, labels=label).loss.item() * count
            targets += count
    last = [event.payload for event in run.events() if isinstance(event, EvaluationEvent)][-1]
    assert last.step == 9
    assert last.tokens == targets
    assert last.loss == pytest.approx(nll / targets, abs=1e-4)
    with model.disable_adapter(), torch.no_grad():
        ids = torch.tensor([encoded.example(0)[0].ids.tolist()])
        base = model(input_ids=ids).logits
    with torch.no_grad():
        assert (model(input_ids=ids).logits - base).abs().max() > 0.1  # the adapter does change the model


def test_the_last_sample_is_what_the_loaded_adapter_answers(run: Run) -> None:
    model, tokenizer = run.load()
    samples = [event.payload for event in run.events() if isinstance(event, SampleEvent)]
    assert [sample.step for sample in samples] == [4, 8, 9]
    first = samples[-1].answers[0]
    assert [(turn.role, turn.content) for turn in first.prompt] == [("user", PROMPTS[0])]
    encoded = tokenizer.apply_chat_template(
        [{"role": "user", "content": PROMPTS[0]}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    output = model.generate(**encoded, max_new_tokens=6, do_sample=False)
    answer = tokenizer.decode(output[0, encoded["input_ids"].shape[1] :], skip_special_tokens=True).strip()
    assert first.answer == answer
    assert first.answer


def test_a_finished_run_answers_through_a_worker(run: Run) -> None:
    last = [event.payload for event in run.events() if isinstance(event, SampleEvent)][-1]
    assert run.sample() == [answer.answer for answer in last.answers]
    assert run.sample(PROMPTS[1]) == [last.answers[1].answer]  # a list of turns is one prompt
    assert run.sample("What is 3 plus 3?", max_new_tokens=1) != [last.answers[0].answer]


def test_metrics_are_a_table_by_step_with_both_losses(run: Run) -> None:
    metrics = run.metrics.set_index("step")
    assert metrics["loss"].to_dict() == losses(run)
    assert metrics["eval_loss"].dropna().index.tolist() == [2, 4, 6, 8, 9]
    assert metrics["loss"].iloc[-1] < metrics["loss"].iloc[0]
    assert metrics["tokens"].is_monotonic_increasing


def test_tensorboard_shows_the_scalars_of_the_events_and_the_samples_as_text(run: Run) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(run.paths.tensorboard))
    board.Reload()
    metrics = [event.payload for event in run.events() if isinstance(event, MetricsEvent)]
    for name in ("loss", "learning_rate", "grad_norm", "tokens_per_second"):
        scalars = {scalar.step: scalar.value for scalar in board.Scalars(f"train/{name}")}
        assert scalars == pytest.approx({one.step: getattr(one, name) for one in metrics}, rel=1e-5)
    evaluations = [event.payload for event in run.events() if isinstance(event, EvaluationEvent)]
    assert {scalar.step: scalar.value for scalar in board.Scalars("eval/loss")} == pytest.approx(
        {one.step: one.loss for one in evaluations}, rel=1e-5
    )
    sample = [event.payload for event in run.events() if isinstance(event, SampleEvent)][-1]
    text = board.Tensors("sample/0/text_summary")[-1]
    assert text.step == 9
    shown = text.tensor_proto.string_val[0].decode()
    assert "What is 3 plus 3?" in shown
    assert sample.answers[0].answer in shown


def test_config_yaml_is_what_the_user_wrote(run: Run) -> None:
    from llmtune_kernel.config import read_config

    assert read_config(run.paths.config.read_text()) == run.config
    assert json.loads(run.paths.resolved.read_text())["config"] == run.config.model_dump(mode="json")


def test_a_checkpoint_is_told_once_though_it_is_due_for_two_reasons(start: Start) -> None:
    run = start("often", training={"max_steps": 4, "save_steps": 2})
    run.wait()
    assert saved(run) == [2, 4]
    stopped = start("stopped", training={"max_steps": 100_000, "save_steps": 1})
    until(lambda: saved(stopped))
    stopped.stop()
    stopped.wait()
    assert saved(stopped) == list(range(1, max(losses(stopped)) + 1))


def test_a_checkpoint_is_saved_at_the_end_of_each_epoch_if_that_is_wanted(start: Start) -> None:
    run = start("epochs", training={"num_train_epochs": 2, "save_strategy": "epoch"})
    run.wait()
    steps = max(losses(run))
    assert saved(run) == [steps // 2, steps]


def test_only_the_newest_checkpoints_are_kept_and_a_run_goes_on_from_the_last(start: Start) -> None:
    often = {"save_steps": 1, "save_total_limit": 2}
    run = start("few", training={"max_steps": 4, **often})
    run.wait()
    assert saved(run) == [1, 2, 3, 4]
    assert sorted(path.name for path in run.paths.checkpoints.iterdir()) == ["step-000003", "step-000004"]
    again = start("few-more", training={"max_steps": 6, **often}, resume="few")
    again.wait()
    assert sorted(losses(again)) == [5, 6]
    assert len(list(run.paths.checkpoints.iterdir())) == 2


def test_a_run_mixes_registered_files_and_folders_of_different_formats(
    start: Start, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = workplace / "data"
    folder.mkdir()
    entry = {"file_name": "asked.json", "columns": {"prompt": "q", "response": "a"}, "num_samples": 3}
    (folder / "dataset_info.json").write_text(json.dumps({"asked": entry}))
    (folder / "asked.json").write_text(json.dumps([{"q": f"Say {n}.", "a": f"{n}!"} for n in range(5)]))
    (folder / "texts").mkdir()
    (folder / "texts/one.txt").write_text(
        "The first of these texts tells of a ship that sailed away.\n"
        "This one is the second, which tells of what came afterwards.\n"
    )
    bad = {"source": "data/bad.jsonl", "weight": 2}
    lines = [{"prompt": "Q", "completion": "A"}, {"prompt": "Q", "completion": ""}]
    (folder / "bad.jsonl").write_text("\n".join(map(json.dumps, lines)))
    run = start(
        "mixed",
        data={"train": ["asked", "data/texts", bad], "on_bad_row": "skip"},
        training={"max_steps": 2},
    )
    run.wait()
    assert run.state == "finished"
    train = run.paths.read_resolved()["data"]["train"]
    assert [source["rows"] for source in train["sources"]] == [5, 2, 2]
    assert [Path(source["files"][0]).name for source in train["sources"]] == [
        "asked.json",
        "one.txt",
        "bad.jsonl",
    ]
    said = "\n".join(event.payload.message for event in run.events() if event.type == "log")
    assert "7 rows to train on (alpaca, text, prompt_completion)" in said
    assert "asked: 5 rows, 3 taken" in said
    assert "Languages, told by 2 rows: English 100%." in said
    assert "data/bad.jsonl: 2 rows, 2 taken" in said
    assert "data/bad.jsonl, row 1: completion is empty" in said
