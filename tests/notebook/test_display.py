"""The live output of a run in a real kernel."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from real_kernel import Kernel, WrittenRun, metrics, sample, state

WriteRun = Callable[..., WrittenRun]
WIDGET = "application/vnd.jupyter.widget-view+json"


def attach(kernel: Kernel, run: WrittenRun) -> str:
    cell = kernel.run(f"%attach {run.name}")
    assert not kernel.of(cell, "error"), kernel.text(cell)
    return cell


def chart_of(kernel: Kernel, run: WrittenRun) -> str:
    """Comm of the chart of a run."""
    return next(
        comm for comm, state in kernel.widgets("LossChartModel").items() if state["title"] == run.name
    )


def rows_sent(kernel: Kernel, chart: str, table: str) -> dict[int, list[float]]:
    """What a page would hold of a table: rows by index."""
    rows: dict[int, list[float]] = {}
    for message in kernel.comm_received(chart):
        content = message["content"]["data"].get("content", {})
        if content.get("type") == "reset":
            rows = {}
        if content.get("type") == "append" and content["table"] == table:
            values = np.frombuffer(message["buffers"][0], np.float32).reshape(len(content["columns"]), -1)
            for offset in range(content["count"]):
                rows[content["start"] + offset] = values[:, offset].tolist()
    return rows


def test_live_outputs_are_widgets_that_say_in_plain_text_how_to_see_the_run_again(
    kernel: Kernel, write_run: WriteRun
) -> None:
    run = write_run()
    run.write(state("training"), metrics(1))
    outputs = kernel.live_outputs(attach(kernel, run))
    assert set(outputs) == {"panel", "chart", "samples"}
    assert all(WIDGET in output["content"]["data"] for output in outputs.values())
    assert f"%attach {run.name}" in outputs["panel"]["content"]["data"]["text/plain"]


def test_rows_travel_once_as_float32_columns_and_again_when_a_page_asks(
    kernel: Kernel, write_run: WriteRun
) -> None:
    run = write_run()
    run.write(state("training"), *(metrics(step, loss=3.0 / step) for step in range(1, 4)))
    attach(kernel, run)
    chart = chart_of(kernel, run)
    kernel.wait(lambda: len(rows_sent(kernel, chart, "train")) == 3)
    run.write(
        metrics(4, loss=None),
        ("evaluation", {"step": 4, "epoch": 0.4, "loss": 2.5, "tokens": 9, "seconds": 1.0}),
    )
    kernel.wait(lambda: rows_sent(kernel, chart, "eval"))
    first, last = rows_sent(kernel, chart, "train")[0], rows_sent(kernel, chart, "train")[3]
    np.testing.assert_allclose(first, [1, 3.0, 2e-4, 0.5], rtol=1e-6)
    assert last[0] == 4
    assert np.isnan(last[1])
    assert rows_sent(kernel, chart, "eval")[0] == [4.0, 2.5]

    def appended() -> list[tuple[int, int]]:
        contents = [message["content"]["data"].get("content", {}) for message in kernel.comm_received(chart)]
        return [(each["start"], each["count"]) for each in contents if each.get("table") == "train"]

    before = appended()
    assert sum(count for _, count in before) == 4
    kernel.comm_send(chart, {"method": "custom", "content": {"type": "replay"}})
    kernel.wait(lambda: appended()[len(before) :] == [(0, 4)])


def test_measures_travel_as_columns_named_after_them(kernel: Kernel, write_run: WriteRun) -> None:
    run = write_run()
    kind, first = metrics(1)
    run.write(state("training"), (kind, first), (kind, {**first, "step": 2, "measures": {"reward": 0.5}}))
    attach(kernel, run)
    chart = chart_of(kernel, run)
    kernel.wait(lambda: len(rows_sent(kernel, chart, "train")) == 2)
    evaluation = {"step": 2, "epoch": 0.4, "loss": None, "tokens": 9, "seconds": 1.0}
    run.write(("evaluation", {**evaluation, "measures": {"reward": 0.75}}))
    kernel.wait(lambda: rows_sent(kernel, chart, "eval"))
    messages = [message["content"]["data"].get("content", {}) for message in kernel.comm_received(chart)]
    columns = {message["table"]: message["columns"] for message in messages if "table" in message}
    assert columns == {
        "train": ["step", "loss", "learning_rate", "grad_norm", "reward"],
        "eval": ["step", "loss", "reward"],
    }
    rows = rows_sent(kernel, chart, "train")
    assert np.isnan(rows[0][-1])
    assert rows[1][-1] == 0.5
    assert rows_sent(kernel, chart, "eval")[0][-1] == 0.75


def test_a_continued_run_replaces_the_steps_it_repeats(kernel: Kernel, write_run: WriteRun) -> None:
    run = write_run()
    run.write(state("training"), *(metrics(step, loss=9.0) for step in range(1, 6)))
    attach(kernel, run)
    chart = chart_of(kernel, run)
    kernel.wait(lambda: len(rows_sent(kernel, chart, "train")) == 5)
    run.write(metrics(4, loss=1.0))
    kernel.wait(lambda: len(rows_sent(kernel, chart, "train")) == 4)
    assert [row[:2] for row in rows_sent(kernel, chart, "train").values()] == [
        [1.0, 9.0],
        [2.0, 9.0],
        [3.0, 9.0],
        [4.0, 1.0],
    ]


def test_output_stays_in_its_cell_while_other_cells_run_and_print(
    kernel: Kernel, write_run: WriteRun
) -> None:
    run = write_run()
    run.write(state("training"), metrics(1))
    shown = attach(kernel, run)
    other = kernel.start("import time\nfor n in range(4):\n    print('other', n)\n    time.sleep(0.4)")
    for step in range(2, 6):
        run.write(metrics(step), sample(step, f"answer {step}"))
        time.sleep(0.3)
    run.end(state("finished"))
    kernel.reply(other)
    kernel.wait(lambda: len(kernel.static_outputs(shown)) == 3)
    assert not kernel.of(other, "display_data", "error")
    assert "".join(message["content"]["text"] for message in kernel.of(other, "stream")) == (
        "other 0\nother 1\nother 2\nother 3\n"
    )


def test_finished_run_becomes_static_outputs_without_widgets(kernel: Kernel, write_run: WriteRun) -> None:
    run = write_run()
    run.write(state("training"), metrics(1, loss=4.0))
    cell = attach(kernel, run)
    run.write(*(metrics(step, loss=4.0 - step / 10) for step in range(2, 11)), sample(10, "<b>me & you</b>"))
    run.end(("checkpoint", {"step": 10, "path": "adapter", "kind": "result"}), state("finished"))
    static = kernel.wait(lambda: (found := kernel.static_outputs(cell)) and len(found) == 3 and found)
    data = {part: output["content"]["data"] for part, output in static.items()}
    assert all(WIDGET not in bundle and "<script" not in bundle["text/html"] for bundle in data.values())
    assert str(run.directory.adapter) in data["panel"]["text/html"]
    assert "4 → 3" in data["panel"]["text/plain"]
    assert data["chart"]["text/html"].startswith("<svg")
    assert len(data["chart"]["application/vnd.plotly.v1+json"]["data"][0]["x"]) == 10
    rows = data["chart"]["application/vnd.llmtune.chart+json"]["train"]
    assert rows["loss"] == [4.0, *(round(4.0 - step / 10, 1) for step in range(2, 11))]
    assert "&lt;b&gt;me &amp; you&lt;/b&gt;" in data["samples"]["text/html"]
    assert "<b>me & you</b>" in data["samples"]["text/plain"]


def test_a_prompt_with_a_system_turn_is_shown_with_all_its_roles(kernel: Kernel, write_run: WriteRun) -> None:
    run = write_run()
    prompt = [{"role": "system", "content": "Be <brief>."}, {"role": "user", "content": "Who?"}]
    run.write(state("training"), metrics(1))
    cell = attach(kernel, run)
    answers = [{"prompt": prompt, "answer": "me"}]
    run.end(
        ("sample", {"step": 1, "answers": answers}),
        ("sample", {"step": 1, "answers": answers, "request": "f00"}),
        state("finished"),
    )
    data = kernel.wait(lambda: kernel.static_outputs(cell).get("samples"))["content"]["data"]
    assert "system: Be <brief>.\nuser: Who?" in data["text/plain"]
    assert "system: Be &lt;brief&gt;.\nuser: Who?" in data["text/html"]
    assert data["text/html"].count("asked for") == 1


def test_a_page_that_reconnects_later_is_told_the_static_outputs(kernel: Kernel, write_run: WriteRun) -> None:
    run = write_run()
    run.write(state("training"), metrics(1))
    cell = attach(kernel, run)
    chart = chart_of(kernel, run)

    def snapshots() -> list[dict[str, Any]]:
        contents = [message["content"]["data"].get("content", {}) for message in kernel.comm_received(chart)]
        return [content for content in contents if content.get("type") == "snapshot"]

    run.end(state("finished"))
    kernel.wait(snapshots)
    kernel.comm_send(chart, {"method": "custom", "content": {"type": "replay"}})
    kernel.wait(lambda: len(snapshots()) == 2)
    tag = kernel.live_outputs(cell)["panel"]["content"]["metadata"]["llmtune"]
    assert snapshots()[1]["id"] == tag["id"]
    assert set(snapshots()[1]["outputs"]) == {"panel", "chart", "samples"}
    assert snapshots()[1] == snapshots()[0]


def test_a_failed_run_shows_the_mistake(kernel: Kernel, write_run: WriteRun) -> None:
    run = write_run()
    cell = attach(kernel, run)
    run.end(("error", {"what": "No <rows>.", "where": "data.train", "fix": "Add some."}), state("failed"))
    static = kernel.wait(lambda: kernel.static_outputs(cell).get("panel"))
    html = static["content"]["data"]["text/html"]
    assert "No &lt;rows&gt;." in html
    assert "--resume" not in html, "there is no checkpoint to continue from"
    assert "data.train" in html
    assert "Add some." in html


def test_a_worker_that_dies_shows_the_end_of_its_log_its_path_once_and_how_to_go_on(
    kernel: Kernel, write_run: WriteRun
) -> None:
    run = write_run()
    (run.directory.checkpoints / "step-000001").mkdir()
    run.write(state("training"), metrics(1))
    cell = attach(kernel, run)
    run.directory.log.write_text("one\nlast words\n")
    run.die()
    static = kernel.wait(lambda: kernel.static_outputs(cell).get("panel"))
    html = static["content"]["data"]["text/html"]
    assert "failed" in html
    assert "last words" in html
    assert html.count(str(run.directory.log)) == 1
    assert f"%finetune --resume {run.name}" in html


def test_buttons_reach_the_worker_while_a_cell_runs(kernel: Kernel, write_run: WriteRun) -> None:
    subshell = kernel.new_subshell()
    before = set(kernel.widgets("ButtonModel"))
    run = write_run()
    run.write(state("training"), metrics(1))
    attach(kernel, run)
    buttons = {
        state["description"]: comm
        for comm, state in kernel.widgets("ButtonModel").items()
        if comm not in before
    }
    busy = kernel.occupy()
    for description, command in (("Save", "save"), ("Sample now", "sample"), ("Pause", "pause")):
        kernel.comm_send(buttons[description], {"method": "custom", "content": {"event": "click"}}, subshell)
        assert run.next_order()["command"] == command
    run.write(state("paused"))

    def described() -> set[str]:
        updates = [
            message["content"]["data"].get("state", {}) for message in kernel.comm_received(buttons["Pause"])
        ]
        return {update["description"] for update in updates if "description" in update}

    kernel.wait(lambda: "Resume" in described())
    kernel.comm_send(buttons["Pause"], {"method": "custom", "content": {"event": "click"}}, subshell)
    assert run.next_order()["command"] == "resume"
    assert not kernel.is_idle(busy)
    kernel.release(busy)


def test_buttons_are_disabled_where_they_make_no_sense(kernel: Kernel, write_run: WriteRun) -> None:
    before = set(kernel.widgets("ButtonModel"))
    run = write_run(config="data: rows.jsonl")
    run.write(state("training"), metrics(1))
    attach(kernel, run)
    opened = {
        state["description"]: comm
        for comm, state in kernel.widgets("ButtonModel").items()
        if comm not in before
    }

    def disabled(description: str) -> bool:
        value = True
        for message in kernel.comm_received(opened[description]):
            value = message["content"]["data"].get("state", {}).get("disabled", value)
        return value

    kernel.wait(lambda: not disabled("Stop"))
    assert disabled("Sample now"), "there are no prompts to sample"
    run.write(state("stopping"))
    kernel.wait(lambda: disabled("Stop") and disabled("Pause") and disabled("Save"))


def test_a_tracked_run_shows_the_line_that_opens_tensorboard(kernel: Kernel, write_run: WriteRun) -> None:
    run = write_run(config="data: rows.jsonl\ntracking: tensorboard")
    run.write(state("training"), metrics(1))
    attach(kernel, run)
    values = [state["value"] for state in kernel.widgets("HTMLModel").values()]
    assert any(
        "%tensorboard --logdir" in value and str(run.directory.tensorboard) in value for value in values
    )


def test_a_run_that_is_over_is_shown_at_once(kernel: Kernel, write_run: WriteRun) -> None:
    run = write_run()
    run.end(state("training"), metrics(1), metrics(2), state("finished"))
    cell = attach(kernel, run)
    parts = kernel.live_outputs(cell)
    assert set(parts) == {"panel", "chart", "samples"}
    assert all(WIDGET not in output["content"]["data"] for output in parts.values())
