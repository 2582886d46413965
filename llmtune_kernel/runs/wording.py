"""Numbers as people read them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llmtune_kernel.locale import _
from llmtune_kernel.locale.language import language
from llmtune_kernel.runs.events import Message

_NAMED = 5  # duplicates
_LISTED = 20  # columns


def duration(seconds: float) -> str:
    """`45 s`, `3 min 05 s`, `2 h 07 min`."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    if whole < 60:
        return _("{seconds} s", seconds=whole)
    if whole < 3600:
        return _("{minutes} min {seconds:02d} s", minutes=minutes, seconds=rest)
    return _("{hours} h {minutes:02d} min", hours=minutes // 60, minutes=minutes % 60)


def size(count: float) -> str:
    """Bytes as `812 MB` or `1.3 GB`."""
    if count >= 1e9:
        return _("{size:.1f} GB", size=count / 1e9)
    return _("{size:.0f} MB", size=count / 1e6)


def memory_parts(parts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Bytes of an estimate by what takes them, with its name; without what takes none."""
    names = {
        "weights": _("frozen weights"),
        "trained": _("trained weights"),
        "optimizer": _("state of the optimizer"),
        "gradients": _("gradients"),
        "activations": _("activations"),
        "logits": _("logits"),
        "update": _("update by the optimizer"),
        "overhead": _("libraries and runtime"),
    }
    return [(names[name], count) for name, count in parts.items() if count]


def watched(measures: Mapping[str, float]) -> list[tuple[str, str]]:
    """Of what an objective measures the one or two that matter most beside the loss, with their names."""
    names = {
        "reward": _("reward"),
        "accuracy": _("accuracy"),
        "rewards/accuracies": _("accuracy"),
        "margin": _("margin"),
        "rewards/margins": _("margin"),
        "kl": _("KL"),
    }
    return [(names[name], number(measures[name])) for name in names if name in measures][:2]


def written(settings: Mapping[str, Any]) -> str:
    """Settings by dotted key as they are written: `training.optim: adamw_8bit, …`."""
    return ", ".join(f"{key}: {json.dumps(value).strip(chr(34))}" for key, value in settings.items())


def ways_to_fit(ways: Sequence[Mapping[str, Any]]) -> str:
    """What makes a run fit into memory.

    Args:
        ways: Of each the `settings` by dotted key, and the `memory` that it takes then.
    """
    if not ways:
        return _("No change makes it fit: take a smaller model.")
    said = _("It would fit with any of these:")
    return f"{said} " + "; ".join(f"{written(way['settings'])} ({size(way['memory'])})" for way in ways)


def number(value: float | None, digits: int = 4) -> str:
    """A measure with `digits` significant digits, as `0.0002`, `2e-5` or `12500`; a dash where there is none."""
    if value is None:
        return "–"
    return repr(float(f"{value:.{digits}g}")).removesuffix(".0").replace("e-0", "e-")


def learning_rate(value: float) -> str:
    """As a scientist writes it, with three significant digits at most: `2e-4`."""
    if not value:
        return "0"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def clock(moment: float) -> str:
    """Unix time as local `14:03:59`."""
    return time.strftime("%H:%M:%S", time.localtime(moment))


def date(moment: float) -> str:
    """Unix time as local `2026-11-23 14:03`."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))


def state_name(state: str) -> str:
    """A state of a run as people read it."""
    names = {
        "queued": _("queued"),
        "loading": _("loading"),
        "training": _("training"),
        "pausing": _("pausing"),
        "paused": _("paused"),
        "stopping": _("stopping"),
        "finished": _("finished"),
        "stopped": _("stopped"),
        "failed": _("failed"),
    }
    return names.get(state, state)


def spoken(prompt: Sequence[Message]) -> list[str]:
    """The turns of a prompt, each with its role; of one that is nothing but a question, the question."""
    if [turn.role for turn in prompt] == ["user"]:
        return [prompt[0].content]
    return [f"{turn.role}: {turn.content}" for turn in prompt]


def progress_text(stage: str, done: int, total: int) -> str:
    """How far the job `inspect` has come."""
    if stage == "comparing":
        return _("Comparing row {done:,} of {total:,}", done=done, total=total)
    return _("Reading row {done:,} of {total:,}", done=done, total=total)


def example_title(example: dict[str, Any]) -> str:
    """Which row an example of the job `inspect` is from, and which side of a judgement."""
    sides = {
        "chosen": _("row {row}, the chosen answer", row=example["row"]),
        "rejected": _("row {row}, the rejected answer", row=example["row"]),
        "desirable": _("row {row}, a wanted answer", row=example["row"]),
        "undesirable": _("row {row}, an unwanted answer", row=example["row"]),
    }
    return sides.get(example["side"]) or _("row {row}", row=example["row"])


def _first(names: list[str]) -> str:
    """The first of some names, and how many more there are."""
    left = len(names) - _LISTED
    shown = names if left <= 0 else [*names[:_LISTED], _("and {count:,} more", count=left)]
    return ", ".join(shown)


def facts(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """What the job `inspect` found out about data: names and values."""
    rows, lengths = summary["rows"], summary["lengths"]
    tokens, trained = summary["epoch_tokens"], summary["epoch_trained_tokens"]
    read = ", ".join(summary["format_columns"])
    return [
        (
            _("rows"),
            _(
                "{rows:,}: {train:,} to train on, {eval:,} to evaluate on",
                rows=rows,
                train=summary["train_rows"],
                eval=summary["eval_rows"],
            )
            if summary["eval_rows"]
            else _("{rows:,}: {train:,} to train on", rows=rows, train=summary["train_rows"]),
        ),
        *_sources(summary),
        (_("columns"), _first([name or _("(without a name)") for name in summary["columns"]])),
        (_("format"), _("{format} (read from {columns})", format=summary["format"], columns=read)),
        (
            _("tokens"),
            _(
                "{tokens:,}, of which trained {trained:,} ({share:.0%})",
                tokens=tokens,
                trained=trained,
                share=trained / tokens,
            ),
        ),
        (
            _("tokens a row"),
            _(
                "{low:,} to {high:,}, median {median:,.10g}",
                low=lengths["min"],
                high=lengths["max"],
                median=lengths["median"],
            ),
        ),
        (_("truncated rows"), f"{summary['truncated']:,} ({summary['truncated'] / rows:.1%})"),
        (
            _("estimated steps"),
            _(
                "{steps:,}, with {tokens:,} tokens in all",
                steps=summary["steps"],
                tokens=summary["run_tokens"],
            ),
        ),
        *_left_out(summary),
        *_statistics(summary),
        (_("model"), summary["model"]),
        *([(_("quantization"), summary["quantized"])] if summary["quantized"] else []),
    ]


def source_text(name: str, rows: int, taken: int, tokens: int) -> str:
    """What is taken of one source of several."""
    return _(
        "{source}: {rows:,} rows, {taken:,} taken, {tokens:,} tokens.",
        source=name,
        rows=rows,
        taken=taken,
        tokens=tokens,
    )


def _sources(summary: dict[str, Any]) -> list[tuple[str, str]]:
    sources = summary.get("statistics", {}).get("sources", [])
    lines = [
        source_text(source["name"], source["rows"], source["train_rows"], source["epoch_tokens"])
        for source in sources
    ]
    return [(_("sources"), "\n".join(lines))] if len(lines) > 1 else []


def _row_of(row: int, sources: list[dict[str, Any]]) -> str:
    """A row of all, as that of its source where there are several."""
    if len(sources) > 1:
        for source in sources:
            if row < source["rows"]:
                return f"{source['name']} {row:,}"
            row -= source["rows"]
    return f"{row:,}"


def _statistics(summary: dict[str, Any]) -> list[tuple[str, str]]:
    if "statistics" not in summary:
        return []
    found = summary["statistics"]
    same, near = found["duplicates"], found["near_duplicates"]
    pairs = [
        f"{_row_of(row, found['sources'])} {sign} {_row_of(twin, found['sources'])}"
        for sign, twins in (("=", same), ("≈", near))
        for row, twin in twins["rows"][:_NAMED]
    ]
    twice = _("{same:,} exact, {near:,} near", same=same["count"], near=near["count"])
    languages = language_text(found["languages"])
    return [
        (_("duplicates"), f"{twice} ({', '.join(pairs)})" if pairs else twice),
        *([(_("languages"), languages)] if languages else []),
    ]


def language_text(shares: Iterable[tuple[str, float]]) -> str:
    """Languages, each with its share of the rows."""
    from babel import Locale

    names = Locale.parse(language()).languages
    return ", ".join(
        f"{_('none') if code == 'zxx' else names.get(code, code)} {share:.0%}" for code, share in shares
    )


def _left_out(summary: dict[str, Any]) -> list[tuple[str, str]]:
    skipped, dropped = summary["skipped"], summary["dropped"]
    if not skipped and not dropped:
        return []
    kinds = [
        _("{count:,} not fit to train on", count=skipped) if skipped else "",
        _("{count:,} too long", count=dropped) if dropped else "",
    ]
    said = ", ".join(filter(None, kinds))
    lines = [problem["message"] for problem in summary["problems"]]
    if len(lines) < skipped + dropped:
        lines.append(_("and {count:,} more", count=skipped + dropped - len(lines)))
    return [(_("rows left out"), "\n".join([said, *lines]))]
