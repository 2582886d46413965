"""HTML of what a run shows: every word of a model, a data set or a user is escaped. No scripts, no style sheets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from llmtune_kernel.locale import _
from llmtune_kernel.notebook.progress import LogLine, Progress
from llmtune_kernel.runs.events import Error, Evaluation, Message, Sample
from llmtune_kernel.runs.wording import (
    clock,
    duration,
    learning_rate,
    number,
    size,
    spoken,
    state_name,
    watched,
)

STATE_COLORS = {
    "queued": "#8a8a8a",
    "loading": "#4c8dd6",
    "training": "#4c8dd6",
    "pausing": "#d9a441",
    "paused": "#d9a441",
    "stopping": "#d9a441",
    "finished": "#4aa564",
    "stopped": "#d9a441",
    "failed": "#d65c5c",
}
_LINE = (
    "border-bottom:1px solid rgba(138,138,138,0.3);padding:4px 12px 4px 0;vertical-align:top;text-align:left"
)
_TEXT = "white-space:pre-wrap;overflow-wrap:anywhere"


def state_line(progress: Progress, note: str = "") -> str:
    """Name, state and what the run is doing."""
    color = STATE_COLORS[progress.state]
    detail = note or ("" if progress.error else progress.detail)
    return (
        f'<b>{escape(progress.name)}</b> <span style="color:{color}">●</span> {escape(state_name(progress.state))}'
        + (f' <span style="opacity:0.75">· {escape(detail)}</span>' if detail else "")
    )


def progress_line(progress: Progress) -> str:
    """Steps, epoch and time left, for beside the bar."""
    metrics = progress.metrics
    if metrics is None:
        return ""
    line = _(
        "step {step:,} of {steps:,} · epoch {epoch:.2f}",
        step=metrics.step,
        steps=metrics.max_steps,
        epoch=metrics.epoch,
    )
    left = "" if progress.over else " · " + _("{time} left", time=duration(metrics.eta))
    return line + left


def measures(progress: Progress) -> list[tuple[str, str]]:
    """Names and values of the latest measures."""
    metrics, evaluation = progress.metrics, progress.evaluation
    if metrics is None:
        return []
    rows = [(_("train loss"), number(metrics.loss))]
    rows += watched(metrics.measures)
    if evaluation is not None:
        rows += [
            (name, _("{loss} (step {step:,})", loss=value, step=evaluation.step))
            for name, value in evaluated(evaluation)[:1]
        ]
    return [
        *rows,
        (_("learning rate"), learning_rate(metrics.learning_rate)),
        (_("tokens/s"), f"{metrics.tokens_per_second:,.0f}"),
        (_("memory"), size(metrics.memory)),
    ]


def evaluated(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Names and values of an evaluation, the loss first where there is one."""
    rows = [(_("eval {name}", name=name), value) for name, value in watched(evaluation.measures)]
    if evaluation.loss is None and rows:  # answers that nobody learns from have none
        return rows
    return [(_("eval loss"), number(evaluation.loss)), *rows]


def measures_line(progress: Progress) -> str:
    """The latest measures on one line."""
    return " &nbsp; ".join(
        f'<span style="opacity:0.7">{name}</span> {value}' for name, value in measures(progress)
    )


def table(rows: Iterable[Sequence[str]], header: Sequence[str] = (), *, alike: bool = False) -> str:
    """A plain table; the cells are HTML.

    Args:
        alike: Whether the columns are of the same width, and together as wide as the output.
    """
    width = f";table-layout:fixed;width:100%;min-width:{9 * len(header)}em" if alike else ""
    head = "".join(f'<th style="{_LINE}">{escape(name)}</th>' for name in header)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_LINE}">{cell}</td>' for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<table style="border-collapse:collapse;font-size:inherit{width}">'
        + (f"<thead><tr>{head}</tr></thead>" if header else "")
        + f"<tbody>{body}</tbody></table>"
    )


def text_block(text: str, *, faint: bool = False) -> str:
    """Text with its line breaks."""
    return f'<div style="{_TEXT}{";opacity:0.7" if faint else ""}">{escape(text)}</div>'


def prompt_text(prompt: Sequence[Message]) -> str:
    """A prompt as one text, a turn a line."""
    return "\n".join(spoken(prompt))


def sample_block(sample: Sample) -> str:
    """Prompts and answers of one step."""
    rows = [
        (text_block(prompt_text(answer.prompt), faint=True), text_block(answer.answer))
        for answer in sample.answers
    ]
    step = f"<b>{escape(_('step {step:,}', step=sample.step))}</b>"
    asked = f" · {escape(_('asked for'))}" if sample.request else ""
    return f'<div style="margin:4px 0">{step}{asked}{table(rows)}</div>'


def log_block(lines: Iterable[LogLine]) -> str:
    """Lines of the log; warnings stand out."""
    return "".join(
        f'<div style="font-family:monospace;{_TEXT}{";color:#d9a441" if line.level == "warning" else ""}">'
        f"{clock(line.time)} {escape(line.message)}</div>"
        for line in lines
    )


def error_block(error: Error) -> str:
    """What went wrong, where, and how to mend it; for a fault the end of the worker's log and its path."""
    parts = [f"<b>{escape(error.what)}</b>"]
    if error.where:
        parts.append(_("where: {where}", where=escape(error.where)))
    if error.fix:
        parts.append(_("fix: {fix}", fix=escape(error.fix)))
    if error.tail:
        tail = escape("\n".join(error.tail))
        parts.append(f'<pre style="margin:4px 0;white-space:pre-wrap;font-size:90%">{tail}</pre>')
    if error.log:
        parts.append(_("log: {path}", path=f"<code>{escape(error.log)}</code>"))
    return (
        '<div style="border-left:3px solid #d65c5c;padding:2px 10px;margin:6px 0">'
        + "<br>".join(parts)
        + "</div>"
    )
