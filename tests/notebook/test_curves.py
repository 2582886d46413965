"""The numbers of the chart and the static figures made of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtune_kernel.notebook.chart import PlotlyChart
from llmtune_kernel.notebook.curves import EVAL_COLUMNS, Curves, Table, smoothed, thinned
from llmtune_kernel.notebook.display import update_interval
from llmtune_kernel.notebook.figure import histogram_svg, llmtune_figure, plotly_figure, svg_chart


def curves(count: int) -> Curves:
    made = Curves()
    made.train.add([(step, 3.0 / step, 1e-4, None) for step in range(1, count + 1)])
    made.eval.add([(count, 1.5)])
    return made


@given(st.lists(st.integers(1, 60), max_size=200))
def test_a_table_keeps_the_last_row_of_each_step_in_ascending_order(steps: list[int]) -> None:
    table = Table(EVAL_COLUMNS)
    kept: dict[int, float] = {}
    for number, step in enumerate(steps):
        first = table.add([(step, float(number))])
        kept = {other: value for other, value in kept.items() if other < step}
        assert first == len(kept)
        kept[step] = float(number)
    assert table.column("step").tolist() == list(kept)
    assert table.column("loss").tolist() == list(kept.values())


def test_a_buffer_holds_column_after_column() -> None:
    table = Table(EVAL_COLUMNS)
    table.add([(step, step / 2) for step in range(1, 1001)])
    values = np.frombuffer(table.buffer(10, 13), np.float32).reshape(2, 3)
    assert values.tolist() == [[11, 12, 13], [5.5, 6, 6.5]]


def test_smoothing_starts_at_the_first_value_and_passes_missing_ones_over() -> None:
    values = np.array([4, np.nan, 4, 2], np.float32)
    result = smoothed(values, 0.5)
    np.testing.assert_allclose(result[[0, 2]], 4)
    assert np.isnan(result[1])
    assert 2 < result[3] < 4


@given(st.integers(1, 5000), st.integers(2, 300))
def test_thinning_keeps_both_ends_within_the_bound(count: int, most: int) -> None:
    kept = thinned(count, most)
    assert len(kept) <= most
    assert kept[0] == 0
    assert kept[-1] == count - 1


def test_static_chart_of_a_long_run_is_bounded() -> None:
    made = curves(10_000)
    figure = plotly_figure(made)
    assert all(len(trace["x"]) <= 1000 for trace in figure["data"])
    assert figure["data"][0]["x"][-1] == 10_000
    assert len(svg_chart(made, "run")) < 30_000


def test_static_chart_tells_steps_beyond_a_million_apart() -> None:
    made = Curves()
    made.train.add([(step, 1.0, 1e-4, None) for step in (1_234_566, 1_234_567)])
    assert llmtune_figure(made, "run", {})["train"]["step"] == [1_234_566, 1_234_567]
    assert plotly_figure(made)["data"][0]["x"] == [1_234_566, 1_234_567]


def test_static_chart_writes_the_learning_rate_as_the_panel_does() -> None:
    made = Curves()
    made.train.add([(1, 2.0, 8.6e-5, None), (2, 2.0, 0, None)])
    rate = next(trace for trace in plotly_figure(made)["data"] if trace.get("yaxis") == "y3")
    assert rate["text"] == ["8.6e-5", "0"]


@pytest.mark.parametrize(("steps", "tick"), [(1, 1), (4, 1), (500, None)])
def test_a_few_steps_have_whole_steps_on_their_axis(steps: int, tick: int | None) -> None:
    assert plotly_figure(curves(steps))["layout"]["xaxis"].get("dtick") == tick


@pytest.mark.parametrize("loss", [None, 2.0])
def test_static_chart_bears_a_loss_that_never_changes_or_never_was(loss: float | None) -> None:
    made = Curves()
    made.train.add([(1, loss, 1e-4, None)])
    assert "nan" not in svg_chart(made, "run")
    assert plotly_figure(made)["data"][0]["y"] == [loss]


def test_svg_escapes_its_title_and_runs_nothing() -> None:
    svg = svg_chart(curves(3), "<script>alert(1)</script>")
    assert "<script" not in svg
    assert histogram_svg([1, 2, 3], [4, 0], "<b>").count("<rect") == 2


def test_plotly_widget_is_bounded_and_redrawn_seldom() -> None:
    chart = PlotlyChart(Curves())
    chart.least_seconds = 1e9
    chart.append_train([(1, 2.0, 1e-4, None)])
    assert not chart.widget.data[0].x
    chart.least_seconds = 0
    chart.append_train([(step, 3.0 / step, 1e-4, None) for step in range(1, 10_001)])
    assert all(len(trace.x) <= 2000 for trace in chart.widget.data if trace.x is not None)
    assert chart.widget.data[0].x[-1] == 10_000


@pytest.mark.parametrize(("hours", "most"), [(0.01, 120), (3, 700), (24, 3500)])
def test_a_long_run_is_updated_seldom_and_never_more_than_four_times_a_second(
    hours: float, most: int
) -> None:
    elapsed, updates = 0.0, 0
    while elapsed < hours * 3600:
        assert update_interval(elapsed) >= 0.25
        elapsed, updates = elapsed + update_interval(elapsed), updates + 1
    assert updates <= most
