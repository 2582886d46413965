"""What the text of a run says of the measures of its objective."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest
from written import metrics, write_run

from llmtune_kernel.notebook.curves import EVAL_COLUMNS, Curves, Table
from llmtune_kernel.notebook.markup import measures_line
from llmtune_kernel.notebook.measures import measure_groups
from llmtune_kernel.notebook.progress import Progress
from llmtune_kernel.notebook.snapshot import tagged_outputs
from llmtune_kernel.runs.events import Evaluation, EventReader, State
from llmtune_kernel.runs.wording import watched

PAIRS = {"rewards/chosen": 1.5, "rewards/rejected": 0.5, "rewards/accuracies": 0.75, "rewards/margins": 1.0}
REWARDED = {"reward": 0.25, "reward_std": 0.125, "kl": 0.0625, "entropy": 2.0}
# What the page shows is the same, by a test of its own.
SHARED = json.loads(Path(__file__).with_name("measures.json").read_text(encoding="utf-8"))
JUDGED = {"rewards/chosen": 1.5, "rewards/margins": 1.0, "kl": 0.0625}


def followed(measures: dict[str, float], evaluated: dict[str, float], loss: float | None) -> Progress:
    """A run that measured this in training and in evaluation, whose loss is `loss`."""
    evaluation = Evaluation(step=2, epoch=0.1, loss=loss, tokens=9, seconds=1.0, measures=evaluated)
    trained = metrics(2).model_copy(update={"measures": measures})
    run = write_run("measured", State(state="training"), trained, evaluation, State(state="finished"))
    progress = Progress("measured")
    progress.take(EventReader(run.events).read())
    return progress


@pytest.mark.parametrize(
    ("measures", "loss", "line"),
    [
        (PAIRS, 0.5, "train loss 1 accuracy 0.75 margin 1 eval loss 0.5 (step 2) learning rate"),
        (JUDGED, 0.5, "train loss 1 margin 1 KL 0.0625 eval loss 0.5 (step 2) learning rate"),
        (REWARDED, None, "train loss 1 reward 0.25 KL 0.0625 eval reward 0.25 (step 2) learning rate"),
        ({}, None, "train loss 1 eval loss – (step 2) learning rate"),
    ],
)
def test_the_line_of_a_run_has_what_matters_most_beside_the_loss(
    runs_home: Path, measures: dict[str, float], loss: float | None, line: str
) -> None:
    text = re.sub(r"<[^>]+>", "", measures_line(followed(measures, measures, loss)))
    assert " ".join(text.replace("&nbsp;", " ").split()).startswith(line)


def test_the_summary_of_a_run_that_is_over_has_the_last_measures(runs_home: Path) -> None:
    progress = followed(PAIRS, {**PAIRS, "rewards/accuracies": 0.875}, 0.5)
    run = write_run("other", State(state="finished"))
    panel = tagged_outputs(progress, Curves(), run, "id")["panel"]
    lines = panel.data["text/plain"].splitlines()
    measured = ["accuracy: 0.75", "margin: 1", "eval loss: 0.5", "eval accuracy: 0.875", "eval margin: 1"]
    first = lines.index("  accuracy: 0.75")
    assert [line.strip() for line in lines[first : first + 5]] == measured


def test_the_notebook_and_the_page_draw_the_same_measures_together() -> None:
    curves = Curves()
    names = [name for group in SHARED["groups"] for name in group["names"]]
    curves.eval = Table([*EVAL_COLUMNS, *(name for name in reversed(names) if name != "loss")])
    found = [asdict(group) for group in measure_groups(curves)]
    assert found == [{"spread": "", **group, "names": tuple(group["names"])} for group in SHARED["groups"]]


@pytest.mark.parametrize("case", SHARED["watched"])
def test_the_notebook_and_the_page_watch_the_same_measures(case: dict[str, list[str]]) -> None:
    assert [name for name, _value in watched(dict.fromkeys(case["measures"], 1.0))] == case["names"]
