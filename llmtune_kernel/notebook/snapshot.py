"""What stays in the notebook when a run is over: static outputs that need neither kernel nor extension."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from llmtune_kernel.locale import _, _n
from llmtune_kernel.notebook import markup
from llmtune_kernel.notebook.curves import Curves
from llmtune_kernel.notebook.figure import llmtune_figure, plotly_figure, svg_chart
from llmtune_kernel.notebook.measures import shown_name
from llmtune_kernel.notebook.progress import Progress
from llmtune_kernel.notebook.protocol import StaticOutput
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Sample
from llmtune_kernel.runs.wording import duration, number, state_name, watched

Bundle = dict[str, Any]
_CHART_TYPE = "application/vnd.llmtune.chart+json"
_NOTHING: Bundle = {"text/html": "<span></span>", "text/plain": ""}


def tagged_outputs(
    progress: Progress,
    curves: Curves,
    directory: RunDirectory,
    display: str,
    chosen: Mapping[str, Any] | None = None,
) -> dict[str, StaticOutput]:
    """For each output of the display what it becomes, with what tells the page which output that is.

    Args:
        display: The id of the display.
        chosen: What the user chose above the live chart.
    """
    bundles = {
        "panel": _panel(progress, directory),
        "chart": _chart(curves, progress, chosen or {}),
        "samples": _samples(progress),
    }
    return {
        part: StaticOutput(data=bundle, metadata=output_metadata(progress, display, part))
        for part, bundle in bundles.items()
    }


def output_metadata(progress: Progress, display: str, part: str) -> dict[str, Any]:
    """What an output carries: whose it is, and whether it has to be kept up to date."""
    live = {} if progress.over else {"live": True}
    return {
        "llmtune": {"id": display, "part": part, "run": progress.name, "began": progress.began, **live},
    }


def _panel(progress: Progress, directory: RunDirectory) -> Bundle:
    rows = _numbers(progress, directory)
    html = [f"<div>{markup.state_line(progress)}</div>"]
    if progress.error:
        html.append(markup.error_block(progress.error))
    html.append(markup.table((escape(name), escape(value)) for name, value in rows))
    return {"text/html": "".join(html), "text/plain": _plain(progress, rows)}


def _chart(curves: Curves, progress: Progress, chosen: Mapping[str, Any]) -> Bundle:
    train = curves.train
    if not train.count:
        return _NOTHING
    name = shown_name(train.columns)
    values = train.column(name)
    # A page draws a plotly figure once, whatever takes its place: not while there is more to come.
    figure = {"application/vnd.plotly.v1+json": plotly_figure(curves)} if progress.over else {}
    return {
        _CHART_TYPE: llmtune_figure(curves, progress.name, chosen),
        **figure,
        "text/html": svg_chart(curves, progress.name),
        "text/plain": _n(
            "{name} {first} → {last} in {count} logged step",
            "{name} {first} → {last} in {count} logged steps",
            train.count,
            name=_("loss") if name == "loss" else _("reward"),
            first=number(float(values[0])),
            last=number(float(values[-1])),
        ),
    }


def _samples(progress: Progress) -> Bundle:
    html, plain = [], []
    if progress.samples:
        newest = list(reversed(progress.samples))
        html.append(f"<details open><summary>{escape(_('Samples'))}</summary>")
        html += [markup.sample_block(sample) for sample in newest]
        html.append("</details>")
        plain += [line for sample in newest for line in _plain_sample(sample)]
    if progress.log:
        log = markup.log_block(progress.log)
        html.append(f"<details><summary>{escape(_('Log'))}</summary>{log}</details>")
    return {"text/html": "".join(html), "text/plain": "\n".join(plain)} if html else _NOTHING


def _numbers(progress: Progress, directory: RunDirectory) -> list[tuple[str, str]]:
    metrics = progress.metrics
    rows = []
    if metrics is not None:
        steps = _(
            "{step:,} of {steps:,} (epoch {epoch:.2f})",
            step=metrics.step,
            steps=metrics.max_steps,
            epoch=metrics.epoch,
        )
        rows.append((_("steps"), steps))
        rows.append((_("train loss"), f"{number(progress.first_loss)} → {number(metrics.loss)}"))
        rows += watched(metrics.measures)
        if progress.evaluation is not None:
            rows += markup.evaluated(progress.evaluation)
        rows.append((_("tokens"), f"{metrics.tokens:,}"))
    if progress.began is not None:
        rows.append((_("took"), duration(progress.worked.seconds)))
    if progress.state in ("stopped", "failed") and directory.last_checkpoint():
        rows.append((_("continue"), f"%finetune --resume {progress.name}"))
    if not progress.over:
        rows.append((_("live"), f"%attach {progress.name}"))
    place = _("result") if progress.result else _("directory")
    rows.append((place, str(directory.path / progress.result)))
    return rows


def _plain(progress: Progress, rows: list[tuple[str, str]]) -> str:
    said = state_name(progress.state)
    lines = [f"{progress.name}: {said}", *(f"  {name}: {value}" for name, value in rows)]
    if error := progress.error:
        details = (
            (error.where, _("where: {where}", where=error.where)),
            (error.fix, _("fix: {fix}", fix=error.fix)),
            (error.log, _("log: {path}", path=error.log)),
        )
        lines += [error.what, *(f"  {text}" for value, text in details if value)]
        lines += [f"  | {line}" for line in error.tail]
    return "\n".join(lines)


def _plain_sample(sample: Sample) -> list[str]:
    lines = [_("step {step}", step=sample.step)]
    for answer in sample.answers:
        lines += [f"  > {markup.prompt_text(answer.prompt)}", f"  {answer.answer}"]
    return lines
