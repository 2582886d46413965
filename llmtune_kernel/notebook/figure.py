"""The static chart of a run: its rows for our labextension, a plotly figure and an SVG for pages without it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmtune_kernel.locale import _
from llmtune_kernel.notebook.curves import Curves, listed, plain, smoothed, thinned
from llmtune_kernel.notebook.measures import MeasureGroup, measure_groups, shown_name
from llmtune_kernel.runs.wording import learning_rate

_BLUE, _ORANGE, _GREEN = "#4c8dd6", "#e8853d", "#4aa564"
_GREY = "#8a8a8a"  # readable on a white and on a black page
_FAINT_BLUE = "rgba(76,141,214,0.15)"
_COLORS = (_BLUE, _ORANGE, _GREEN)  # of measures that are drawn together
_OUR_POINTS, _PLOTLY_POINTS, _MEASURE_POINTS, _SVG_POINTS = 2000, 1000, 300, 400
_PLOTLY_CONFIG = {
    "responsive": True,
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
}
_FEW_STEPS = 8  # so many have each a tick of its own
_LOWER_TOP = 0.25  # where the lower plot ends, as a share of the height


def llmtune_figure(curves: Curves, title: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """What the chart of the labextension draws of a run that is over; `chosen` is of the live chart before it."""
    rows = {"train": listed(curves.train, _OUR_POINTS), "eval": listed(curves.eval, _OUR_POINTS)}
    return {"title": title, **chosen, **rows}


def plotly_traces(curves: Curves, most: int) -> list[dict[str, Any]]:
    """Loss, learning rate, gradient norm and the measures of the objective; the upper plot shows what says most.

    Args:
        most: Points of a trace at most; a measure has fewer.
    """
    train = curves.train
    kept = thinned(train.count, most)
    steps, rates = plain(train.column("step")[kept]), plain(train.column("learning_rate")[kept])
    lower = {"type": "scatter", "mode": _mode(curves), "x": steps, "showlegend": False}
    groups = measure_groups(curves)
    shown = _shown(groups)
    return [
        *_group_traces(curves, groups[0], most, shown),
        {
            **lower,
            "name": _("Learning rate"),
            "y": rates,
            "line": {"color": _GREEN, "width": 1.5},
            "yaxis": "y3",
            "text": ["" if rate is None else learning_rate(rate) for rate in rates],
            "hovertemplate": "%{text}",
        },
        {
            **lower,
            "name": _("Gradient norm"),
            "y": plain(train.column("grad_norm")[kept]),
            "line": {"color": _GREY, "width": 1},
            "yaxis": "y2",
            "opacity": 0.6,
        },
        *(
            trace
            for group in groups[1:]
            for trace in _group_traces(curves, group, min(most, _MEASURE_POINTS), shown)
        ),
    ]


def _mode(curves: Curves) -> str:
    return "markers" if curves.train.count == 1 else "lines"  # one point alone makes no line


def _shown(groups: list[MeasureGroup]) -> MeasureGroup:
    name = shown_name([group.names[0] for group in groups])
    return next(group for group in groups if group.names[0] == name)


def _group_traces(
    curves: Curves, group: MeasureGroup, most: int, shown: MeasureGroup
) -> list[dict[str, Any]]:
    """Training raw and smoothed, and evaluation, of each measure; `meta` names the group that they belong to."""
    train, evaluation = curves.train, curves.eval
    kept, eval_kept = thinned(train.count, most), thinned(evaluation.count, most)
    alone = len(group.names) == 1
    shared = {"type": "scatter", "meta": group.names[0], "visible": group == shown}
    curve = {**shared, "mode": _mode(curves), "x": plain(train.column("step")[kept])}
    traces = _band(curves, group, kept, curve)
    for name, color in zip(group.names, _COLORS, strict=False):
        raw, trained, evaluated = _words(name)
        if name in train.columns:
            values = train.column(name)
            drawn = plain(values[kept]), plain(smoothed(values)[kept])
            faint = {"opacity": 0.35, "showlegend": False}
            traces += [
                {**curve, "name": raw, "y": drawn[0], "line": {"color": color, "width": 1}, **faint},
                {**curve, "name": trained, "y": drawn[1], "line": {"color": color, "width": 2}},
            ]
        if name in evaluation.columns:
            # Of one measure training and evaluation differ in colour; of several only the measures do.
            line = {"color": _ORANGE} if alone else {"color": color, "dash": "dash"}
            traces.append(
                {
                    **shared,
                    "mode": "lines+markers",
                    "name": evaluated,
                    "x": plain(evaluation.column("step")[eval_kept]),
                    "y": plain(evaluation.column(name)[eval_kept]),
                    "line": {**line, "width": 2},
                    "marker": {"color": line["color"], "size": 7, "symbol": "diamond"},
                    "showlegend": bool(np.isfinite(evaluation.column(name)).any()),
                }
            )
    return traces


def _band(
    curves: Curves, group: MeasureGroup, kept: NDArray[np.intp], curve: dict[str, Any]
) -> list[dict[str, Any]]:
    """What lies within a deviation of the smoothed values, if the run has one."""
    train = curves.train
    if group.spread not in train.columns or group.names[0] not in train.columns:
        return []
    mean, deviation = (smoothed(train.column(name)) for name in (group.names[0], group.spread))
    edge = {**curve, "line": {"width": 0}, "hoverinfo": "skip"}
    return [
        {**edge, "name": "", "y": plain((mean - deviation)[kept]), "showlegend": False},
        {
            **edge,
            "name": f"± {group.spread}",
            "y": plain((mean + deviation)[kept]),
            "fill": "tonexty",
            "fillcolor": _FAINT_BLUE,
        },
    ]


def _words(name: str) -> tuple[str, str, str]:
    """What training raw, training and evaluation of the loss or a measure are called."""
    if name == "loss":
        return _("Training loss, raw"), _("Training loss"), _("Evaluation loss")
    return _("{name}, raw", name=name), name, _("{name}, evaluation", name=name)


def plotly_layout(curves: Curves) -> dict[str, Any]:
    """Loss or measures above, learning rate and gradient norm below, as in the live chart.

    Buttons switch the scale of the upper plot; where the objective has measures, a list chooses what it shows.
    """
    groups = measure_groups(curves)
    axis = {"gridcolor": "rgba(138,138,138,0.25)", "zeroline": False, "automargin": True}
    measured = {**axis, "hoverformat": ".4~g"}
    small = {**measured, "nticks": 4, "rangemode": "tozero"}
    scale = [
        {"label": label, "method": "relayout", "args": [{"yaxis.type": kind}]}
        for label, kind in ((_("linear"), "linear"), (_("log"), "log"))
    ]
    captions = [(0, "left", _("Learning rate"), _GREEN), (1, "right", _("Gradient norm"), _GREY)]
    return {
        "height": 390,
        "margin": {"l": 48, "r": 48, "t": 58, "b": 36},  # room for the buttons of plotly above those of ours
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": _GREY},
        "hovermode": "x unified",
        "hoversubplots": "axis",
        "hoverlabel": {"namelength": -1},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": _GREY, "activecolor": _BLUE},
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1,
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        "annotations": [
            {
                "text": text,
                "font": {"color": color},
                "showarrow": False,
                "xref": "paper",
                "x": x,
                "xanchor": side,
                "yref": "paper",
                "y": _LOWER_TOP,
                "yanchor": "bottom",
            }
            for x, side, text, color in captions
        ],
        "xaxis": {
            **axis,
            "anchor": "y2",
            "title": {"text": _("Step"), "standoff": 4},
            "unifiedhovertitle": {"text": f"{_('Step')} %{{x}}"},
            "rangemode": "nonnegative",
        },
        "yaxis": {
            **measured,
            "domain": [_LOWER_TOP + 0.14, 1],
            "title": {"text": _shown(groups).title, "standoff": 4},
        },
        "yaxis2": {**small, "domain": [0, _LOWER_TOP], "side": "right", "showgrid": False},
        "yaxis3": {**small, "overlaying": "y2", "side": "left", "exponentformat": "e", "minexponent": 0},
        "updatemenus": [
            {
                "type": "buttons",
                "direction": "right",
                "buttons": scale,
                "showactive": False,  # its colour is for white pages
                "x": 1,
                "xanchor": "right",
                "y": 1,
                "yanchor": "bottom",
                "pad": {"t": 0, "b": 2, "l": 0, "r": 0},
                "font": {"size": 10},
                "borderwidth": 0,
                "bgcolor": "rgba(138,138,138,0.12)",
            },
            *_choice(curves, groups),
        ],
    }


def _choice(curves: Curves, groups: list[MeasureGroup]) -> list[dict[str, Any]]:
    """A list of what the upper plot can show, where there is more than the loss."""
    if len(groups) == 1:
        return []
    owners = [trace.get("meta") for trace in plotly_traces(curves, 1)]
    buttons = [
        {
            "label": group.title,
            "method": "update",
            "args": [
                {"visible": [owner in (None, group.names[0]) for owner in owners]},
                {"yaxis.title.text": group.title, "yaxis.type": "linear"},
            ],
        }
        for group in groups
    ]
    return [
        {
            "type": "dropdown",
            "buttons": buttons,
            "active": groups.index(_shown(groups)),
            "showactive": False,
            "x": 0,
            "xanchor": "left",
            "y": 1,
            "yanchor": "bottom",
            "pad": {"t": 0, "b": 26, "l": 0, "r": 0},  # above the legend
            "font": {"size": 10},
            "borderwidth": 1,
            "bordercolor": _GREY,
            "bgcolor": "rgba(138,138,138,0.12)",
        }
    ]


def plotly_figure(curves: Curves) -> dict[str, Any]:
    """A plotly figure of a run that is over."""
    layout = plotly_layout(curves)
    steps = curves.train.column("step")
    if (
        len(steps) and steps[-1] - steps[0] <= _FEW_STEPS
    ):  # left to itself, plotly sets half steps between them
        layout["xaxis"] |= {"tick0": 0, "dtick": 1}
    return {"data": plotly_traces(curves, _PLOTLY_POINTS), "layout": layout, "config": _PLOTLY_CONFIG}


def svg_chart(curves: Curves, title: str) -> str:
    """The loss, or the reward where there is one, as SVG: no scripts, the colour of the text around it, any width."""
    width, height, left, right, top, bottom = 720, 260, 56, 12, 28, 34
    train, evaluation = curves.train, curves.eval
    measured = shown_name([*train.columns, *evaluation.columns])
    kept = thinned(train.count, _SVG_POINTS)
    eval_kept = thinned(evaluation.count, _SVG_POINTS)
    lines = [
        (train.column("step")[kept], train.column(measured)[kept], _BLUE, 'stroke-opacity="0.35"'),
        (train.column("step")[kept], smoothed(train.column(measured))[kept], _BLUE, 'stroke-width="1.8"'),
        (
            evaluation.column("step")[eval_kept],
            evaluation.column(measured)[eval_kept],
            _ORANGE,
            'stroke-width="1.8"',
        ),
    ]
    x_low, x_high = _bounds([x for x, *_ in lines])
    y_low, y_high = _bounds([y for _, y, *_ in lines])

    def x_of(value: float) -> float:
        return round(left + (value - x_low) / (x_high - x_low) * (width - left - right), 1)

    def y_of(value: float) -> float:
        return round(top + (y_high - value) / (y_high - y_low) * (height - top - bottom), 1)

    parts = [
        f'<svg viewBox="0 0 {width} {height}" role="img" style="max-width:{width}px;width:100%;height:auto" '
        f'font-family="sans-serif" font-size="11" fill="currentColor">',
        f"<title>{escape(title)}</title>",
    ]
    for value in np.linspace(y_low, y_high, 5):
        y = y_of(value)
        parts.append(
            f'<line x1="{left}" x2="{width - right}" y1="{y}" y2="{y}" stroke="currentColor" stroke-opacity="0.15"/>'
            f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{value:.3g}</text>'
        )
    for value in np.linspace(x_low, x_high, 6):
        parts.append(f'<text x="{x_of(value)}" y="{height - 16}" text-anchor="middle">{value:.0f}</text>')
    for xs, ys, color, more in lines:
        points = [(x_of(a), y_of(b)) for a, b in zip(xs, ys, strict=True) if np.isfinite(b)]
        if len(points) == 1:
            parts.append('<circle cx="{}" cy="{}" r="3" fill="{}"/>'.format(*points[0], color))
        drawn = " ".join(f"{x},{y}" for x, y in points)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{color}" {more}/>')
    _raw, training, evaluated = _words(measured)
    parts.append(f'<text x="{left}" y="16" fill="{_BLUE}">{escape(training)}</text>')
    if evaluation.count:
        beside = left + max(84, round(6.4 * len(training)))
        parts.append(f'<text x="{beside}" y="16" fill="{_ORANGE}">{escape(evaluated)}</text>')
    step = escape(_("Step"))
    parts.append(f'<text x="{width - right}" y="{height - 2}" text-anchor="end">{step}</text></svg>')
    return "".join(parts)


def histogram_svg(edges: list[float], counts: list[int], label: str) -> str:
    """Bars as SVG: no scripts, the colour of the text around it."""
    width, height, base = 560, 160, 132
    highest = max(counts, default=0) or 1
    step = (width - 20) / max(len(counts), 1)
    bars = "".join(
        f'<rect x="{10 + index * step:.1f}" y="{base - count / highest * 112:.1f}" width="{max(step - 1.5, 1):.1f}" '
        f'height="{count / highest * 112:.1f}" fill="{_BLUE}"><title>{_bar_title(low, high, count)}</title></rect>'
        for index, ((low, high), count) in enumerate(zip(itertools.pairwise(edges), counts, strict=True))
    )
    last = f'<text x="{width - 10}" y="146" text-anchor="end">{edges[-1]:g}</text>'
    ends = f'<text x="10" y="146">{edges[0]:g}</text>{last}'
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" style="max-width:{width}px;width:100%;height:auto" '
        f'font-family="sans-serif" font-size="11" fill="currentColor">{bars}{ends}'
        f'<text x="{width / 2}" y="157" text-anchor="middle">{escape(label)}</text></svg>'
    )


def _bar_title(low: float, high: float, count: int) -> str:
    return escape(_("{low:g} to {high:g}: {count}", low=low, high=high, count=count))


def histogram_figure(edges: list[float], counts: list[int], label: str) -> dict[str, Any]:
    """The same bars as a plotly figure."""
    centres = [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    widths = [high - low for low, high in itertools.pairwise(edges)]
    return {
        "data": [{"type": "bar", "x": centres, "y": counts, "width": widths, "marker": {"color": _BLUE}}],
        "layout": {
            "height": 240,
            "margin": {"l": 50, "r": 20, "t": 20, "b": 40},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"color": _GREY},
            "bargap": 0.05,
            "xaxis": {"title": {"text": label}},
            "yaxis": {"title": {"text": _("rows")}, "gridcolor": "rgba(138,138,138,0.25)"},
        },
    }


def _bounds(series: list[NDArray[np.float32]]) -> tuple[float, float]:
    values = np.concatenate(series)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)
