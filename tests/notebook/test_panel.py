"""The widgets of the live panel."""

from __future__ import annotations

from collections.abc import Iterator

import ipywidgets as w  # type: ignore[import-untyped]
import pytest

from llmtune_kernel.notebook.panel import Panel
from llmtune_kernel.notebook.progress import LogLine
from llmtune_kernel.runs.events import Sample


@pytest.fixture
def chart() -> Iterator[w.Widget]:
    chart = w.HTML()
    yield chart
    w.Widget.close_all()


def test_a_panel_that_is_closed_leaves_nothing_to_a_page_that_asks_for_all_widgets(chart: w.Widget) -> None:
    before = set(w.Widget.get_manager_state()["state"])
    answers = [{"prompt": [{"role": "user", "content": "Hi"}], "answer": "Hello."}]
    for samples in ([], [Sample.model_validate({"step": 1, "answers": answers})]):
        panel = Panel(chart, lambda command: None, can_sample=True, tensorboard="%tensorboard")
        panel.add_samples(samples)
        panel.add_log([LogLine(0.0, "info", "Done.")] * bool(samples))
        panel.close()
        assert set(w.Widget.get_manager_state()["state"]) == before
