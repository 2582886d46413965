"""Read a configuration from YAML or from keyword arguments, and write it as YAML."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from llmtune_kernel.config.document import Document, dump
from llmtune_kernel.config.errors import UserError
from llmtune_kernel.config.explain import Place, explain
from llmtune_kernel.config.llama_factory import is_llama_factory, translate
from llmtune_kernel.config.mending import with_mending_changes
from llmtune_kernel.config.problems import ConfigError, Path, Problem, dotted
from llmtune_kernel.config.run import DEFAULT_TYPES, SHORT_FORMS, RunConfig, expand_short_forms
from llmtune_kernel.locale import _


def read_config(
    text: str,
    *,
    source: str = "cell",
    overrides: Sequence[str] = (),
    first_line: int = 1,
    resume: str | None = None,
) -> RunConfig:
    """Read a configuration.

    Args:
        text: YAML, ours or LLaMA-Factory's.
        source: What the text is, for messages: "cell", or the path of a file.
        overrides: `KEY=VALUE` each, the key dotted, the value YAML; they win over the text.
        first_line: Number of the first line of `text` in its source.
        resume: Name of a run to continue; wins over the text.

    Raises:
        ConfigError: all mistakes at once.
    """
    document = Document(text, first_line)
    values = _sections(document, first_line, source)
    problems = list(document.problems)
    places: dict[Path, Place] = {path: (line, "") for path, line in document.lines.items()}
    translation = None
    if is_llama_factory(values):
        translation = translate(values)
        if untranslated := translation.untranslated(document.lines):
            raise ConfigError([*problems, *untranslated], source)
        values, places = translation.values, {}
    for override in overrides:
        values = _apply(override, expand_short_forms(values), places, problems)
    if not values and not problems:
        hint = _("write at least the rows to train on: data: $rows, or data: rows.jsonl")
        raise ConfigError([Problem(None, "", _("the text is empty"), hint)], source)
    if resume is not None:
        values["resume"] = resume
    try:
        return _validate(values, places, problems, source)
    except ConfigError as error:
        if translation is None:
            raise
        raise ConfigError(translation.at_arguments(error.problems, document.lines), source) from None


def read_part(text: str, sections: Collection[str], source: str) -> RunConfig:
    """Read some sections of a configuration; the others are as by default, whatever the text says there.

    Args:
        text: As of `read_config`, but changed before: mistakes are told without their lines.
        source: What the text is, for messages.

    Raises:
        ConfigError: all mistakes in these sections at once, or the text is not YAML.
    """
    document = Document(text)
    values = _sections(document, 1, source)
    if is_llama_factory(values):
        values = translate(values).values
    unread = [replace(one, line=None) for one in document.problems if one.key.split(".")[0] in sections]
    part = {section: values[section] for section in sections if section in values}
    return _validate(part, {}, unread, source)


def config_from_dict(values: Mapping[str, Any], source: str = "finetune()") -> RunConfig:
    """The configuration that `values` describe, with the same checks and messages as `read_config`.

    Args:
        source: What the values were given to, for messages.

    Raises:
        ConfigError: all mistakes at once.
    """
    return _validate(values, {}, [], source)


def dump_config(config: RunConfig) -> str:
    """YAML of the values that differ from the defaults, in short forms; `read_config` reads the same back."""
    values: dict[str, Any] = config.model_dump(mode="json", exclude_defaults=True)
    for section in DEFAULT_TYPES.keys() & values.keys():
        values[section] = {"type": getattr(config, section).type, **values[section]}
    for section, key in SHORT_FORMS.items():
        if (
            section in values
            and list(values[section]) == [key]
            and not isinstance(values[section][key], dict)
        ):
            values[section] = values[section][key]
    return dump(values)


def converted(text: str, source: str = "cell", first_line: int = 1) -> str | None:
    """What a LLaMA-Factory file says, as our YAML, and in comments what has no effect; None if the text is none.

    Raises:
        ConfigError: it cannot be translated.
    """
    values = Document(text).value
    if not is_llama_factory(values):
        return None
    config = read_config(text, source=source, first_line=first_line)
    unused: dict[str, list[str]] = {}
    for name, why in translate(values).without_effect.items():
        unused.setdefault(why, []).append(name)
    listed = (f"# {', '.join(names)}: {why}" for why, names in unused.items())
    comments = [_("# Without effect here:"), *listed] if unused else []
    return (
        "\n".join([_("# Translated from a LLaMA-Factory file."), dump_config(config).rstrip(), *comments])
        + "\n"
    )


@contextmanager
def in_words_of(text: str | None) -> Iterator[None]:
    """Mistakes that are found in what `text` names are told by its own keys, if it is a LLaMA-Factory file."""
    try:
        yield
    except ConfigError:
        raise
    except UserError as error:
        values = Document(text or "").value
        if not is_llama_factory(values):
            raise
        its = translate(values).in_its_words
        raise UserError(its(error.what), its(error.where), its(error.fix)) from None


def _sections(document: Document, first_line: int, source: str) -> dict[str, Any]:
    """The sections of a document.

    Raises:
        ConfigError: nothing more can be said about it: it is not YAML, or has no keys.
    """
    values = document.value
    if values is None:
        if document.problems:
            raise ConfigError(document.problems, source)
        return {}
    if not isinstance(values, dict):
        given = _("a list") if isinstance(values, list) else repr(values)
        message = _("expected sections, got {given}", given=given[:60])
        hint = _("write keys and values, with a space after the colon, such as data: rows.jsonl")
        raise ConfigError([Problem(first_line, "", message, hint)], source)
    return values


def _apply(
    override: str, values: dict[str, Any], places: dict[Path, Place], problems: list[Problem]
) -> dict[str, Any]:
    """`values` with one `KEY=VALUE` put in."""
    key, equals, text = override.partition("=")
    key = key.strip()
    path: Path = tuple(key.split("."))
    shown = f"--set {key}={text}" if len(text) <= 40 else f"--set {key}={text[:40]}…"
    if not equals or not all(path):
        hint = _("write KEY=VALUE, such as training.max_steps=10")
        problems.append(Problem(None, "", _("has no key or no value"), hint, f"--set {override}"))
        return values
    document = Document(text)
    if document.problems:
        problems += [Problem(None, key, said.message, said.hint, shown) for said in document.problems]
        return values
    for stale in [known for known in places if known[: len(path)] == path]:
        del places[stale]
    places[path] = (None, shown)
    target = values
    for depth, part in enumerate(path[:-1], start=1):
        inner = target.setdefault(str(part), {})
        places.setdefault(path[:depth], (None, shown))
        if not isinstance(inner, dict):
            problems.append(
                Problem(None, key, _("{key} is not a section", key=dotted(path[:depth])), "", shown)
            )
            return values
        target = inner
    target[str(path[-1])] = document.value
    return values


def _validate(
    values: Mapping[str, Any], places: dict[Path, Place], problems: list[Problem], source: str
) -> RunConfig:
    def place(path: Path) -> Place:
        for end in range(len(path), 0, -1):
            # Written in short form, an item is there without the key that the form leaves out.
            short = path[:1] + path[2:end] if path[1:2] == (SHORT_FORMS.get(str(path[0])),) else ()
            for known in (path[:end], short):
                if known in places:
                    return places[known]
        return None, ""

    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        # A value that could not be read is told once, not again as one that is missing.
        unread = {problem.key for problem in problems}
        explained = [said for said in explain(error, place) if not {said.key, _shortened(said.key)} & unread]
        raise ConfigError([*problems, *with_mending_changes(explained, values)], source) from None
    if problems:
        raise ConfigError(problems, source)
    return config


def _shortened(key: str) -> str:
    """A dotted path as it is where the section is written in short form: samples.prompts[0] as samples[0]."""
    section, dot, rest = key.partition(".")
    return section + rest.removeprefix(SHORT_FORMS[section]) if dot and section in SHORT_FORMS else key
