"""The numbers of the chart and the static figures made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plotly.graph_objects import Figure  # type: ignore[import-untyped]

from llmtune_kernel.notebook.chart import PlotlyChart
from llmtune_kernel.notebook.curves import EVAL_COLUMNS, TRAIN_COLUMNS, Curves, Row, Table, smoothed, thinned
from llmtune_kernel.notebook.display import update_interval
from llmtune_kernel.notebook.figure import histogram_svg, llmtune_figure, plotly_figure, svg_chart


def train_rows(rows: list[tuple[float | None, ...]]) -> list[Row]:
    return [dict(zip(TRAIN_COLUMNS, row, strict=True)) for row in rows]


def curves(count: int) -> Curves:
    made = Curves()
    made.train.add(train_rows([(step, 3.0 / step, 1e-4, None) for step in range(1, count + 1)]))
    made.eval.add([{"step": count, "loss": 1.5}])
    return made


@given(st.lists(st.integers(1, 60), max_size=200))
def test_a_table_keeps_the_last_row_of_each_step_in_ascending_order(steps: list[int]) -> None:
    table = Table(EVAL_COLUMNS)
    kept: dict[int, float] = {}
    for number, step in enumerate(steps):
        first = table.add([{"step": step, "loss": float(number)}])
        kept = {other: value for other, value in kept.items() if other < step}
        assert first == len(kept)
        kept[step] = float(number)
    assert table.column("step").tolist() == list(kept)
    assert table.column("loss").tolist() == list(kept.values())


def test_a_buffer_holds_column_after_column() -> None:
    table = Table(EVAL_COLUMNS)
    table.add([{"step": step, "loss": step / 2} for step in range(1, 1001)])
    values = np.frombuffer(table.buffer(10, 13), np.float32).reshape(2, 3)
    assert values.tolist() == [[11, 12, 13], [5.5, 6, 6.5]]


def test_a_measure_that_comes_later_is_missing_in_the_rows_before() -> None:
    table = Table(EVAL_COLUMNS)
    table.add([{"step": 1, "loss": 2.0}])
    table.add([{"step": 2, "loss": None, "kl": 0.5}, {"step": 3, "kl": 0.25}])
    assert table.columns == ["step", "loss", "kl"]
    np.testing.assert_equal(table.column("kl"), [np.nan, 0.5, 0.25])
    np.testing.assert_equal(table.column("loss"), [2, np.nan, np.nan])
    assert len(table.buffer(1, 3)) == 3 * 2 * 4


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
    made.train.add(train_rows([(step, 1.0, 1e-4, None) for step in (1_234_566, 1_234_567)]))
    assert llmtune_figure(made, "run", {})["train"]["step"] == [1_234_566, 1_234_567]
    assert plotly_figure(made)["data"][0]["x"] == [1_234_566, 1_234_567]


def test_static_chart_writes_the_learning_rate_as_the_panel_does() -> None:
    made = Curves()
    made.train.add(train_rows([(1, 2.0, 8.6e-5, None), (2, 2.0, 0, None)]))
    rate = next(trace for trace in plotly_figure(made)["data"] if trace.get("yaxis") == "y3")
    assert rate["text"] == ["8.6e-5", "0"]


@pytest.mark.parametrize(("steps", "tick"), [(1, 1), (4, 1), (500, None)])
def test_a_few_steps_have_whole_steps_on_their_axis(steps: int, tick: int | None) -> None:
    assert plotly_figure(curves(steps))["layout"]["xaxis"].get("dtick") == tick


@pytest.mark.parametrize("loss", [None, 2.0])
def test_static_chart_bears_a_loss_that_never_changes_or_never_was(loss: float | None) -> None:
    made = Curves()
    made.train.add(train_rows([(1, loss, 1e-4, None)]))
    assert "nan" not in svg_chart(made, "run")
    assert plotly_figure(made)["data"][0]["y"] == [loss]


def measured(names: list[str], count: int = 3) -> Curves:
    made = Curves()
    made.train.add([{"step": step, "loss": 2.0, **dict.fromkeys(names, 0.5)} for step in range(1, count + 1)])
    made.eval.add([{"step": count, "loss": None, **dict.fromkeys(names, 0.75)}])
    return made


def visible(traces: list[dict[str, Any]]) -> list[str]:
    return [trace["name"] for trace in traces if trace.get("visible", True) and "yaxis" not in trace]


def test_static_chart_offers_what_the_objective_measures() -> None:
    figure = plotly_figure(measured(["rewards/chosen", "rewards/rejected", "rewards/accuracies", "novelty"]))
    assert visible(figure["data"]) == ["Training loss, raw", "Training loss", "Evaluation loss"]
    *_scale, choice = figure["layout"]["updatemenus"]
    assert [button["label"] for button in choice["buttons"]] == ["Loss", "Rewards", "Accuracy", "novelty"]
    restyle, relayout = choice["buttons"][1]["args"]
    assert relayout["yaxis.title.text"] == "Rewards"
    shown = [trace for trace, seen in zip(figure["data"], restyle["visible"], strict=True) if seen]
    assert [trace["name"] for trace in shown if trace.get("showlegend", True)] == [
        "rewards/chosen",
        "rewards/chosen, evaluation",
        "rewards/rejected",
        "rewards/rejected, evaluation",
    ]
    assert {trace.get("yaxis") for trace in shown} == {None, "y2", "y3"}


def test_static_chart_without_measures_offers_nothing() -> None:
    assert [menu["type"] for menu in plotly_figure(curves(3))["layout"]["updatemenus"]] == ["buttons"]


def test_static_chart_of_rewarded_answers_begins_with_the_reward() -> None:
    made = measured(["reward", "reward_std", "kl"])
    figure = plotly_figure(made)
    assert visible(figure["data"])[1:] == [
        "± reward_std",
        "reward, raw",
        "reward",
        "reward, evaluation",
    ]
    choice = figure["layout"]["updatemenus"][-1]
    assert choice["buttons"][choice["active"]]["label"] == "Reward"
    assert ">reward</text>" in svg_chart(made, "run")


def test_static_figure_is_what_plotly_takes() -> None:
    figure = plotly_figure(measured(["reward", "reward_std", "kl"]))
    taken = Figure(data=figure["data"], layout=figure["layout"])
    assert [trace.name for trace in taken.data] == [trace.get("name") for trace in figure["data"]]
    assert len(taken.layout.updatemenus) == len(figure["layout"]["updatemenus"])


def test_svg_escapes_its_title_and_runs_nothing() -> None:
    svg = svg_chart(curves(3), "<script>alert(1)</script>")
    assert "<script" not in svg
    assert histogram_svg([1, 2, 3], [4, 0], "<b>").count("<rect") == 2


def test_plotly_widget_is_bounded_and_redrawn_seldom() -> None:
    chart = PlotlyChart(Curves())
    chart.least_seconds = 1e9
    chart.append_train(train_rows([(1, 2.0, 1e-4, None)]))
    assert not chart.widget.data[0].x
    chart.least_seconds = 0
    chart.append_train(train_rows([(step, 3.0 / step, 1e-4, None) for step in range(1, 10_001)]))
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


def test_plotly_widget_takes_measures_in_when_the_first_rows_come() -> None:
    chart = PlotlyChart(Curves())
    chart.least_seconds = 0
    rows = [{"step": step, "loss": 1.0, "reward": step / 2, "kl": 0.1} for step in (1, 2, 3)]
    chart.append_train(rows[:2])
    assert len(chart.widget.layout.updatemenus) == 2
    chart.append_train(rows[2:])
    [reward] = [trace for trace in chart.widget.data if trace.name == "reward, raw"]
    assert reward.visible
    assert list(reward.y) == [0.5, 1, 1.5]
