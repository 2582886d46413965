"""Data sets by name: the file dataset_info.json of LLaMA-Factory, translated into sources of ours."""

from __future__ import annotations

import difflib
import itertools
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.config.sources import SourceConfig, TagName
from llmtune_kernel.data.json_text import load_json, reason_of
from llmtune_kernel.locale import _, either

FILE = "dataset_info.json"

_LOCATIONS = ("hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name", "file_name")
_HUBS = {"hf_hub_url": "hf", "ms_hub_url": "modelscope", "om_hub_url": "openmind"}
_HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
_KEYS = frozenset(
    {*_LOCATIONS, "formatting", "ranking", "subset", "split", "folder", "num_samples", "columns", "tags"}
)
# What LLaMA-Factory calls the columns, and the field of our row formats that is meant.
_FIELDS = {
    "prompt": "instruction",
    "query": "input",
    "response": "output",
    "history": "history",
    "messages": "messages",
    "system": "system",
    "tools": "tools",
    "chosen": "chosen",
    "rejected": "rejected",
    "kto_tag": "label",
}
_MEDIA = ("images", "videos", "audios")
_TAGS: dict[str, TagName] = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}
# Columns that LLaMA-Factory reads only where they are named.
_ONLY_NAMED = ("system", "tools", "history", "label")


def registered_names(folder: Path) -> list[str]:
    """The names that the file dataset_info.json in `folder` gives, in its order; none where there is no such file.

    Raises:
        UserError: it cannot be read as such a file.
    """
    return list(_read(folder)) if registry(folder).is_file() else []


def registered(name: str, folder: Path) -> SourceConfig:
    """The source that `name` stands for in the file dataset_info.json in `folder`.

    Raises:
        UserError: there is no such file or name, or its entry has a mistake.
    """
    entries = _read(folder)
    if name not in entries:
        close = difflib.get_close_matches(name, entries, n=3)
        fix = (
            _("Did you mean {names}?", names=either(close))
            if close
            else _("names: {names}", names=some_of(entries))
        )
        raise UserError(_("No data set is named {name!r}.", name=name), str(registry(folder)), fix)
    return _Entry(name, entries[name], folder).source()


class _Entry:
    """One entry of the file."""

    def __init__(self, name: str, values: Any, folder: Path) -> None:
        self.folder = registry(folder).parent
        self.where = f"{registry(folder)}, {name}"
        if not isinstance(values, dict):
            raise self._mistake(
                _("The entry is no object."), _("Write {{...}} with a file_name or a hf_hub_url.")
            )
        self.values: dict[str, Any] = values
        self._check_keys(self.values, _KEYS, "")
        columns = self._section("columns", (*_FIELDS, *_MEDIA))
        self.columns = {key: column for key, column in columns.items() if column is not None}
        self.absent = [_FIELDS[key] for key in columns.keys() & _FIELDS.keys() - self.columns.keys()]
        self.tags = {key: tag for key, tag in self._section("tags", tuple(_TAGS)).items() if tag is not None}
        self._check_twins()

    def source(self) -> SourceConfig:
        ranking, label = self._ranking(), "kto_tag" in self.columns
        media = [column for column in _MEDIA if column in self.columns]
        if media:
            raise self._mistake(
                _("The data set has {media}; only text is trained on.", media=media[0]),
                _("Take a data set of text."),
            )
        format: Any = "preference" if ranking else "kto" if label else self._format()
        return SourceConfig(
            source=self._location(),
            subset=self._text("subset"),
            split=self._text("split"),
            folder=self._folder(),
            num_samples=self._samples(),
            format=format,
            columns=self._mapping(),
            tags={_TAGS[key]: value for key, value in self.tags.items()},
        )

    def _ranking(self) -> bool:
        ranking = self.values.get("ranking", False)
        if not isinstance(ranking, bool):
            raise self._mistake(_("ranking is {value!r}.", value=ranking), _("Write true or false."))
        return ranking

    def _samples(self) -> int | None:
        samples = self.values.get("num_samples")
        if samples is None or (isinstance(samples, int) and not isinstance(samples, bool) and samples > 0):
            return samples
        raise self._mistake(
            _("num_samples is {value!r}.", value=samples), _("Write a whole number above 0, or leave it out.")
        )

    def _format(self) -> str:
        formatting = self.values.get("formatting", "alpaca")
        if formatting not in ("alpaca", "sharegpt", "openai"):
            raise self._mistake(
                _("formatting is {value!r}.", value=formatting), _("Write alpaca, sharegpt or openai.")
            )
        if formatting == "alpaca":
            return "alpaca" if "response" in self.columns else "auto"
        return "messages" if formatting == "openai" or self.tags.get("role_tag") == "role" else "sharegpt"

    def _mapping(self) -> dict[Any, str | None]:
        mapping: dict[Any, str | None] = {_FIELDS[key]: column for key, column in self.columns.items()}
        if "prompt" in self.columns and "response" not in self.columns:
            # A prompt without a response is a text to go on with; where the rows have an output, it is a question.
            mapping["text"] = self.columns["prompt"]
        return {**dict.fromkeys([*_ONLY_NAMED, *self.absent]), **mapping}

    def _location(self) -> str:
        given = [key for key in _LOCATIONS if self.values.get(key)]
        if not given:
            raise self._mistake(
                _("The entry does not say where the data are."),
                _("Give {keys}.", keys=either(key for key in _LOCATIONS if key != "script_url")),
            )
        value = self._text(given[0]) or ""
        match given[0]:
            case "script_url":
                raise self._mistake(
                    _("script_url would run code that comes with the data."),
                    _("Save the rows as JSON or Parquet and give its file_name."),
                )
            case "file_name":
                return self._file_below(value)
            case "cloud_file_name":
                return self._address(value)
        return f"{_HUBS[given[0]]}:{self._hub_name(given[0], value)}"

    def _hub_name(self, key: str, value: str) -> str:
        # The libraries of hubs would read a folder of this machine, too.
        if not _HUB_NAME.fullmatch(value):
            raise self._mistake(
                _("{key} is {name}, which is no name on a hub.", key=key, name=value),
                _("Write owner/name, or give a file_name."),
            )
        return value

    def _folder(self) -> str | None:
        folder = self._text("folder")
        if folder and _is_outside(folder):
            raise self._mistake(
                _("folder is {name}, which is outside of the data set.", name=folder),
                _("Name a folder of the data set."),
            )
        return folder

    def _address(self, value: str) -> str:
        parts = [part.partition("://") for part in value.split("::")]
        if not all(mark and scheme not in ("file", "local") for scheme, mark, _rest in parts):
            raise self._mistake(
                _("cloud_file_name is {name}, which is no address.", name=value),
                _("Write one such as s3://bucket/rows.jsonl, or give a file_name."),
            )
        return value

    def _file_below(self, name: str) -> str:
        # The entry may have come with the data of somebody else, and says where in its folder they are.
        if _is_outside(name):
            raise self._mistake(
                _("file_name is {name}, which is outside of the folder.", name=name),
                _("Move the data into the folder, or name the file itself in data.train."),
            )
        # Whole, it is nothing but a path: "~" and "hf:" are names as any other.
        return str(self.folder.absolute() / name)

    def _text(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is not None and not isinstance(value, str):
            raise self._mistake(_("{key} is no text.", key=key), _("Put it in quotes."))
        if value == "":
            raise self._mistake(_("{key} is empty.", key=key), _("Leave it out."))
        return value

    def _section(self, key: str, known: Sequence[str]) -> dict[str, str | None]:
        found = self.values.get(key) or {}
        if not isinstance(found, dict) or not all(
            value is None or (isinstance(value, str) and value) for value in found.values()
        ):
            raise self._mistake(
                _("{key} is no object of texts.", key=key),
                _('Write {{"{name}": "…"}}.', name=known[0]),
            )
        self._check_keys(found, known, f"{key}.")
        return found

    def _check_twins(self) -> None:
        """Raise UserError if turns of two speakers, or their two keys, have one tag."""
        keys = ("role_tag", "content_tag")
        for group in (keys, [key for key in self.tags if key not in keys]):
            given = {key: self.tags[key] for key in group if key in self.tags}
            for (one, tag), (other, other_tag) in itertools.combinations(given.items(), 2):
                if tag == other_tag:
                    raise self._mistake(
                        _("{one} and {other} are both {tag!r}.", one=one, other=other, tag=tag),
                        _("Give each a tag of its own."),
                    )

    def _check_keys(self, values: Mapping[str, Any], known: Any, place: str) -> None:
        for key in values:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                raise self._mistake(
                    _("{key} is no key of a data set.", key=f"{place}{key}"),
                    _("Did you mean {names}?", names=close[0])
                    if close
                    else _("valid keys: {keys}", keys=", ".join(sorted(known))),
                )

    def _mistake(self, what: str, fix: str) -> UserError:
        return UserError(what, self.where, fix)


def _is_outside(name: str) -> bool:
    return os.path.isabs(name) or Path(os.path.normpath(name)).parts[:1] == (os.pardir,)


def registry(folder: Path) -> Path:
    """The file dataset_info.json in a folder, which may also be named itself."""
    folder = folder.expanduser()
    return folder if folder.suffix == ".json" else folder / FILE


def _read(folder: Path) -> dict[str, Any]:
    file = registry(folder)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else _("it is not UTF-8 text")
        raise UserError(
            _("The list of data sets cannot be read: {reason}.", reason=reason),
            str(file),
            _("Say with data.dataset_dir in which folder {file} is.", file=FILE),
        ) from None
    try:
        found = load_json(text)
    except json.JSONDecodeError as error:
        known = error.doc == text
        raise UserError(
            _("{name} is not valid JSON: {reason}.", name=file.name, reason=reason_of(error)),
            _("{path}, line {line}", path=file, line=error.lineno) if known else str(file),
            _("Mend it there."),
        ) from None
    if not isinstance(found, dict):
        raise UserError(
            _("{name} is no object of names and data sets.", name=file.name),
            str(file),
            _('Write {{"name": {{"file_name": "rows.json"}}}}.'),
        )
    return found


def some_of(names: Iterable[str]) -> str:
    """The first ten of names, in one line."""
    listed = list(names)
    return ", ".join(listed[:10]) + (", …" if len(listed) > 10 else "") or _("none")
