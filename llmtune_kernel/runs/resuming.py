"""Which checkpoint a run continues from, and whether a configuration can continue it."""

from __future__ import annotations

import json
from pathlib import Path

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


def _refuse_other_weights(config: RunConfig, source: RunDirectory) -> None:
    before, now = source.read_resolved()["config"], config.model_dump(mode="json")
    differing = [
        f"{section}.{key}: {before[section].get(key)!r} then, {now[section].get(key)!r} now"
        for section in ("model", "method")
        for key in {**before[section], **now[section]}
        if before[section].get(key) != now[section].get(key)
    ]
    if differing:
        raise UserError(
            _("This configuration cannot continue that run: its model or its method is another."),
            "; ".join(differing),
            _("Take over the sections model and method of the run, or start a new run."),
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
