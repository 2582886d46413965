"""The data set that is shipped: everyday questions, answered in the voice of a ship's log."""

from pathlib import Path


def dataset_path() -> Path:
    """The file of the data set: 60 rows of `messages`, each a question and its answer."""
    return Path(__file__).with_name("ships_log.jsonl")
