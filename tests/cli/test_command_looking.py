"""`llmtune runs`, `sample`, `inspect`, and what a terminal is shown."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from pathlib import Path

from workplace import LLMTUNE, Workplace

from llmtune_kernel.runs.directory import Meta, RunDirectory
from llmtune_kernel.runs.events import Answer, Evaluation, EventWriter, Log, Message, Metrics, Sample, State

Done = subprocess.CompletedProcess[str]


def test_runs_lists_name_state_and_steps(workplace: Workplace, finished: Done, failed: Done) -> None:
    lines = workplace.llmtune("runs").stdout.splitlines()
    assert next(line.split()[:5] for line in lines if line.startswith("first ")) == [
        "first",
        "finished",
        "3",
        "of",
        "3",
    ]
    listed = map(json.loads, workplace.llmtune("runs", "--json").stdout.splitlines())
    states = {run["name"]: run["state"] for run in listed}
    assert states.items() >= {"first": "finished", "doomed": "failed"}.items()


def test_runs_shows_tags_where_there_are_any_and_obeys_none(tmp_path: Path) -> None:
    workplace = Workplace(tmp_path)
    directory = RunDirectory.create("tagged", tmp_path / "llmtune-runs")
    EventWriter(directory.events).write(State(state="finished"))
    assert "tags" not in workplace.llmtune("runs").stdout
    directory.write_meta(Meta(tags=["good", "[red]\x1b[2Jlong"]))
    header, row = workplace.llmtune("runs").stdout.splitlines()
    assert header.split()[-1] == "tags"
    assert row.rstrip().endswith("good, [red][2Jlong")


def test_sample_answers_each_prompt_with_base_and_run(
    workplace: Workplace, finished: Done, tiny_model: str
) -> None:
    done = workplace.llmtune(
        "sample", "first", "Who are you?", "[red]1 < 2?", "--base", "--max-new-tokens", "3"
    )
    assert done.returncode == 0, done.stderr
    heads = [line.split(": ")[0] for line in done.stdout.splitlines()]
    base = f"{tiny_model} (base)"
    wanted = ["> Who are you?", base, "first", "> [red]1 < 2?", base, "first"]
    assert [head for head in heads if head in wanted] == wanted
    assert done.stdout.count("[Cut at 3 tokens; --max-new-tokens allows more.]") == 4


def test_inspect_lists_the_catalogue_by_task_and_as_json(tmp_path: Path) -> None:
    workplace = Workplace(tmp_path)
    lines = workplace.llmtune("inspect", "--catalog", "maths", "mit").stdout.splitlines()
    assert lines[0].split()[:3] == ["name", "rows", "licence"]
    assert [line.split()[0] for line in lines if line.startswith(("gsm8k", "metamath-qa"))] == [
        "gsm8k",
        "metamath-qa",
    ]
    assert "Reasoning and maths" in {line.strip() for line in lines}
    (found,) = json.loads(workplace.llmtune("inspect", "--catalog", "gsm8k", "--json").stdout)
    assert (found["hub"], found["columns"]) == (
        "openai/gsm8k",
        {"instruction": "question", "output": "answer"},
    )
    none = workplace.llmtune("inspect", "--catalog", "pirates")
    assert none.returncode == 2
    assert "No data set of the catalogue fits pirates." in none.stderr
    assert "one of the arguments FILE.yaml|DATA --catalog is required" in workplace.llmtune("inspect").stderr


def test_models_are_listed_by_family_narrowed_by_words_and_as_json(tmp_path: Path) -> None:
    workplace = Workplace(tmp_path)
    lines = workplace.llmtune("models", "pythia", "mistral-7b-v0").stderr.splitlines()
    assert "No model of the catalogue fits pythia mistral-7b-v0." in lines[0]
    lines = workplace.llmtune("models", "base mit").stdout.splitlines()
    assert lines[0].split()[:4] == ["name", "parameters", "context", "licence"]
    assert "GPT-2" in {line.strip() for line in lines}
    found = next(line.split() for line in lines if line.startswith("openai-community/gpt2 "))
    assert found == ["openai-community/gpt2", "124M", "1,024", "mit", "base"]
    (found,) = json.loads(workplace.llmtune("models", "olmoe-1b-7b-0924", "base", "--json").stdout)
    assert found["advice"]["method.target_modules"] == ["q_proj", "k_proj", "v_proj", "o_proj"]


def test_inspect_marks_trained_tokens_and_keeps_control_characters_from_the_terminal(
    workplace: Workplace,
) -> None:
    done = workplace.llmtune("inspect", "run.yaml", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.search(r"format +messages", done.stdout)
    assert re.search(r"rows +12: 10 to train on, 2 to evaluate on", done.stdout)
    assert re.search(r"truncated rows +0 \(0\.0%\)", done.stdout)
    assert re.search(r"estimated steps +3,", done.stdout)
    assert "⟦2.<|im_end|>⟧" in done.stdout
    assert "[red][31mred" in done.stdout
    assert "\x1b" not in done.stdout
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "rich.console" in imported
    assert not imported & {"torch", "transformers", "datasets"}


def test_inspect_takes_a_data_file_and_prints_json(workplace: Workplace, tiny_model: str) -> None:
    done = workplace.llmtune("inspect", "rows.jsonl", "--model", tiny_model, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["rows"], summary["format"], summary["model"]) == (12, "messages", tiny_model)


def test_inspect_reads_columns_by_other_names_and_refuses_parts_of_a_configuration(
    workplace: Workplace, tiny_model: str
) -> None:
    (workplace.folder / "qa.csv").write_text("q,a\nWho?,Me.\n")
    columns = ("--columns", "prompt=q", "completion=a")
    done = workplace.llmtune("inspect", "qa.csv", *columns, "--model", tiny_model, "--json")
    assert json.loads(done.stdout)["format_columns"] == ["q", "a"], done.stderr
    refused = workplace.llmtune("inspect", "run.yaml", "--split", "test")
    assert "--split is of a data set" in refused.stderr


def test_inspect_says_what_is_taken_of_each_source(workplace: Workplace, tiny_model: str) -> None:
    words = [f"word{number} other{number} more{number}" for number in range(8)]
    for name, texts in (("a", words), ("b", words[:2])):
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        (workplace.folder / f"{name}.jsonl").write_text(lines)
    (workplace.folder / "two.yaml").write_text(
        f"model: {tiny_model}\nobjective: pretrain\ntraining: {{num_train_epochs: 1.0}}\n"
        "data:\n  eval_fraction: 0\n  train: [a.jsonl, {source: b.jsonl, num_samples: 1}]\n"
    )
    done = workplace.llmtune("inspect", "two.yaml")
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.search(r"^sources +a\.jsonl: 8 rows, 8 taken, \d+ tokens\. *$", done.stdout, re.MULTILINE)
    assert re.search(r"^ +b\.jsonl: 2 rows, 1 taken, \d+ tokens\. *$", done.stdout, re.MULTILINE)
    assert re.search(r"^rows +10: 9 to train on *$", done.stdout, re.MULTILINE)
    assert re.search(r"b\.jsonl [01] = a\.jsonl [01]", done.stdout)


def test_inspect_reads_a_registered_name_and_draws_how_long_its_rows_are(
    workplace: Workplace, tiny_model: str
) -> None:
    lists = workplace.folder / "lists"
    lists.mkdir()
    (lists / "mine.json").write_text(json.dumps([{"text": "a"}, {"text": "b"}, {"text": "a b c"}]))
    entry = {"file_name": "mine.json", "columns": {"prompt": "text"}}
    (lists / "dataset_info.json").write_text(json.dumps({"mine": entry}))
    done = workplace.llmtune("inspect", "mine", "--dataset-dir", "lists", "--model", tiny_model)
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.search(r"estimated steps +\d", done.stdout)
    assert re.search(rf"^ *2 +{'█' * 40} +2 *$", done.stdout, re.MULTILINE)
    assert re.search(rf"^ *4 +{'█' * 20} +1 *$", done.stdout, re.MULTILINE)


def test_a_terminal_shows_a_bar_below_the_log_and_obeys_nothing_the_model_says(workplace: Workplace) -> None:
    directory = RunDirectory.create("bar", workplace.folder / "llmtune-runs")
    events = EventWriter(directory.events)
    metrics = Metrics(
        step=20,
        max_steps=40,
        epoch=0.5,
        loss=2.5,
        learning_rate=1e-4,
        grad_norm=1.0,
        tokens=9,
        tokens_per_second=1234.0,
        memory=1,
        eta=75.0,
        measures={"reward": 0.25, "entropy": 2.0, "kl": 0.5},
    )
    evaluation = Evaluation(step=20, epoch=0.5, loss=None, tokens=9, seconds=1.0, measures={"reward": 0.75})
    asked = [Message(role="system", content="Be brief."), Message(role="user", content="Who?")]
    answer = Answer(prompt=asked, answer="[red]\x1b]0;title\x07\x1b[2Jme")
    events.write(State(state="training"))
    events.write(metrics)
    events.write(evaluation)
    events.write(Log(message="a line of the log"))
    events.write(Sample(step=20, answers=[answer]))
    events.write(State(state="stopped"))
    events.close()
    code, shown = _on_a_terminal(workplace, "attach", "bar")
    assert code == 3
    assert "a line of the log" in shown
    assert "> system: Be brief." in shown
    assert "> user: Who?" in shown
    assert "20/40  epoch 0.50  loss 2.5  reward 0.25  KL 0.5  1,234 tokens/s  1 min 15 s left" in shown
    assert "step 20  evaluation  reward 0.75" in shown
    assert "[red]]0;title[2Jme" in shown
    assert "\x1b]0" not in shown
    assert "\x1b[2J" not in shown


def _on_a_terminal(workplace: Workplace, *arguments: str) -> tuple[int, str]:
    """The exit code, and all that the command wrote on a terminal of 120 columns."""
    ours, theirs = pty.openpty()
    environment = {**workplace.environment, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    process = subprocess.Popen(
        [LLMTUNE, *arguments],
        cwd=workplace.folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = b""
    try:
        while part := os.read(ours, 65536):
            written += part
    except OSError:  # closed by its end
        pass
    os.close(ours)
    return process.wait(), written.decode()
