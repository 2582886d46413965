"""The live loss chart: the widget of our labextension, and the plotly widget that takes its place without it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any, Protocol

import ipywidgets  # type: ignore[import-untyped]
from traitlets import Bool, Float, Int, Unicode

from llmtune_kernel.notebook.curves import Curves, Row, Table, TableName
from llmtune_kernel.notebook.figure import plotly_layout, plotly_traces
from llmtune_kernel.notebook.protocol import ChartAppend, ChartReset, ChartSnapshot

_MODULE = "jupyterlab-llmtune"
_VALUES_A_MESSAGE = 200_000


class Chart(Protocol):
    """What the display asks of a chart."""

    widget: ipywidgets.Widget
    curves: Curves

    @property
    def chosen(self) -> dict[str, Any]:
        """What the user chose above it."""

    def append_train(self, rows: Sequence[Row]) -> None:
        """Add rows of logged steps, such as `train_row` makes."""

    def append_eval(self, rows: Sequence[Row]) -> None:
        """Add rows of evaluations, such as `eval_row` makes."""


class LossChart(ipywidgets.DOMWidget):  # type: ignore[misc]
    """The chart of the labextension. Rows travel once, as float32; a page that asks gets them again."""

    _model_name = Unicode("LossChartModel").tag(sync=True)
    _view_name = Unicode("LossChartView").tag(sync=True)
    _model_module = Unicode(_MODULE).tag(sync=True)
    _view_module = Unicode(_MODULE).tag(sync=True)
    # The page may have another version than this kernel; the messages are what has to agree.
    _model_module_version = Unicode("*").tag(sync=True)
    _view_module_version = Unicode("*").tag(sync=True)
    title = Unicode("").tag(sync=True)
    # None: as the settings of the page have it.
    log_scale = Bool(None, allow_none=True).tag(sync=True)
    smoothing = Float(None, allow_none=True).tag(sync=True)
    # Which measures stand in the place of the loss; None: those that are seen first.
    show = Unicode(None, allow_none=True).tag(sync=True)
    height = Int(320).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self.curves = Curves()
        self._snapshot: ChartSnapshot | None = None
        self._sending = threading.RLock()  # the page's questions come on other threads than the rows
        super().__init__(**traits)
        self.on_msg(self._answer)

    @property
    def widget(self) -> ipywidgets.Widget:
        """The widget to place: itself."""
        return self

    @property
    def chosen(self) -> dict[str, Any]:
        """What the user chose above it: `log_scale`, `smoothing`, `show`."""
        choices = {"log_scale": self.log_scale, "smoothing": self.smoothing, "show": self.show}
        return {name: value for name, value in choices.items() if value is not None}

    def append_train(self, rows: Sequence[Row]) -> None:
        """Add rows of logged steps, such as `train_row` makes."""
        self._append(self.curves.train, "train", rows)

    def append_eval(self, rows: Sequence[Row]) -> None:
        """Add rows of evaluations, such as `eval_row` makes."""
        self._append(self.curves.eval, "eval", rows)

    def send_snapshot(self, snapshot: ChartSnapshot) -> None:
        """Tell the page what the outputs of the run have become; told again to every page that asks later."""
        with self._sending:
            self._snapshot = snapshot
            self.send(snapshot.model_dump())

    def _append(self, table: Table, name: TableName, rows: Sequence[Row]) -> None:
        with self._sending:
            before = table.count
            first = table.add(rows)
            if first < before:
                self._send_everything(reset=True)
            else:
                self._send_rows(table, name, first)

    def _send_rows(self, table: Table, name: TableName, start: int) -> None:
        rows = _VALUES_A_MESSAGE // len(table.columns)
        for begin in range(start, table.count, rows):
            end = min(begin + rows, table.count)
            message = ChartAppend(table=name, start=begin, count=end - begin, columns=table.columns)
            self.send(message.model_dump(), [table.buffer(begin, end)])

    def _send_everything(self, *, reset: bool = False) -> None:
        if reset:
            self.send(ChartReset().model_dump())
        self._send_rows(self.curves.train, "train", 0)
        self._send_rows(self.curves.eval, "eval", 0)

    def _answer(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        if content.get("type") != "replay":
            return
        with self._sending:
            self._send_everything()
            if self._snapshot is not None:
                self.send(self._snapshot.model_dump())


class PlotlyChart:
    """The chart where our labextension is absent: a plotly FigureWidget, redrawn every two seconds at most.

    Raises:
        ImportError: the kernel has no anywidget, which plotly's widget needs.
    """

    least_seconds = 2.0
    most_points = 2000

    def __init__(self, curves: Curves) -> None:
        from plotly.graph_objects import FigureWidget  # type: ignore[import-untyped]

        self.curves = curves
        self.widget = FigureWidget(data=plotly_traces(curves, self.most_points), layout=plotly_layout(curves))
        self._drawn = time.monotonic()

    @property
    def chosen(self) -> dict[str, Any]:
        """Nothing that the kernel knows of."""
        return {}

    def append_train(self, rows: Sequence[Row]) -> None:
        """Add rows of logged steps, such as `train_row` makes."""
        self.curves.train.add(rows)
        self._draw()

    def append_eval(self, rows: Sequence[Row]) -> None:
        """Add rows of evaluations, such as `eval_row` makes."""
        self.curves.eval.add(rows)
        self._draw()

    def _draw(self) -> None:
        if time.monotonic() - self._drawn < self.least_seconds:
            return
        self._drawn = time.monotonic()
        traces = plotly_traces(self.curves, self.most_points)
        if len(traces) != len(self.widget.data):  # the first rows tell what the objective measures
            self.widget.data = []
            self.widget.add_traces(traces)
            self.widget.layout = plotly_layout(self.curves)
            return
        with self.widget.batch_update():
            for trace, new in zip(self.widget.data, traces, strict=True):
                trace.x, trace.y, trace.showlegend = new["x"], new["y"], new.get("showlegend")
