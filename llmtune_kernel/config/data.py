"""Which rows are trained and evaluated on, and how they become tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationInfo, field_validator

from llmtune_kernel.config.changes import Change, exclusion, leave_out
from llmtune_kernel.config.section import PathText, Section, setting
from llmtune_kernel.config.sources import SOURCES, Columns, Format, SourceConfig, Sources, Tags
from llmtune_kernel.locale import _

Split = Literal["train", "eval"]
SPLITS: tuple[Split, ...] = ("train", "eval")


# Settings that set training rows aside for evaluation.
_ASIDE = ("eval_fraction", "eval_rows")
# What only some objectives do something with: the key, what it is set to then, and those objectives.
OF_OBJECTIVES: tuple[tuple[str, bool, tuple[str, ...]], ...] = (
    ("packing", True, ("sft", "pretrain")),
    ("train_on_prompt", True, ("sft",)),
    ("mask_history", True, ("sft", "dpo", "kto", "reward")),
    ("train_on_eos", False, ("sft", "pretrain", "dpo", "kto", "reward")),
)


@dataclass(frozen=True)
class VariableSource:
    """A source that is a variable: source `number` of a split of the data.

    `name`: without the $. `part`: the split of a `datasets.DatasetDict` that is meant, if one is named.
    """

    split: Split
    number: int
    name: str
    part: str | None

    @property
    def key(self) -> str:
        """What tells its rows from those of other variables and parts."""
        return f"{self.name}[{self.part}]" if self.part else self.name


class DataConfig(Section):
    """The examples to learn from, and those to evaluate on."""

    train: Sources = setting(
        ...,
        "Training data",
        "A notebook variable as $name, a file, a folder, a pattern such as data/*.jsonl, "
        "the name of a registered or a public data set, or a list of these.",
        words=SOURCES,
    )
    eval: Sources | None = setting(
        None,
        "Evaluation data",
        "As for training data; left out, a fraction of those can be set aside.",
        words=SOURCES,
    )
    dataset_dir: PathText = setting(
        "data",
        "Registry",
        "Folder of registered data sets: its file dataset_info.json gives them their names.",
        min_length=1,
    )
    mix: Literal["concat", "interleave_under", "interleave_over", "interleave_once"] = setting(
        "concat",
        "Mixing",
        "How several sources become one: one after the other, or drawn by weight until the first (under) "
        "or the last (over, once) is used up; over repeats the shorter ones, once does not.",
    )
    eval_fraction: float = setting(
        0.0, "Evaluation fraction", "Share of the training rows set aside for evaluation.", ge=0, lt=1
    )
    eval_rows: int = setting(
        0,
        "Evaluation rows",
        "Number of training rows set aside for evaluation, in place of a share.",
        unit="rows",
        ge=0,
    )
    format: Format = setting(
        "auto",
        "Row format",
        "What a row looks like; auto recognises it from the columns and says which it is.",
    )
    columns: Columns = setting(
        {},
        "Columns",
        "Which of your columns holds which part of a row, where it has another name: "
        "for example question as instruction, answer as output.",
    )
    tags: Tags = setting(
        {},
        "Tags",
        "What a turn calls its parts and speakers, where it has other names: "
        "for example speaker as role, bot as assistant.",
    )
    template: str | None = setting(
        None,
        "Chat template",
        "How a conversation is written: a name such as chatml or llama3, or a Jinja file; left out, the model's own.",
        min_length=1,
    )
    max_length: int = setting(
        1024,
        "Maximum length",
        "Longest example; longer ones are cut or left out, as chosen below.",
        unit="tokens",
        ge=8,
    )
    truncation: Literal["right", "left", "drop", "error"] = setting(
        "right",
        "Longer examples",
        "right cuts their end, left their start; drop leaves them out; error starts no run.",
    )
    packing: Literal["auto"] | bool = setting(
        "auto",
        "Packing",
        "Join examples into sequences of the maximum length, in which attention keeps them apart; auto joins "
        "plain text, and parts longer texts instead of cutting them.",
    )
    on_bad_row: Literal["error", "skip"] = setting(
        "error",
        "Bad rows",
        "What becomes of rows that cannot be trained on: error starts no run, skip leaves them out and says which.",
    )
    limit: int | None = setting(
        None, "Row limit", "Read only this many rows from the start; left out, all.", unit="rows", ge=1
    )
    train_on_prompt: bool = setting(
        False,
        "Train on the prompt",
        "Learn every token of an example; otherwise only what the assistant says.",
    )
    mask_history: bool = setting(
        False,
        "Last answer only",
        "Learn only the last answer of a conversation; otherwise all of its answers.",
    )
    train_on_eos: bool = setting(
        True,
        "Train the end",
        "Learn the token that ends an answer; a model that never learned it may not stop.",
    )
    enable_thinking: Literal["auto"] | bool = setting(
        "auto",
        "Thinking",
        "Whether answers begin with reasoning, for chat templates that know both; auto leaves it to the template.",
    )
    keep_thinking: Literal["auto"] | bool = setting(
        "auto",
        "Earlier reasoning",
        "Whether the reasoning of earlier answers is written too; auto leaves it to the chat template.",
    )

    @field_validator("enable_thinking", "keep_thinking", mode="before")
    @classmethod
    def _null_is_auto(cls, value: object) -> object:
        return "auto" if value is None else value

    def sources(self, split: Split) -> list[SourceConfig]:
        """The sources of a split, each with the format, columns and tags that are meant; none if it has none."""
        given = self.train if split == "train" else self.eval
        found = []
        for one in given if isinstance(given, list) else [given] if given is not None else []:
            source = one if isinstance(one, SourceConfig) else SourceConfig(source=one)
            meant = {
                name: getattr(self, name)
                for name in ("format", "columns", "tags")
                if getattr(source, name) is None
            }
            found.append(source.model_copy(update=meant))
        return found

    def change_of_source(self, split: Split, number: int, change: Change) -> Change:
        """A change whose path begins at source `number` of a split, as one of the configuration; others as they are.

        Where the same is said of all data, and there is one source, it is said there.
        """
        name, *inner = change.path
        if name not in SourceConfig.model_fields:
            return change
        given = getattr(self, split)
        source = given[number] if isinstance(given, list) else given
        place = ("data", split, *([str(number)] if isinstance(given, list) else []))
        if isinstance(source, SourceConfig) and (name == "source" or getattr(source, name) is not None):
            return change.model_copy(update={"path": (*place, *change.path)})
        if name == "source":
            return change.model_copy(update={"path": place})
        if len(self.sources("train")) + len(self.sources("eval")) == 1:
            return change.model_copy(update={"path": ("data", *change.path)})
        own = {**getattr(self, name), inner[0]: change.value} if inner else change.value
        section = {"source": source} if isinstance(source, str) else source.model_dump(exclude_unset=True)
        return change.model_copy(update={"path": place, "value": {**section, name: own}})

    def unused_by(self, objective: str) -> list[str]:
        """The keys that are set and that an objective does nothing with."""
        return [
            key
            for key, value, objectives in OF_OBJECTIVES
            if getattr(self, key) is value and objective not in objectives
        ]

    def variables(self) -> list[VariableSource]:
        """The sources that are variables."""
        return [
            VariableSource(split, number, source.source[1:], source.split)
            for split in SPLITS
            for number, source in enumerate(self.sources(split))
            if source.source.startswith("$")
        ]

    @property
    def sets_aside(self) -> str:
        """The key that sets training rows aside for evaluation; empty where none does."""
        return next((name for name in _ASIDE if getattr(self, name)), "")

    @field_validator("mask_history")
    @classmethod
    def _leaves_prompts_out(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("train_on_prompt"):
            raise exclusion("data.mask_history", "data.train_on_prompt")
        return value

    @field_validator(*_ASIDE)
    @classmethod
    def _one_kind_of_evaluation(cls, value: float, info: ValidationInfo) -> float:
        name, others = f"data.{info.field_name}", ("eval", *_ASIDE)
        other = next((f"data.{one}" for one in others if one != info.field_name and info.data.get(one)), "")
        if value > 0 and other:
            raise ValueError(
                _("{key} and {other} exclude each other", key=other, other=name),
                _("keep one of the two"),
                [leave_out(name), leave_out(other)],  # the one at fault first
            )
        return value
