"""What stays in the notebook when a run is over: static outputs that need neither kernel nor extension."""

from __future__ import annotations

from html import escape
from typing import Any

from llmtune_kernel.notebook import markup
from llmtune_kernel.notebook.curves import Curves
from llmtune_kernel.notebook.figure import plotly_figure, svg_chart
from llmtune_kernel.notebook.progress import Progress
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Sample
from llmtune_kernel.runs.wording import duration, number

Bundle = dict[str, Any]
_NOTHING: Bundle = {"text/html": "<span></span>", "text/plain": ""}


def static_outputs(progress: Progress, curves: Curves, directory: RunDirectory) -> dict[str, Bundle]:
    """For each output of the display what it becomes: `panel`, `chart` and `samples`."""
    return {
        "panel": _panel(progress, directory),
        "chart": _chart(curves, progress.name),
        "samples": _samples(progress),
    }


def _panel(progress: Progress, directory: RunDirectory) -> Bundle:
    rows = _numbers(progress, directory)
    html = [f"<div>{markup.state_line(progress)}</div>"]
    if progress.error:
        html.append(markup.error_block(progress.error))
    html.append(markup.table((escape(name), escape(value)) for name, value in rows))
    return {"text/html": "".join(html), "text/plain": _plain(progress, rows)}


def _chart(curves: Curves, title: str) -> Bundle:
    loss = curves.train.column("loss")
    if not loss.size:
        return _NOTHING
    return {
        "application/vnd.plotly.v1+json": plotly_figure(curves),
        "text/html": svg_chart(curves, title),
        "text/plain": f"loss {number(float(loss[0]))} → {number(float(loss[-1]))} in {loss.size} logged steps",
    }


def _samples(progress: Progress) -> Bundle:
    html, plain = [], []
    if progress.samples:
        newest = list(reversed(progress.samples))
        html.append("<details open><summary>Samples</summary>")
        html += [markup.sample_block(sample) for sample in newest]
        html.append("</details>")
        plain += [line for sample in newest for line in _plain_sample(sample)]
    if progress.log:
        html.append(f"<details><summary>Log</summary>{markup.log_block(progress.log)}</details>")
    return {"text/html": "".join(html), "text/plain": "\n".join(plain)} if html else _NOTHING


def _numbers(progress: Progress, directory: RunDirectory) -> list[tuple[str, str]]:
    metrics = progress.metrics
    rows = []
    if metrics is not None:
        rows.append(("steps", f"{metrics.step:,} of {metrics.max_steps:,} (epoch {metrics.epoch:.2f})"))
        rows.append(("train loss", f"{number(progress.first_loss)} → {number(metrics.loss)}"))
        if progress.evaluation is not None:
            rows.append(("eval loss", number(progress.evaluation.loss)))
        rows.append(("tokens", f"{metrics.tokens:,}"))
    if progress.began is not None and progress.latest is not None:
        rows.append(("took", duration(progress.latest - progress.began)))
    if progress.state in ("stopped", "failed") and directory.last_checkpoint():
        rows.append(("continue", f"%finetune --resume {progress.name}"))
    rows.append(("result" if progress.result else "directory", str(directory.path / progress.result)))
    return rows


def _plain(progress: Progress, rows: list[tuple[str, str]]) -> str:
    lines = [f"{progress.name}: {progress.state}", *(f"  {name}: {value}" for name, value in rows)]
    if error := progress.error:
        lines += [
            error.what,
            *(f"  {label}: {text}" for label, text in _details(error.where, error.fix, error.log)),
        ]
        lines += [f"  | {line}" for line in error.tail]
    return "\n".join(lines)


def _plain_sample(sample: Sample) -> list[str]:
    lines = [f"step {sample.step}"]
    for answer in sample.answers:
        lines += [f"  > {markup.prompt_text(answer.prompt)}", f"  {answer.answer}"]
    return lines


def _details(where: str, fix: str, log: str) -> list[tuple[str, str]]:
    return [(label, text) for label, text in (("where", where), ("fix", fix), ("log", log)) if text]
