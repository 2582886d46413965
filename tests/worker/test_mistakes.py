"""What goes wrong in a run: a user's mistake is told in one message, a fault with the end of the log."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from watching import Start, losses

from llmtune_kernel.config import UserError, config_from_dict
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import ErrorEvent, Log, LogEvent, Payload, State, StateEvent
from llmtune_kernel.runs.run import RunFailed
from llmtune_kernel.worker.control import ControlServer
from llmtune_kernel.worker.session import Session

TrainHere = Callable[..., list[str]]


@pytest.fixture
def train_here(workplace: Path, tmp_path: Path, tiny_model: str) -> TrainHere:
    """Train in this process, which has its libraries imported; a mistake is the UserError a worker would tell.

    Gives the warnings of the run.
    """

    def train(**sections: Any) -> list[str]:
        warnings: list[str] = []

        def hear(payload: Payload) -> None:
            if isinstance(payload, Log) and payload.level == "warning":
                warnings.append(payload.message)

        values = {"model": tiny_model, "data": "rows.jsonl", "training": {"max_steps": 1}, **sections}
        directory = RunDirectory(tmp_path / "run")
        for folder in (directory.path, directory.data, directory.checkpoints):
            folder.mkdir()
        control = ControlServer(directory, lambda payload: None)
        try:
            Session(config_from_dict(values), directory, control, hear).run(None)
        finally:
            control.close()
        return warnings

    return train


@pytest.fixture
def model_copy(tiny_model: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def rows(folder: Path, *values: dict[str, Any]) -> str:
    path = folder / "own.jsonl"
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return str(path)


def test_a_data_file_that_is_missing(train_here: TrainHere) -> None:
    with pytest.raises(UserError) as mistake:
        train_here(data="rowz.jsonl")
    assert "rowz.jsonl" in str(mistake.value)
    assert mistake.value.fix


def test_a_data_file_without_rows(train_here: TrainHere, tmp_path: Path) -> None:
    with pytest.raises(UserError) as mistake:
        train_here(data=rows(tmp_path))
    assert "own.jsonl" in str(mistake.value)


def test_answers_that_are_all_cut_off(train_here: TrainHere) -> None:
    with pytest.raises(UserError) as mistake:
        train_here(data={"train": "rows.jsonl", "max_length": 8})
    assert "max_length" in str(mistake.value)


@pytest.mark.parametrize("split", ["train", "eval"])
def test_rows_without_answers_are_told_with_their_source(
    train_here: TrainHere, tmp_path: Path, split: str
) -> None:
    bad = rows(tmp_path, {"instruction": "a", "output": "b"}, {"instruction": "a", "output": ""})
    data = {"train": bad} if split == "train" else {"train": "rows.jsonl", "eval": bad}
    with pytest.raises(UserError, match="1 of 2 rows cannot be trained on") as mistake:
        train_here(data=data)
    assert mistake.value.where == f"data.{split}: {bad}, row 1: output is empty"


def test_rows_that_are_cut_or_longer_than_the_model_was_made_for_are_warned_of(
    train_here: TrainHere, tmp_path: Path
) -> None:
    long = rows(tmp_path, {"text": "word " * 600}, {"text": "short"})
    assert train_here(data={"train": long, "max_length": 32}) == [
        "data.train: 1 text is longer than 32 tokens and is trained on in pieces."
    ]
    shutil.rmtree(tmp_path / "run")
    assert train_here(data={"train": long, "max_length": 32, "packing": False}) == [
        "data.train: 1 row is longer than 32 tokens and is cut."
    ]
    shutil.rmtree(tmp_path / "run")
    assert train_here(data=long) == [
        "The longest row has 602 tokens, but the model was made for at most 512: "
        "set data.max_length to 512 or less."
    ]


def test_rows_that_are_skipped_are_named_in_the_log_and_counted_in_the_run(
    train_here: TrainHere, workplace: Path, tmp_path: Path
) -> None:
    good = [json.loads(line) for line in (workplace / "rows.jsonl").read_text().splitlines()]
    bad = {"messages": [{"role": "user", "content": "Hi"}]}
    data = {"train": rows(tmp_path, bad, *good), "on_bad_row": "skip", "eval_fraction": 0.25}
    told = train_here(data=data)
    assert "data.train: 1 row cannot be trained on and is skipped" in told[0]
    assert "row 0: messages ends with user" in told[0]
    resolved = json.loads((tmp_path / "run/resolved.json").read_text())
    counted = {"rows": 13, "skipped": 1, "dropped": 0, "truncated": 0}
    assert resolved["data"]["train"].items() >= counted.items()


def test_a_model_folder_without_a_tokenizer(train_here: TrainHere, model_copy: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (model_copy / name).unlink()
    with pytest.raises(UserError, match="tokenizer") as mistake:
        train_here(model=str(model_copy))
    assert mistake.value.where == str(model_copy)
    assert "save_pretrained" in mistake.value.fix


def test_a_model_folder_without_a_chat_template(
    train_here: TrainHere, model_copy: Path, tmp_path: Path
) -> None:
    (model_copy / "chat_template.jinja").unlink()
    with pytest.raises(UserError, match="chat template") as mistake:
        train_here(model=str(model_copy))
    assert mistake.value.fix
    shutil.rmtree(tmp_path / "run")
    train_here(model=str(model_copy), data=rows(tmp_path, {"text": "No turns, no template."}))


def test_a_template_of_the_configuration_is_trained_on_and_saved_with_the_result(
    train_here: TrainHere, model_copy: Path, tmp_path: Path
) -> None:
    (model_copy / "chat_template.jinja").unlink()
    told = train_here(
        model=str(model_copy),
        data={"train": "rows.jsonl", "template": "llama3"},
        samples={"prompts": "Hello?", "max_new_tokens": 2},
    )
    assert "<|start_header_id|>, <|end_header_id|>, <|eot_id|>" in told[0]
    saved = (tmp_path / "run/adapter/chat_template.jinja").read_text()
    assert "<|eot_id|>" in saved


def test_float16_without_a_gpu(train_here: TrainHere) -> None:
    with pytest.raises(UserError, match="float16 needs a GPU; bfloat16 and float32 work here") as mistake:
        train_here(model={"name_or_path": "smollm2-135m", "dtype": "float16"})
    assert mistake.value.where == "model.dtype"


def test_a_disk_too_small_for_what_will_be_saved(
    train_here: TrainHere, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(2**40, 2**40, 40 * 2**20))
    train_here()  # an adapter
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(UserError, match="a result and a checkpoint take 84 MB, 42 MB are free") as mistake:
        train_here(method="full")
    assert mistake.value.where == str(tmp_path / "run")
    assert "LLMTUNE_HOME" in mistake.value.fix


def test_training_that_diverges_fails_and_saves_nothing_of_it(start: Start) -> None:
    settings = {"learning_rate": 1e30, "max_steps": 100, "warmup_ratio": 0.0}
    run = start("diverged", training={**settings, "save_steps": 1})
    with pytest.raises(RunFailed, match="diverged") as failed:
        run.wait()
    assert failed.value.where == "training.learning_rate: 1e+30"
    assert failed.value.fix
    assert not run.paths.adapter.exists()
    patient = start("patient", training=settings)
    with pytest.raises(RunFailed, match="diverged"):
        patient.wait()
    found = losses(patient)
    assert list(found.values())[-3:] == [None] * 3
    assert None not in list(found.values())[:-3]
    assert (
        len(
            [
                event
                for event in patient.events()
                if isinstance(event, LogEvent)
                if event.payload.level == "warning"
            ]
        )
        == 1
    )
    late = start("late", training={**settings, "max_steps": 4, "logging_steps": 10})
    with pytest.raises(RunFailed, match="diverged"):
        late.wait()
    for one in (run, patient, late):
        checkpoints = list(one.paths.checkpoints.glob("*/adapter_model.safetensors"))
        assert not one.paths.adapter.exists()
        assert all(weight.isfinite().all() for path in checkpoints for weight in load_file(path).values())


def test_layers_that_the_model_does_not_have(train_here: TrainHere) -> None:
    with pytest.raises(UserError, match="named 'query'") as mistake:
        train_here(method={"type": "lora", "target_modules": ["q_proj", "query"]})
    assert mistake.value.where == "method.target_modules"
    assert "q_proj" in mistake.value.fix


def test_layers_that_cannot_get_an_adapter(train_here: TrainHere) -> None:
    with pytest.raises(UserError, match="LlamaMLP") as mistake:
        train_here(method={"type": "lora", "target_modules": ["mlp"]})
    assert mistake.value.where == "method.target_modules"
    assert "base_layer" not in mistake.value.fix


def test_a_layer_that_cannot_get_an_adapter_is_named_in_plain_words(train_here: TrainHere) -> None:
    with pytest.raises(UserError) as mistake:
        train_here(method={"type": "lora", "target_modules": ["q_proj", "input_layernorm"]})
    assert mistake.value.what == (
        "The layer 'input_layernorm' is of type LlamaRMSNorm and cannot get an adapter."
    )


def test_a_gguf_file_that_is_none(train_here: TrainHere, tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(UserError, match="GGUF") as mistake:
        train_here(model=str(tmp_path / "model.gguf"))
    assert "model.gguf" in mistake.value.where


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/model", "missing.gguf"])
def test_a_model_path_that_leads_nowhere(train_here: TrainHere, name: str) -> None:
    with pytest.raises(UserError, match="no model at this path"):
        train_here(model=name)


def test_a_hub_model_without_a_network(train_here: TrainHere) -> None:
    with pytest.raises(UserError, match="cannot be loaded") as mistake:
        train_here(model="nobody/nothing")
    assert "smollm2-135m" in mistake.value.fix


def test_a_notebook_variable_without_a_notebook(start: Start, workplace: Path) -> None:
    with pytest.raises(UserError, match=r"\$rows is a variable of a notebook"):
        start("variable", data={"train": "$rows"})
    assert not (workplace / "runs" / "variable").exists()


def test_weights_that_are_broken_fail_the_run_with_one_message(start: Start, model_copy: Path) -> None:
    (model_copy / "model.safetensors").write_bytes(b"broken")
    run = start("broken", model={"name_or_path": str(model_copy)})
    with pytest.raises(RunFailed) as failed:
        run.wait()
    [error] = [event.payload for event in run.events() if isinstance(event, ErrorEvent)]
    assert error.what.startswith("The model cannot be loaded: ")
    assert error.where == str(model_copy)
    assert error.fix
    assert error.tail == []
    assert error.log == ""
    assert (failed.value.what, failed.value.where, failed.value.fix) == (error.what, error.where, error.fix)
    last = [event.payload for event in run.events() if isinstance(event, StateEvent)][-1]
    assert last == State(state="failed", detail=error.what)
    assert "Traceback" not in run.paths.log.read_text()


def test_a_fault_shows_the_end_of_the_log_and_where_it_is(start: Start) -> None:
    run = start("fault", training={"max_steps": 100_000})
    # A checkpoint cannot be written where a file is in the way.
    run.paths.checkpoints.rmdir()
    run.paths.checkpoints.touch()
    run.save()
    with pytest.raises(RunFailed) as failed:
        run.wait()
    [error] = [event.payload for event in run.events() if isinstance(event, ErrorEvent)]
    assert error.log == failed.value.where == str(run.paths.log)
    assert "Error" in error.tail[-1]
    assert error.tail == run.paths.log.read_text().splitlines()[-len(error.tail) :]
    assert all(line in failed.value.what for line in error.tail)
    assert "Traceback" in run.paths.log.read_text()
    assert run.state == "failed"
    assert not run.paths.control.exists()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "a", "chosen": "b", "rejected": "c"}, "pairs of a better and a worse answer"),
        ({"prompt": "a", "completion": "b", "label": True}, "which answers are wanted"),
    ],
)
def test_judged_answers_are_not_learned_as_answers(
    train_here: TrainHere, tmp_path: Path, row: dict[str, Any], said: str
) -> None:
    file = rows(tmp_path, row, row)
    with pytest.raises(UserError, match=said) as mistake:
        train_here(data=file)
    assert mistake.value.where.startswith(f"data.train: {file}, columns read: ")
    assert mistake.value.fix.startswith(f"Set objective: {'dpo' if 'chosen' in row else 'kto'}, or ")


@pytest.mark.parametrize(
    ("row", "format"),
    [
        ({"prompt": "a", "completion": "b"}, "prompt_completion"),
        ({"prompt": "a", "completion": "b", "label": True}, "kto"),
        ({"text": "a b c"}, "text"),
    ],
)
@pytest.mark.parametrize("objective", ["dpo", "reward"])
def test_preferences_are_not_learned_from_single_answers(
    train_here: TrainHere, tmp_path: Path, row: dict[str, Any], format: str, objective: str
) -> None:
    with pytest.raises(UserError, match=rf"not pairs .*\(format {format}\), as {objective} needs") as mistake:
        train_here(data=rows(tmp_path, row, row), objective=objective)
    fitting = "kto" if format == "kto" else "sft"
    assert f"chosen and rejected, or set objective: {fitting}" in mistake.value.fix


@pytest.mark.parametrize("objective", ["sft", "dpo", "kto", "pretrain"])
def test_pairs_for_a_reward_model_are_refused_by_what_trains_none(
    train_here: TrainHere, tmp_path: Path, objective: str
) -> None:
    file = rows(tmp_path, {"prompt": "a", "chosen": "b", "rejected": "c"})
    with pytest.raises(UserError, match=rf"\(format reward\), and {objective} trains none"):
        train_here(data={"train": file, "format": "reward"}, objective=objective)


@pytest.mark.parametrize("objective", ["sft", "dpo", "kto", "reward", "pretrain"])
def test_prompts_without_answers_are_refused_by_what_learns_from_answers(
    train_here: TrainHere, tmp_path: Path, objective: str
) -> None:
    file = rows(tmp_path, {"prompt": "a"}, {"prompt": "b"})
    with pytest.raises(UserError, match=rf"\(format prompt\), and {objective} needs answers") as mistake:
        train_here(data=file, objective=objective)
    assert "data.columns: completion" in mistake.value.fix


@pytest.mark.parametrize(
    ("row", "format", "fitting"),
    [
        ({"text": "a b c"}, "text", "sft"),
        ({"prompt": "a", "chosen": "b", "rejected": "c"}, "preference", "dpo"),
        ({"prompt": "a", "completion": "b", "label": True}, "kto", "kto"),
    ],
)
@pytest.mark.parametrize("objective", ["ppo", "grpo"])
def test_rows_that_hold_no_prompts_are_not_answered(
    train_here: TrainHere, tmp_path: Path, objective: str, row: dict[str, Any], format: str, fitting: str
) -> None:
    rewarded = {"type": objective, "reward": "$score"}
    said = rf"hold no prompts .*\(format {format}\), as {objective} needs"
    with pytest.raises(UserError, match=said) as mistake:
        train_here(data=rows(tmp_path, row, row), objective=rewarded)
    assert mistake.value.fix.endswith(f"set objective: {fitting}.")


@pytest.mark.parametrize(
    ("row", "fitting"),
    [({"prompt": "a", "completion": "b"}, "sft"), ({"prompt": "a", "chosen": "b", "rejected": "c"}, "dpo")],
)
def test_feedback_is_not_learned_from_answers_without_a_judgement(
    train_here: TrainHere, tmp_path: Path, row: dict[str, Any], fitting: str
) -> None:
    with pytest.raises(UserError, match="do not say which answers are wanted") as mistake:
        train_here(data=rows(tmp_path, row, row), objective="kto")
    assert f"label, true or false, or set objective: {fitting}" in mistake.value.fix


def test_sources_of_two_kinds_are_refused(train_here: TrainHere, tmp_path: Path) -> None:
    judged = rows(tmp_path, {"prompt": "a", "chosen": "b", "rejected": "c"})
    with pytest.raises(UserError, match=r"Its rows are preference, those of rows\.jsonl are") as mistake:
        train_here(data={"train": ["rows.jsonl", judged]})
    assert mistake.value.where.startswith(f"data.train: {judged}")
