"""What the sidebar asks of a real kernel about runs, models and presets."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import written
from jsonschema import Draft202012Validator
from real_kernel import Kernel, WrittenRun, metrics, state
from written import write_run as write_files

from llmtune_kernel.notebook.protocol import protocol_schema

WriteRun = Callable[..., WrittenRun]
# Prints how many watches there are.
WATCHES = "print(sum('llmtune-comm-runs' in t.name for t in __import__('threading').enumerate()))"


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
    return [each for each in data if each["type"] == "runs"]


def listed(kernel: Kernel, page: str) -> dict[str, dict[str, Any]]:
    """The runs as a page knows them from what was pushed."""
    runs: dict[str, dict[str, Any]] = {}
    for push in pushed(kernel, page):
        runs.update({summary["name"]: summary for summary in push["runs"]})
        for name in push["removed"]:
            runs.pop(name, None)
    return runs


def finished(write_run: WriteRun) -> WrittenRun:
    run = write_run()
    run.end(state("queued"), state("training"), metrics(10), state("finished"))
    return run


def test_watched_runs_are_pushed_at_first_and_when_they_change_until_unwatched(
    kernel: Kernel, page: str, write_run: WriteRun
) -> None:
    over, live = finished(write_run), write_run()
    live.write(state("training"), metrics(1, loss=2.0))
    check(kernel.ask(page, "watch", {}), "DoneReply")
    kernel.wait(lambda: pushed(kernel, page))
    check(pushed(kernel, page)[0], "RunsPush")
    assert listed(kernel, page)[over.name]["state"] == "finished"
    live.write(metrics(2, loss=1.0))
    kernel.wait(lambda: listed(kernel, page)[live.name]["curve"] == [2.0, 1.0])
    live.end(state("finished"))
    kernel.wait(lambda: listed(kernel, page)[live.name]["state"] == "finished")
    assert [push["runs"] for push in pushed(kernel, page)[1:] if over.name in str(push)] == []
    check(kernel.ask(page, "unwatch", {}), "DoneReply")
    count = len(pushed(kernel, page))
    another = kernel.comm_open("llmtune", {"version": "0.1.0"})
    kernel.ask(another, "watch", {})
    late = finished(write_run)
    kernel.wait(lambda: late.name in listed(kernel, another))
    assert len(pushed(kernel, page)) == count
    kernel.ask(another, "unwatch", {})


def test_runs_are_pushed_while_a_cell_runs(kernel: Kernel, write_run: WriteRun) -> None:
    subshell = kernel.new_subshell()
    page = kernel.comm_open("llmtune", {"version": "0.1.0"}, subshell)
    kernel.ask(page, "version", {}, subshell)
    busy = kernel.occupy()
    kernel.ask(page, "watch", {}, subshell)
    run = finished(write_run)
    kernel.wait(lambda: run.name in listed(kernel, page))
    assert not kernel.is_idle(busy)
    kernel.release(busy)
    kernel.ask(page, "unwatch", {}, subshell)


def test_a_watched_page_that_goes_and_one_that_never_watched_leave_no_thread(kernel: Kernel) -> None:
    page, quiet = (kernel.comm_open("llmtune", {"version": "0.1.0"}) for _ in range(2))
    kernel.ask(quiet, "version", {})
    kernel.ask(page, "watch", {})
    assert kernel.text(kernel.run(WATCHES)).strip() == "1"
    kernel.ask(page, "watch", {})  # asked again, it is one watch, not two
    kernel.wait(lambda: kernel.text(kernel.run(WATCHES)).strip() == "1")
    kernel.comm_close(page)
    kernel.wait(lambda: kernel.text(kernel.run(WATCHES)).strip() == "0")
    assert pushed(kernel, quiet) == []


def test_a_watch_that_is_ended_before_it_began_does_not_begin(kernel: Kernel, page: str) -> None:
    slow = write_files(
        f"slow-{page}", *(written.metrics(step) for step in range(20_000))
    )  # the first look takes a while
    for kind in ("watch", "unwatch"):
        kernel.comm_send(page, {"id": kind, "type": kind, "payload": {}})
    kernel.wait(
        lambda: (
            {"watch", "unwatch"}
            <= {message["content"]["data"].get("id") for message in kernel.comm_received(page)}
        )
    )
    shutil.rmtree(slow.path)
    kernel.wait(lambda: kernel.text(kernel.run(WATCHES)).strip() == "0", timeout=10)
    # The reply to `unwatch` was the last word: no list of runs follows it.
    told = len(pushed(kernel, page))
    kernel.run("import time\ntime.sleep(2.5)")
    assert len(pushed(kernel, page)) == told


def test_a_runs_folder_that_cannot_be_read_is_said_at_once_and_when_it_can_be_again(
    kernel: Kernel, page: str, write_run: WriteRun
) -> None:
    run = finished(write_run)

    def last() -> dict[str, Any]:
        return (pushed(kernel, page) or [{"runs": [], "fault": None}])[-1]

    no_folder = "os.environ['LLMTUNE_HOME'] = os.path.abspath('file')"
    kernel.run("import os\nhome = os.environ['LLMTUNE_HOME']\nopen('file', 'w').close()")
    kernel.run(no_folder)
    check(kernel.ask(page, "watch", {}), "DoneReply")
    kernel.wait(lambda: last()["fault"] is not None)
    check(last(), "RunsPush")
    assert "runs folder cannot be read" in last()["fault"]["what"]
    assert last()["fault"]["where"].endswith("file")
    assert last()["fault"]["fix"]

    kernel.run("os.environ['LLMTUNE_HOME'] = home")
    kernel.wait(lambda: last()["fault"] is None)
    assert run.name in listed(kernel, page)

    kernel.run(no_folder)
    kernel.wait(lambda: last()["fault"] is not None)
    assert run.name in listed(kernel, page)
    told = len(pushed(kernel, page))
    kernel.run("import time\ntime.sleep(2.5)")
    assert len(pushed(kernel, page)) == told
    kernel.run("os.environ['LLMTUNE_HOME'] = home")
    kernel.wait(lambda: last()["fault"] is None)


def test_a_run_is_viewed_edited_and_deleted(kernel: Kernel, page: str, write_run: WriteRun) -> None:
    run = finished(write_run)
    view = check(kernel.ask(page, "view", {"run": run.name}), "ViewReply")
    assert view["summary"]["state"] == "finished"
    assert view["train"]["step"] == [10]
    assert view["offset"] == run.directory.events.stat().st_size
    edited = check(
        kernel.ask(
            page, "edit", {"run": run.name, "name": f"{run.name}-b", "tags": ["good"], "note": "mine"}
        ),
        "EditReply",
    )
    assert (edited["name"], edited["tags"], edited["note"]) == (f"{run.name}-b", ["good"], "mine")
    check(kernel.ask(page, "delete", {"runs": [edited["name"]]}), "DoneReply")
    names = {each["name"] for each in check(kernel.ask(page, "runs", {}), "RunsReply")}
    assert not names & {run.name, edited["name"]}
    trash = Path(kernel.home / "runs" / ".trash")
    assert [path.name for path in trash.iterdir() if path.name.startswith(edited["name"])]


def test_a_live_run_is_not_deleted_and_an_unknown_one_not_found(
    kernel: Kernel, page: str, write_run: WriteRun
) -> None:
    run = write_run()
    run.write(state("training"))
    kernel.wait(run.directory.events.exists)
    refused = check(kernel.ask(page, "delete", {"runs": [run.name]}), "ErrorReply")
    assert "is running" in refused["what"]
    assert f"llmtune stop {run.name}" in refused["fix"]
    assert run.directory.events.exists()
    for kind in ("view", "edit"):
        assert "no run named" in check(kernel.ask(page, kind, {"run": "nowhere"}), "ErrorReply")["what"]


def test_models_and_presets_are_told(kernel: Kernel, page: str) -> None:
    models = check(kernel.ask(page, "models", {}), "ModelsReply")
    assert models[0]["name"] == "smollm2-135m"
    presets = check(kernel.ask(page, "presets", {}), "PresetsReply")
    assert [preset["name"] for preset in presets] == ["beginner", "quick", "low-memory", "quality"]


def test_a_look_and_a_question_are_answered(kernel: Kernel, page: str, tiny_model: str) -> None:
    kernel.run("some_rows = [{'prompt': 'Who?', 'completion': 'Me.'}] * 4")
    text = f"model: {tiny_model}\ndata: $some_rows\n"
    assert check(kernel.ask(page, "inspect", {"text": text}), "InspectReply")["rows"] == 4
    missing = check(kernel.ask(page, "inspect", {"text": text.replace("some_rows", "gone")}), "ErrorReply")
    assert "'gone'" in missing["what"]
    question = {
        "columns": [{"model": tiny_model}, {"model": tiny_model}],
        "messages": [{"role": "user", "content": "Who?"}],
        "settings": {"max_new_tokens": 8},
    }
    answers = check(kernel.ask(page, "ask", question), "AskReply")
    said = [message["content"]["data"] for message in kernel.comm_received(page)]
    pieces = [check(each, "AnswerPush") or each for each in said if each["type"] == "answer"]
    for answer in answers:
        assert answer["text"] == "".join(
            each["text"] for each in pieces if each["column"] == answer["column"]
        )
        assert answer["text"]
    check(kernel.ask(page, "cancel", {"id": "of a question that is over"}), "DoneReply")
