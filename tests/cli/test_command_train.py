"""`llmtune train`, `attach` and orders from another process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import IO

from workplace import Workplace

from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import EventWriter, State

Done = subprocess.CompletedProcess[str]


def test_json_prints_exactly_the_event_lines_and_a_finished_run_exits_with_0(
    workplace: Workplace, finished: Done
) -> None:
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == workplace.event_lines("first")
    assert workplace.run("first").state == "finished"


def test_the_run_keeps_the_text_of_the_file_and_what_auto_stood_for(
    workplace: Workplace, finished: Done
) -> None:
    run = workplace.run("first")
    assert run.paths.config.read_text() == (workplace.folder / "run.yaml").read_text()
    assert run.config.training.learning_rate == 2e-4


def test_attach_shows_a_run_that_is_over_and_exits_as_train_did(
    workplace: Workplace, finished: Done, failed: Done
) -> None:
    shown = workplace.llmtune("attach", "first")
    assert shown.returncode == 0
    assert "step 3/3" in shown.stdout
    assert "evaluation loss" in shown.stdout
    assert "Who [b]are[/b] you?" in shown.stdout
    assert workplace.llmtune("attach", "first", "--json").stdout == finished.stdout
    assert workplace.llmtune("attach", "doomed").returncode == 2


def test_a_run_that_fails_for_a_mistake_exits_with_2_and_says_why_without_a_traceback(
    workplace: Workplace, failed: Done
) -> None:
    assert failed.returncode == 2
    assert "This folder holds no model" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert (failed.stdout + failed.stderr).count("This folder holds no model") == 1


def test_a_run_that_was_killed_exits_with_1_and_says_how_to_go_on(workplace: Workplace) -> None:
    directory = RunDirectory.create("killed", workplace.folder / "llmtune-runs")
    events = EventWriter(directory.events)
    events.write(State(state="training"))
    events.close()
    shown = workplace.llmtune("attach", "killed")
    assert shown.returncode == 1
    assert "without a word" in shown.stderr
    assert "Start it again" in shown.stderr
    (directory.checkpoints / "step-000001").mkdir()
    assert "--resume killed" in workplace.llmtune("attach", "killed").stderr


def test_a_live_run_takes_orders_and_questions_from_another_process_and_can_be_continued(
    workplace: Workplace,
) -> None:
    command = ["train", "run.yaml", "--name", "long", "--set", "training.max_steps=100000"]
    following = workplace.start(*command)
    run = workplace.run("long")
    workplace.wait(lambda: run.paths.events.exists() and len(run.metrics) > 2)
    assert "max_steps: 100000" in run.paths.config.read_text()
    assert workplace.llmtune("pause", "long").returncode == 0
    workplace.wait(lambda: run.state == "paused")
    assert "paused" in workplace.llmtune("runs").stdout
    asked = workplace.llmtune("sample", "long", "Who are you?", "--max-new-tokens", "3")
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.startswith("> Who are you?\n")
    assert workplace.llmtune("resume", "long").returncode == 0
    workplace.wait(lambda: run.state == "training")
    stopping = workplace.llmtune("stop", "long")
    assert stopping.returncode == 0, stopping.stderr
    out, err = following.communicate(timeout=120)
    assert following.returncode == 3
    assert "stopped" in out
    assert "llmtune train --resume long" in err

    told = workplace.event_lines("long")
    stood = int(run.metrics.step.max())
    again = workplace.llmtune(
        "train", "--resume", "long", "--json", "--set", f"training.max_steps={stood + 2}"
    )
    assert again.returncode == 0, again.stderr
    assert told + again.stdout == workplace.event_lines("long")
    events = [json.loads(line) for line in again.stdout.splitlines()]
    assert [event["payload"]["step"] for event in events if event["type"] == "metrics"] == [
        stood + 1,
        stood + 2,
    ]
    assert f"max_steps: {stood + 2}" in run.paths.config.read_text()


def test_ctrl_c_stops_the_run_and_a_second_one_leaves_it(workplace: Workplace) -> None:
    once = workplace.start("train", "run.yaml", "--name", "once")
    _read_until(once.stdout, "importing")
    once.send_signal(signal.SIGINT)
    _, said = once.communicate(timeout=120)
    assert once.returncode == 3, said
    assert "Stopping once" in said

    twice = workplace.start("train", "run.yaml", "--name", "twice")
    _read_until(twice.stdout, "importing")
    twice.send_signal(signal.SIGINT)
    _read_until(twice.stderr, "Stopping twice")
    twice.send_signal(signal.SIGINT)
    _, said = twice.communicate(timeout=120)
    assert twice.returncode == 130, said
    assert "llmtune attach twice" in said
    assert workplace.run("twice").paths.alive
    workplace.run("twice").stop()
    assert workplace.llmtune("attach", "twice").returncode == 3


def test_leaving_an_attached_run_does_not_stop_it(workplace: Workplace, finished: Done) -> None:
    lock = workplace.run("first").paths.acquire_lock()  # as if its worker still lived
    try:
        attached = workplace.start("attach", "first")
        _read_until(attached.stdout, "finished")
        attached.send_signal(signal.SIGINT)
        _, said = attached.communicate(timeout=60)
    finally:
        os.close(lock)
    assert attached.returncode == 130
    assert "Left first" in said
    assert "stopping" not in workplace.event_lines("first")


def _read_until(stream: IO[str] | None, word: str) -> None:
    assert stream is not None
    assert any(word in line for line in stream), f"{word!r} was never said"


def test_a_llama_factory_file_trains_as_it_is_and_its_translation_is_shown(
    workplace: Workplace, tiny_model: str
) -> None:
    rows = [{"instruction": f"What is {n} plus {n}?", "input": "", "output": f"{2 * n}."} for n in range(6)]
    rows += [{"instruction": "What? " * 100, "input": "", "output": "That."}, {**rows[0], "output": ""}]
    (workplace.folder / "data").mkdir(exist_ok=True)
    (workplace.folder / "data/sums.json").write_text(json.dumps(rows))
    (workplace.folder / "data/dataset_info.json").write_text(json.dumps({"sums": {"file_name": "sums.json"}}))
    arguments = {
        "model_name_or_path": tiny_model,
        "stage": "sft",
        "finetuning_type": "lora",
        "lora_target": "all",
        "dataset": "sums",
        "cutoff_len": 64,
        "max_steps": 2,
        "per_device_train_batch_size": 2,
        "plot_loss": True,
    }
    for name in ("theirs.yaml", "theirs.json"):
        (workplace.folder / name).write_text(json.dumps(arguments))
        shown = workplace.llmtune("convert", name)
        assert shown.returncode == 0, shown.stderr
        assert "max_length: 64" in shown.stdout
        assert "# plot_loss: " in shown.stdout
    done = workplace.llmtune("train", "theirs.yaml", "--name", "theirs")
    assert done.returncode == 0, done.stderr
    assert "# Translated from a LLaMA-Factory file." in done.stderr
    assert "2 rows cannot be trained on and are skipped" in done.stdout  # as there
    assert workplace.run("theirs").config.training.max_steps == 2
    refused = workplace.llmtune("convert", "run.yaml")
    assert refused.returncode == 2
    assert "This is no LLaMA-Factory file" in refused.stderr


def test_a_data_set_that_nobody_registered_says_where_it_was_looked_for(workplace: Workplace) -> None:
    file = workplace.folder / "unregistered.yaml"
    for text, key in (
        ("model_name_or_path: smollm2-135m\nstage: sft\ndataset: identity\ndataset_dir: there", "dataset"),
        ("data: {train: identity, dataset_dir: there}", "data.train"),
    ):
        file.write_text(text)
        refused = workplace.llmtune("train", file.name)
        assert refused.returncode == 2
        assert "no data set 'identity'" in refused.stderr
        assert f"where: {key}: {workplace.folder / 'there' / 'dataset_info.json'}" in refused.stderr
        assert "dataset_dir" in refused.stderr
