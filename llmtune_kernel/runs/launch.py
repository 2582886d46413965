"""Start a run, or continue one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from llmtune_kernel.config import RewardedObjective, RunConfig, UserError, dump_config, read_config
from llmtune_kernel.locale import _
from llmtune_kernel.runs.directory import RunDirectory, check_name, free_name, runs_root, set_aside
from llmtune_kernel.runs.editing import delete_runs
from llmtune_kernel.runs.events import EventWriter, Log, State
from llmtune_kernel.runs.listing import never_trained
from llmtune_kernel.runs.resuming import checkpoint_to_continue, refuse_other_rows
from llmtune_kernel.runs.run import Run
from llmtune_kernel.runs.scoring import reward_run
from llmtune_kernel.runs.workers import pool


class Written(Protocol):
    """What was written of a variable."""

    @property
    def rows(self) -> int: ...

    @property
    def fingerprint(self) -> str: ...


WriteData = Callable[[Path], Written]
# Returns the file of the function of before, if there was one and it was another.
WriteReward = Callable[[RunDirectory], Path | None]


def launch(
    config: RunConfig,
    *,
    text: str | None = None,
    name: str | None = None,
    variables: Mapping[str, WriteData] | None = None,
    write_reward: WriteReward | None = None,
) -> Run:
    """Start the run that `config` describes in a worker process and return at once.

    `config.resume` names a run to continue from its last checkpoint: in its own directory, or, where `name` is
    another name, in a new one. A run that ended before its first step gives its name away, and goes to the trash.

    Args:
        text: The configuration as the user wrote it, kept as config.yaml.
        name: Name of the run; by default run-1, run-2, …
        variables: For each notebook variable that the configuration names, without its `$`, a function that writes
            it to an Arrow file.
        write_reward: Writes the function of the notebook that scores answers, where the configuration names one;
            without it a run that goes on keeps its own.

    Raises:
        UserError: the name is used, the run to continue is unknown, running or cannot be continued, what scores the
            answers is no run that does, the disk is full.
    """
    check_launch(config, name)
    source = RunDirectory.find(config.resume) if config.resume else None
    in_place = source is not None and name in (None, source.name)
    if source and in_place:
        directory = source
    else:
        if name and (failed := _failed_start(name)):
            delete_runs([failed])
        directory = RunDirectory.create(name or free_name())
    lock = directory.acquire_lock()
    try:
        checkpoint = checkpoint_to_continue(config, source) if source else None
        _write_data(config, directory, variables or {}, source)
        before = _write_reward(config, directory, write_reward, source)
        _write_config(directory, text or dump_config(config))
        directory.begin_log()
        events = EventWriter(directory.events)
        events.write(State(state="queued", detail=_("starting the worker")))
        if checkpoint and before:
            events.write(Log(message=_another_reward(config, checkpoint, before)))
        events.close()
        job = {
            "job": "train",
            "directory": str(directory.path),
            "config": config.model_dump(mode="json"),
            "checkpoint": str(checkpoint) if checkpoint else None,
        }
        pool().start(job, lock)
    except BaseException:
        if not in_place:
            shutil.rmtree(directory.path)
        raise
    finally:
        os.close(lock)
    return Run(directory)


def own_configuration(name: str, overrides: Sequence[str] = ()) -> tuple[RunConfig, str]:
    """The configuration with which to continue a run, and its text.

    Args:
        overrides: as `read_config`; they are part of the text.

    Raises:
        UserError: there is no such run, or an override is wrong.
    """
    path = RunDirectory.find(name).config
    text = path.read_text(encoding="utf-8")
    config = read_config(text, source=str(path), overrides=overrides)
    return config.model_copy(update={"resume": name}), dump_config(config) if overrides else text


def check_launch(config: RunConfig, name: str | None) -> None:
    """Find what would keep `launch` from starting, before any work is done.

    Raises:
        UserError: as `launch`.
    """
    if isinstance(config.objective, RewardedObjective):
        reward_run(config.objective.reward)
    if config.resume:
        source = RunDirectory.find(config.resume)
        in_place = name in (None, source.name)
        if in_place:
            os.close(source.acquire_lock())
        checkpoint_to_continue(config, source)
        if in_place:
            return
    if name:
        check_name(name)
        if not _failed_start(name):
            RunDirectory.refuse_used(name)


def _failed_start(name: str) -> RunDirectory | None:
    """The run of that name if it ended before its first step."""
    directory = RunDirectory(runs_root() / name)
    return directory if never_trained(directory) else None


def _write_data(
    config: RunConfig,
    directory: RunDirectory,
    variables: Mapping[str, WriteData],
    source: RunDirectory | None,
) -> None:
    directory.data.mkdir(exist_ok=True)
    for wanted in config.data.variables():
        split, number = wanted.split, wanted.number
        target = directory.snapshot(split, number)
        if wanted.key in variables:
            # Never half a file under the final name, also when a snapshot of before is replaced.
            partial = target.with_suffix(".partial")
            try:
                written = variables[wanted.key](partial)
                if source is not None and source.path == directory.path:
                    refuse_other_rows(source, split, number, written.fingerprint, written.rows)
                partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)
        elif source is not None and (source.data / target.name).exists():
            if source.path != directory.path:
                shutil.copyfile(source.data / target.name, target)
        else:
            raise UserError(
                _(
                    "{name} is a variable of a notebook, and there is no notebook here.",
                    name=f"${wanted.name}",
                ),
                f"data.{split}",
                _("Save it to a file, e.g. df.to_parquet('rows.parquet'), and name the file."),
            )


def _write_reward(
    config: RunConfig,
    directory: RunDirectory,
    write: WriteReward | None,
    source: RunDirectory | None,
) -> Path | None:
    """Returns the file of the function of before, if there was one and the notebook has another."""
    name = config.reward_function
    if name is None:
        return None
    if source is not None and source.path != directory.path and source.reward.exists():
        for kept, target in (
            (source.reward, directory.reward),
            (source.reward_source, directory.reward_source),
        ):
            shutil.copyfile(kept, target)
    if write is not None:
        return write(directory)
    if not directory.reward.exists():
        raise UserError(
            _("{name} is a function of a notebook, and there is no notebook here.", name=f"${name}"),
            "objective.reward",
            _("Start the run from a notebook, or name a run, a reward model or an address."),
        )
    return None


def _another_reward(config: RunConfig, checkpoint: Path, before: Path) -> str:
    """What the run tells where its answers are scored by another function than before."""
    return _(
        "Answers drawn after step {step} are scored by {name} as the notebook has it now; {file} holds the one before.",
        step=int(checkpoint.name.removeprefix("step-")),
        name=f"${config.reward_function}",
        file=f"{before.parent.name}/{before.name}",
    )


def _write_config(directory: RunDirectory, text: str) -> None:
    """Write config.yaml; an earlier one with other content is kept beside it as config-1.yaml, config-2.yaml, …"""
    if directory.config.exists() and directory.config.read_text(encoding="utf-8") != text:
        set_aside(directory.config)
    directory.config.write_text(text, encoding="utf-8")
