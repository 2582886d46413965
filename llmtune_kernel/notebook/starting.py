"""Start runs from a notebook: from the text of a cell, from Python, or from where an earlier run stopped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.getipython import get_ipython

from llmtune_kernel.config import RunConfig, UserError, config_from_dict, read_config
from llmtune_kernel.locale import _
from llmtune_kernel.notebook.rewards import reward_writer
from llmtune_kernel.notebook.variables import data_writers
from llmtune_kernel.runs.launch import check_launch, launch, own_configuration
from llmtune_kernel.runs.run import Run, RunFailed

if TYPE_CHECKING:
    from llmtune_kernel.notebook.display import LiveDisplay


def finetune(
    config: str | Path | dict[str, Any] | None = None,
    *,
    name: str | None = None,
    resume: str | None = None,
    wait: bool = False,
    show: bool = True,
    **sections: Any,
) -> Run:
    """Start a run and return at once; the same as a `%%finetune` cell.

        finetune(model="smollm2-135m", data=df, method={"r": 16}, training={"max_steps": 50})

    Args:
        config: A configuration as YAML text, as the path of a YAML file, or as a dict.
        name: Name of the run; by default run-1, run-2, …
        resume: Name of a run to continue; alone, with that run's own configuration.
        wait: Return when the run is over.
        show: Show the live output if this is a notebook.
        sections: `model, data, method, objective, training, samples, tracking, launch`. `data`, `data["train"]`
            and `data["eval"]` may be objects: a DataFrame, a Dataset, a list of dicts; `objective["reward"]` may be a
            function.

    Raises:
        UserError: any mistake in the configuration or the data, or the name is used.
        RunFailed: with `wait`, the run failed.
    """
    ip = get_ipython()
    namespace = dict(ip.user_ns) if ip is not None else {}
    text, as_it_was = None, config is None and not sections
    if resume and as_it_was:
        parsed, text = own_configuration(resume)
    elif isinstance(config, str | Path):
        if sections:
            fix = _("Write the sections into the configuration.")
            raise UserError(_("There is a configuration and there are sections."), "finetune()", fix)
        text, source = _read(config)
        parsed = read_config(text, source=source, resume=resume)
    else:
        values, objects = _name_objects({**(config or {}), **sections}, namespace)
        namespace.update(objects)
        parsed = config_from_dict({**values, "resume": resume} if resume else values)
    run, live = start(parsed, text=text, name=name, namespace=namespace, own_rows=as_it_was, show=show)
    if wait:
        wait_for(run, live)
    return run


def start(
    config: RunConfig,
    *,
    text: str | None,
    name: str | None,
    namespace: Mapping[str, Any],
    own_rows: bool = False,
    show: bool = True,
) -> tuple[Run, LiveDisplay | None]:
    """Start the run that `config` describes, and show it if this is a notebook.

    Args:
        text: The configuration as the user wrote it.
        namespace: Where `$name` is looked up.
        own_rows: The run goes on with its own copies of the rows of variables, which may have changed since.

    Raises:
        UserError: as `finetune`.
    """
    check_launch(config, name)
    run = launch(
        config,
        text=text,
        name=name,
        variables={} if own_rows else data_writers(config, namespace),
        write_reward=reward_writer(config, namespace),
    )
    return run, show_run(run) if show else None


def show_run(run: Run) -> LiveDisplay | None:
    """Show a run below the current cell, if this is a notebook."""
    ip = get_ipython()
    if ip is None or not hasattr(ip, "kernel"):
        return None
    assert ip.extension_manager is not None
    ip.extension_manager.load_extension("llmtune_kernel")  # the page asks it what live outputs are to show
    from llmtune_kernel.notebook.display import LiveDisplay

    live = LiveDisplay(run)
    live.start()
    return live


def wait_for(run: Run, live: LiveDisplay | None) -> None:
    """Wait until a run is over and its last output is there; an interrupt ends the waiting, not the run.

    Raises:
        RunFailed: it failed.
    """
    try:
        run.wait()
    except RunFailed:
        if live is not None:
            live.join()
        raise
    if live is not None:
        live.join()


def _read(config: str | Path) -> tuple[str, str]:
    """The text of a configuration and where it is from. A text of one word that ends in .yaml is a path."""
    if isinstance(config, str) and not (len(config.split()) == 1 and config.endswith((".yaml", ".yml"))):
        return config, "finetune()"
    try:
        return Path(config).read_text(encoding="utf-8"), str(config)
    except OSError as error:
        what = _("The configuration cannot be read: {reason}.", reason=error.strerror)
        raise UserError(what, str(config), _("Check the path.")) from None


def _name_objects(
    values: dict[str, Any], namespace: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Put `$train`, `$eval` and `$reward` in the place of objects; returns the values and the objects by name.

    A function that has its own name in the notebook goes by that: it is found again when the run is continued.
    """
    data = values.get("data")
    sources = dict(data) if isinstance(data, dict) else {"train": data}
    objects = {}
    for split in ("train", "eval"):
        source = sources.get(split)
        if isinstance(source, Path):
            sources[split] = str(source)
        elif isinstance(source, list) and source and all(isinstance(one, str | Path) for one in source):
            sources[split] = [str(one) for one in source]
        elif source is not None and not isinstance(source, str):
            objects[split], sources[split] = source, f"${split}"
    named = {**values, "data": sources} if data is not None else values
    objective = named.get("objective")
    if isinstance(objective, dict) and callable(reward := objective.get("reward")):
        own = getattr(reward, "__name__", "")
        name = own if own and namespace.get(own) is reward else "reward"
        objects[name] = reward
        named = {**named, "objective": {**objective, "reward": f"${name}"}}
    return named, objects
