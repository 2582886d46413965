"""Functions that score answers; they stand for those of a notebook, and go to workers by value."""

from __future__ import annotations

import sys

import cloudpickle


def vowels(prompts: list[str], answers: list[str]) -> list[float]:
    """The share of vowels."""
    return [sum(letter in "aeiou" for letter in answer) / max(len(answer), 1) for answer in answers]


def broken(prompts: list[str], answers: list[str]) -> list[float]:
    scores = []
    for prompt in prompts:
        scores.append(1 / (len(prompt) - len(prompt)))
    return scores


def leaves(prompts: list[str], answers: list[str]) -> list[float]:
    sys.exit(3)


def too_few(prompts: list[str], answers: list[str]) -> list[float]:
    return [0.0 for _ in answers][1:]


def no_list(prompts: list[str], answers: list[str]) -> float:
    return 0.5


def words(prompts: list[str], answers: list[str]) -> list[str]:
    return ["good" for _ in answers]


def no_number(prompts: list[str], answers: list[str]) -> list[float]:
    return [0.0, *(float("nan") for _ in answers[1:])]


def told(prompts: list[str], answers: list[str]) -> list[float]:
    """Raises what it was given, to be seen."""
    raise LookupError(f"{sorted(set(prompts))[:1]} {len(answers)}")


def close(prompts: list[str], answers: list[str], wanted: list[str], bonus: float = 0.5) -> list[float]:
    """1 where an answer holds what is wanted, a column of the rows."""
    return [float(text in answer) + bonus for text, answer in zip(wanted, answers, strict=True)]


def all_columns(prompts: list[str], answers: list[str], **columns: list[str]) -> list[float]:
    """Raises what it was given of the first row."""
    raise LookupError({name: values[0] for name, values in columns.items()})


cloudpickle.register_pickle_by_value(sys.modules[__name__])
