"""`%dataset` and `--dry-run`: what the trainer will see, computed by a worker, shown with trained tokens marked."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import yaml

from llmtune_kernel.config import RunConfig
from llmtune_kernel.locale import _
from llmtune_kernel.notebook import markup
from llmtune_kernel.notebook.figure import histogram_figure, histogram_svg
from llmtune_kernel.notebook.looking import Summary, inspect_data, snapshots
from llmtune_kernel.notebook.publishing import publish
from llmtune_kernel.runs.wording import example_title, facts, progress_text

_TRAINED = "background:rgba(74,165,100,0.28);border-radius:2px"


def show_inspection(
    config: RunConfig,
    namespace: Mapping[str, Any],
    *,
    first: int,
    for_run: bool,
    bundles: Callable[[Summary], list[dict[str, Any]]],
) -> Summary:
    """Let a worker look at the data of a configuration, then show the `bundles` made of its summary; returns that.

    Args:
        namespace: Where `$name` is looked up.
        first: How many rows to render.
        for_run: Whether the data have to be such as the objective learns from.

    Raises:
        UserError: any mistake in the data or the model's name.
    """
    with _Status() as status, snapshots(config, namespace) as files:
        status.say(_("Loading the tokenizer"))
        found = inspect_data(
            config,
            files,
            first,
            lambda far: status.say(progress_text(far["stage"], far["done"], far["total"])),
            for_run=for_run,
        )
        shown, *more = bundles(found)
        status.become(shown)
    for bundle in more:
        publish(bundle)
    return found


def dataset_bundles(summary: Summary) -> list[dict[str, Any]]:
    """What the data are, their token lengths as a plotly chart, the first rows."""
    lengths, label = summary["lengths"], _("tokens a row")
    chart = {
        "application/vnd.plotly.v1+json": histogram_figure(lengths["edges"], lengths["counts"], label),
        "text/html": histogram_svg(lengths["edges"], lengths["counts"], label),
        "text/plain": _(
            "tokens a row: {low:,} to {high:,}, median {median:g}",
            low=lengths["min"],
            high=lengths["max"],
            median=lengths["median"],
        ),
    }
    examples = {
        "text/html": "".join(_example_html(example) for example in summary["preview"]) + _legend(),
        "text/plain": "\n".join(_example_plain(example) for example in summary["preview"]),
    }
    return [_facts_bundle(facts(summary)), chart, examples]


def dry_run_bundles(config: RunConfig, summary: Summary) -> list[dict[str, Any]]:
    """The configuration with every value, what the data are, and one example as the model will see it."""
    values = config.model_dump(mode="json", exclude={"resume"} if config.resume is None else set())
    values["model"]["dtype"] = summary["dtype"]
    values["training"] |= {
        "learning_rate": config.learning_rate_value,
        "gradient_checkpointing": summary["gradient_checkpointing"],
    }
    resolved = yaml.safe_dump(values, sort_keys=False, allow_unicode=True).rstrip()
    shown = _facts_bundle(facts(summary))
    example = summary["preview"][0]
    html = [
        shown["text/html"],
        _example_html(example),
        _legend(),
        f"<details><summary>{escape(_('Configuration'))}</summary><pre>{escape(resolved)}</pre></details>",
    ]
    plain = [shown["text/plain"], _example_plain(example), "", resolved]
    return [{"text/html": "".join(html), "text/plain": "\n".join(plain)}]


def _facts_bundle(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "text/html": markup.table(
            (escape(name), escape(value).replace("\n", "<br>")) for name, value in pairs
        ),
        "text/plain": "\n".join(f"{name}: {value}" for name, value in pairs),
    }


def _example_html(example: dict[str, Any]) -> str:
    spans = "".join(
        f'<span style="{_TRAINED}">{escape(span["text"])}</span>' if span["trained"] else escape(span["text"])
        for span in example["spans"]
    )
    return (
        f'<div style="margin:8px 0"><b>{escape(example_title(example))}</b>'
        f'<div style="font-family:monospace;white-space:pre-wrap;overflow-wrap:anywhere">{spans}</div></div>'
    )


def _example_plain(example: dict[str, Any]) -> str:
    spans = (f"⟦{span['text']}⟧" if span["trained"] else span["text"] for span in example["spans"])
    return _("{row}, trained tokens in ⟦⟧:\n{text}", row=example_title(example), text="".join(spans))


def _legend() -> str:
    mark = f'<span style="{_TRAINED}">&nbsp;{escape(_("marked"))}&nbsp;</span>'
    return f'<div style="opacity:0.75">{_("{marked} tokens are trained", marked=mark)}</div>'


class _Status:
    """One line that says what is going on, four times a second at most, and then is the first result or nothing."""

    def __enter__(self) -> _Status:
        self._id = f"llmtune-{uuid.uuid4().hex}"
        self._said = 0.0
        self._last: dict[str, Any] = _line("")
        publish(self._last, display_id=self._id)
        return self

    def __exit__(self, *_: object) -> None:
        publish(self._last, display_id=self._id, update=True)

    def say(self, text: str) -> None:
        if time.monotonic() - self._said > 0.25:
            self._said = time.monotonic()
            publish(_line(f"{text}…"), display_id=self._id, update=True)

    def become(self, bundle: dict[str, Any]) -> None:
        self._last = bundle


def _line(text: str) -> dict[str, Any]:
    return {"text/plain": text, "text/html": f'<span style="opacity:0.75">{escape(text)}</span>'}
