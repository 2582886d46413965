"""What depends on the page: whether it has our extension, and what is left without any page."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from real_kernel import Kernel, WrittenRun, metrics, sample, state

WriteRun = Callable[..., WrittenRun]
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def fresh_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    """A kernel of its own, for tests that change what it knows of its page."""
    monkeypatch.setenv("LLMTUNE_HOME", str(tmp_path / "runs"))
    kernel = Kernel(tmp_path)
    kernel.run("%load_ext llmtune_kernel")
    yield kernel
    kernel.shutdown()


def hello(kernel: Kernel) -> str:
    """Comm with which the kernel asked the page for the extension."""
    [opened] = [
        message["content"]["comm_id"]
        for message in kernel.messages
        if message["msg_type"] == "comm_open" and message["content"]["target_name"] == "llmtune.hello"
    ]
    return str(opened)


def figures(kernel: Kernel) -> list[dict[str, Any]]:
    return [
        state
        for state in kernel.widgets("AnyModel").values()
        if "plotly" in str(state.get("_anywidget_id", "")).lower()
    ]


def test_a_page_without_the_extension_gets_a_plotly_widget_in_place_of_the_chart(
    fresh_kernel: Kernel,
) -> None:
    kernel = fresh_kernel
    run = WrittenRun("plain")
    run.write(state("training"), metrics(1), metrics(2))
    cell = kernel.run("%attach plain")
    [chart] = kernel.widgets("LossChartModel")
    assert not figures(kernel)
    kernel.comm_close(hello(kernel))
    kernel.wait(lambda: figures(kernel))
    kernel.wait(lambda: kernel.comm_received(chart, "comm_close"))
    run.end(state("finished"))
    kernel.wait(lambda: len(kernel.static_outputs(cell)) == 3)
    assert not kernel.of(cell, "stream", "error")


def test_a_page_with_the_extension_keeps_our_chart_when_it_goes(fresh_kernel: Kernel) -> None:
    kernel = fresh_kernel
    kernel.comm_send(hello(kernel), {"type": "hello", "version": "0.1.0"})
    kernel.comm_close(hello(kernel))
    run = WrittenRun("rich")
    run.write(state("training"), metrics(1))
    cell = kernel.run("%attach rich")
    run.end(metrics(2), state("finished"))
    kernel.wait(lambda: len(kernel.static_outputs(cell)) == 3)
    assert not figures(kernel)


def test_a_kernel_with_a_live_display_and_subscribers_ends_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMTUNE_HOME", str(tmp_path / "runs"))
    kernel = Kernel(tmp_path)
    kernel.run("%load_ext llmtune_kernel")
    run = WrittenRun("lasting")
    run.write(state("training"), metrics(1))
    kernel.run("%attach lasting")
    page = kernel.comm_open("llmtune", {})
    kernel.ask(page, "subscribe", {"run": "lasting", "offset": 0})
    assert kernel.shutdown() == 0
    assert run.directory.alive
    run.end(state("stopped"))


def test_executed_notebook_shows_the_result_without_kernel_and_extension(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMTUNE_HOME", str(tmp_path / "runs"))
    run = WrittenRun("kept")
    run.write(state("training"), metrics(1, loss=4.0))
    notebook = nbformat.v4.new_notebook()
    cells = [
        "%load_ext llmtune_kernel",
        "%attach kept",
        "from pathlib import Path\nPath('waiting').touch()\nkept.wait()\nimport threading\n"
        "[thread.join() for thread in threading.enumerate() if thread.name == 'llmtune-display-kept']",
    ]
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]

    client = NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}, kernel_name="python3")

    def end_the_run() -> None:
        # While a cell runs: a program that runs notebooks hears nothing between two cells.
        while not (tmp_path / "waiting").exists():
            time.sleep(0.05)
        run.end(metrics(2, loss=3.0), sample(2, "<i>Aye</i>"), state("finished"))

    ending = threading.Thread(target=end_the_run, daemon=True)
    ending.start()
    client.execute()
    ending.join()
    outputs = notebook.cells[1].outputs
    assert [output.metadata["llmtune"]["part"] for output in outputs] == ["panel", "chart", "samples"]
    assert all(WIDGET not in output.data for output in outputs)
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert "4 → 3" in page
    assert "<polyline" in page
    assert "&lt;i&gt;Aye&lt;/i&gt;" in page


def test_importing_the_package_pulls_in_nothing_heavy() -> None:
    code = (
        "import sys, llmtune_kernel; heavy = {'torch', 'transformers', 'pandas', 'plotly', 'ipywidgets', 'pyarrow'};"
        "print(heavy & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


def test_the_kernel_never_imports_torch(kernel: Kernel, write_run: WriteRun) -> None:
    run = write_run()
    run.write(state("training"), metrics(1))
    kernel.run(f"%attach {run.name}")
    assert kernel.text(
        kernel.run("import sys; print('torch' in sys.modules, 'transformers' in sys.modules)")
    ).strip() == ("False False")
