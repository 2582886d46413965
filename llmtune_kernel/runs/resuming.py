"""Which checkpoint a run continues from, on which data, and whether a configuration can continue it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from llmtune_kernel.config import RunConfig, UserError
from llmtune_kernel.locale import _
from llmtune_kernel.runs.directory import RunDirectory


def checkpoint_to_continue(config: RunConfig, source: RunDirectory) -> Path:
    """The last checkpoint of `source`.

    Raises:
        UserError: there is none, its weights are not those of `config`, or there is no step left to do.
    """
    checkpoint = source.last_checkpoint()
    if checkpoint is None:
        raise UserError(
            _("The run {name!r} has no checkpoint to continue from.", name=source.name),
            str(source.checkpoints),
            _("Start it again; training.save_steps saves checkpoints on the way."),
        )
    _refuse_other_weights(config, source)
    _refuse_no_steps(config, checkpoint)
    return checkpoint


def source_before(config: RunConfig, split: str, number: int) -> dict[str, Any]:
    """What the run that `config` continues has read as source `number` of a split; empty if that is not known.

    Returns:
        `source` as it was configured; `read`, the source with a registered name replaced; `files`; `rows`, how many;
        `fingerprint`.
    """
    return _source_before(RunDirectory.find(config.resume), split, number) if config.resume else {}


def other_rows(source: RunDirectory, split: str, number: int, fingerprint: str, rows: int) -> str:
    """How the rows of a source differ from those that a run was trained on, in words; empty if they are the same."""
    before = _source_before(source, split, number)
    if before.get("fingerprint", fingerprint) == fingerprint:
        return ""
    return _(
        "The rows of data.{split} are not those of before: {then:,} rows then, {now:,} now.",
        split=split,
        then=before["rows"],
        now=rows,
    )


def refuse_other_rows(source: RunDirectory, split: str, number: int, fingerprint: str, rows: int) -> None:
    """Raise a UserError if a run is to go on under its own name, on rows that are not its own."""
    if what := other_rows(source, split, number, fingerprint, rows):
        fix = _(
            "Go on with its own rows: %finetune --resume {name}. Or train on these under another name: "
            "%%finetune NAME --resume {name}.",
            name=source.name,
        )
        raise UserError(what, f"--resume {source.name}", fix)


def _source_before(source: RunDirectory, split: str, number: int) -> dict[str, Any]:
    sources: list[dict[str, Any]] = source.read_resolved().get("data", {}).get(split, {}).get("sources", [])
    return sources[number] if number < len(sources) else {}


def _refuse_other_weights(config: RunConfig, source: RunDirectory) -> None:
    # Read again: settings that an older version did not know are as if they were left out.
    before = RunConfig.model_validate(source.read_resolved()["config"]).model_dump(mode="json")
    now = config.model_dump(mode="json")
    differing = [
        f"{section}.{key}: {before[section].get(key)!r} then, {now[section].get(key)!r} now"
        for section in ("model", "method", "objective")
        for key in ({"type"} if section == "objective" else {**before[section], **now[section]})
        # Whatever library trained them, weights are weights.
        if key != "backend" and before[section].get(key) != now[section].get(key)
    ]
    if differing:
        raise UserError(
            _(
                "This configuration cannot continue that run: its model, its method or its objective is another."
            ),
            "; ".join(differing),
            _("Take over the sections model, method and objective of the run, or start a new run."),
        )


def _refuse_no_steps(config: RunConfig, checkpoint: Path) -> None:
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    training = config.training
    if training.max_steps:
        what = _(
            "The run has done {done} of {planned} steps already.",
            done=state["global_step"],
            planned=training.max_steps,
        )
        over = state["global_step"] >= training.max_steps
    else:
        what = _(
            "The run has done {done:g} of {planned:g} epochs already.",
            done=state["epoch"],
            planned=training.num_train_epochs,
        )
        over = state["epoch"] >= training.num_train_epochs
    if over:
        fix = _("To train on, raise training.num_train_epochs or training.max_steps.")
        raise UserError(what, str(checkpoint), fix)
