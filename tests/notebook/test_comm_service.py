"""The comm `llmtune` of a real kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from real_kernel import Kernel, WrittenRun, metrics, state

from llmtune_kernel.notebook.protocol import protocol_schema

WriteRun = Callable[..., WrittenRun]


@pytest.fixture
def page(kernel: Kernel) -> str:
    """A comm as a page opens it."""
    return kernel.comm_open("llmtune", {"version": "0.1.0"})


def check(answer: dict[str, Any], definition: str) -> Any:
    """The payload of an answer that is what the schema says."""
    schema = {"$ref": f"#/$defs/{definition}", "$defs": protocol_schema()["$defs"]}
    Draft202012Validator(schema).validate(answer)
    return answer.get("payload", answer.get("error"))


def pushed(kernel: Kernel, page: str) -> list[dict[str, Any]]:
    data = [message["content"]["data"] for message in kernel.comm_received(page)]
    return [each for each in data if each["type"] == "events"]


def test_version_and_schema(kernel: Kernel, page: str) -> None:
    assert check(kernel.ask(page, "version", {}), "VersionReply")["python"].startswith("3.")
    schema = check(kernel.ask(page, "schema", {}), "SchemaReply")
    assert {"model", "data", "training"} <= schema["properties"].keys()


def test_validate_reports_every_mistake_with_its_line(kernel: Kernel, page: str) -> None:
    text = "data: $df\ntraining:\n  learning_rat: 1\n  max_steps: -3\n"
    found = check(kernel.ask(page, "validate", {"text": text}), "ValidateReply")
    assert not found["ok"]
    assert [(problem["line"], problem["key"]) for problem in found["problems"]] == [
        (3, "training.learning_rat"),
        (4, "training.max_steps"),
    ]


def test_validate_returns_every_value_of_a_right_configuration(kernel: Kernel, page: str) -> None:
    found = check(kernel.ask(page, "validate", {"values": {"data": "rows.jsonl"}}), "ValidateReply")
    assert found["ok"]
    assert found["config"]["training"]["seed"] == 42
    assert found["translation"] is None


def test_validate_translates_a_llama_factory_file_in_yaml_or_json(kernel: Kernel, page: str) -> None:
    text = "model_name_or_path: smollm2-135m\ndataset: mine\nstage: sft\nplot_loss: true\n"
    as_json = '{"model_name_or_path": "smollm2-135m", "dataset": "mine", "stage": "sft", "plot_loss": true}'
    found = check(kernel.ask(page, "validate", {"text": text}), "ValidateReply")
    assert found["ok"]
    assert found["config"]["data"]["train"] == "mine"
    assert "plot_loss: " in found["translation"].partition("# Without effect here:")[2]
    assert check(kernel.ask(page, "validate", {"text": as_json}), "ValidateReply") == found
    ours = check(kernel.ask(page, "validate", {"text": found["translation"]}), "ValidateReply")
    assert ours["config"] == found["config"]


def test_validate_says_what_a_llama_factory_file_of_another_command_is_for(kernel: Kernel, page: str) -> None:
    for text, key, command in (
        ("model_name_or_path: m\nexport_dir: out\n", "export_dir", "llmtune export"),
        ("model_name_or_path: m\nadapter_name_or_path: a\n", "model_name_or_path", "llmtune sample"),
    ):
        found = check(kernel.ask(page, "validate", {"text": text}), "ValidateReply")
        assert not found["ok"]
        assert found["translation"] is None
        (problem,) = found["problems"]
        assert (problem["key"], command in problem["message"]) == (key, True)


def test_variables_lists_what_can_be_trained_on(kernel: Kernel, page: str) -> None:
    kernel.run(
        "import pandas as pd\nmy_rows = [{'text': 'a'}] * 3\nmy_frame = pd.DataFrame({'text': ['x']})\nmy_number = 3"
    )
    found = {each["name"]: each for each in check(kernel.ask(page, "variables", {}), "VariablesReply")}
    assert found["my_rows"]["rows"] == 3
    assert found["my_frame"]["columns"] == ["text"]
    assert "my_number" not in found


def test_registered_names_are_those_of_dataset_info(kernel: Kernel, page: str, tmp_path: Path) -> None:
    (tmp_path / "dataset_info.json").write_text('{"one": {"file_name": "a.json"}, "two": {}}')
    asked = {"dataset_dir": str(tmp_path)}
    assert check(kernel.ask(page, "registered", asked), "RegisteredReply") == ["one", "two"]
    assert check(kernel.ask(page, "registered", {"dataset_dir": "nowhere"}), "RegisteredReply") == []
    (tmp_path / "dataset_info.json").write_text("[")
    assert "not valid JSON" in check(kernel.ask(page, "registered", asked), "ErrorReply")["what"]


def test_the_folder_of_the_kernel_is_told_from_that_of_jupyters_files(
    kernel: Kernel, page: str, tmp_path: Path
) -> None:
    inner = tmp_path / "work" / "data"
    inner.mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "work")
    kernel.run(f"import os\nbefore = os.getcwd()\nos.chdir({str(inner)!r})")

    def folder(root: Path) -> str | None:
        reply = check(kernel.ask(page, "folder", {"root": str(root)}), "FolderReply")
        return reply["path"]  # type: ignore[no-any-return]

    try:
        assert folder(tmp_path / "work") == folder(tmp_path / "link") == "data"
        assert folder(inner) == ""
        assert folder(tmp_path / "elsewhere") is None
    finally:
        kernel.run("os.chdir(before)")


def test_the_catalogue_is_told_by_task_in_the_language_of_the_page(kernel: Kernel, page: str) -> None:
    found = check(kernel.ask(page, "catalogue", {}), "CatalogueReply")
    assert len(found) >= 50
    tasks = [dataset["task"] for dataset in found]
    assert [task for task, before in zip(tasks, [None, *tasks], strict=False) if task != before] == list(
        dict.fromkeys(tasks)
    )
    assert next(dataset for dataset in found if dataset["name"] == "gsm8k") == {
        "name": "gsm8k",
        "hub": "openai/gsm8k",
        "task": "Reasoning and maths",
        "rows": 7473,
        "licence": "mit",
        "read_as": "alpaca (instruction = question, output = answer), subset main",
        "description": "School maths in words with worked answers, quick to train and to check.",
    }


def test_runs_says_where_each_run_stands(kernel: Kernel, page: str, write_run: WriteRun) -> None:
    live, dead = write_run(), write_run()
    live.write(state("training"), metrics(3, loss=1.5))
    dead.write(state("training"))
    dead.die()

    def listed() -> dict[str, Any]:
        return {each["name"]: each for each in check(kernel.ask(page, "runs", {}), "RunsReply")}

    kernel.wait(lambda: listed()[live.name]["step"] == 3)
    assert listed()[live.name]["state"] == "training"
    assert listed()[live.name]["loss"] == 1.5
    assert listed()[live.name]["eta"] == 7.0
    assert listed()[dead.name]["state"] == "failed"


def test_control_reaches_the_worker(kernel: Kernel, page: str, write_run: WriteRun) -> None:
    run = write_run()
    run.write(state("training"))
    check(kernel.ask(page, "control", {"run": run.name, "command": "pause"}), "DoneReply")
    assert run.next_order()["command"] == "pause"


def test_subscribe_pushes_events_from_an_offset_until_unsubscribed(
    kernel: Kernel, page: str, write_run: WriteRun
) -> None:
    run = write_run()
    run.write(state("training"), metrics(1))
    check(kernel.ask(page, "subscribe", {"run": run.name, "offset": 0}), "DoneReply")
    kernel.wait(lambda: [event["seq"] for push in pushed(kernel, page) for event in push["events"]] == [0, 1])
    for push in pushed(kernel, page):
        check(push, "EventsPush")
    again = kernel.comm_open("llmtune", {"version": "0.1.0"})
    kernel.ask(again, "subscribe", {"run": run.name, "offset": pushed(kernel, page)[-1]["offset"]})
    run.write(metrics(2))
    kernel.wait(lambda: pushed(kernel, again))
    assert [event["payload"]["step"] for event in pushed(kernel, again)[0]["events"]] == [2]
    kernel.wait(lambda: pushed(kernel, page)[-1]["events"][-1]["payload"]["step"] == 2)
    kernel.ask(page, "unsubscribe", {"run": run.name})
    run.write(metrics(3))
    kernel.wait(lambda: pushed(kernel, again)[-1]["events"][-1]["payload"]["step"] == 3)
    assert pushed(kernel, page)[-1]["events"][-1]["payload"]["step"] == 2


def test_many_events_come_in_pushes_of_bounded_size(kernel: Kernel, page: str, write_run: WriteRun) -> None:
    run = write_run()
    run.write(*(metrics(step, 2000) for step in range(1, 1201)))
    kernel.wait(
        lambda: run.directory.events.exists() and run.directory.events.read_bytes().count(b"\n") == 1200
    )
    kernel.ask(page, "subscribe", {"run": run.name, "offset": 0})
    kernel.wait(lambda: sum(len(push["events"]) for push in pushed(kernel, page)) == 1200)
    assert max(len(push["events"]) for push in pushed(kernel, page)) <= 500


def test_mistakes_are_answered_with_what_where_and_fix(
    kernel: Kernel, page: str, write_run: WriteRun
) -> None:
    run = write_run("findable")
    run.write(state("training"))
    kernel.wait(run.directory.events.exists)
    unknown = check(kernel.ask(page, "control", {"run": "findabel", "command": "stop"}), "ErrorReply")
    assert "findabel" in unknown["what"]
    assert "findable" in unknown["fix"]
    check(kernel.ask(page, "reboot", {}), "ErrorReply")
    check(kernel.ask(page, "subscribe", {"run": 3}), "ErrorReply")


def test_requests_are_answered_while_a_cell_runs(kernel: Kernel) -> None:
    subshell = kernel.new_subshell()
    page = kernel.comm_open("llmtune", {"version": "0.1.0"}, subshell)
    kernel.ask(page, "version", {}, subshell)
    busy = kernel.occupy()
    for _ in range(
        3
    ):  # the second and third show that an answer does not lead the page's messages to the main thread
        check(kernel.ask(page, "runs", {}, subshell), "RunsReply")
    assert not kernel.is_idle(busy)
    kernel.release(busy)


def test_a_page_that_goes_stops_the_pushes(kernel: Kernel, page: str, write_run: WriteRun) -> None:
    run = write_run()
    run.write(metrics(1))
    kernel.wait(run.directory.events.exists)
    kernel.ask(page, "subscribe", {"run": run.name, "offset": 0})
    kernel.wait(lambda: pushed(kernel, page))
    kernel.comm_close(page)
    other = kernel.comm_open("llmtune", {"version": "0.1.0"})
    kernel.ask(other, "subscribe", {"run": run.name, "offset": 0})
    run.write(metrics(2))
    kernel.wait(lambda: sum(len(push["events"]) for push in pushed(kernel, other)) == 2)
    assert sum(len(push["events"]) for push in pushed(kernel, page)) == 1
