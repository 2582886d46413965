"""What can be shown of a run in the place of its loss, and what is drawn together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from llmtune_kernel.locale import _
from llmtune_kernel.notebook.curves import EVAL_COLUMNS, TRAIN_COLUMNS, Curves


@dataclass(frozen=True)
class MeasureGroup:
    """Measures that are drawn together, by their names; `spread` is the deviation of the only one."""

    title: str
    names: tuple[str, ...]
    spread: str = ""


def measure_groups(curves: Curves) -> list[MeasureGroup]:
    """The loss, and whatever the objective measures; the page has the same in src/chart/measures.ts."""
    every_run_has = {*TRAIN_COLUMNS, *EVAL_COLUMNS}
    measured = [name for name in curves.train.columns if name not in every_run_has]
    measured += [name for name in curves.eval.columns if name not in every_run_has and name not in measured]
    groups, named = [], set()
    for group in _groups():
        named |= {*group.names, group.spread}
        names = tuple(name for name in group.names if name == "loss" or name in measured)
        if names:
            groups.append(MeasureGroup(group.title, names, group.spread))
    return groups + [MeasureGroup(name, (name,)) for name in measured if name not in named]


def shown_name(names: Iterable[str]) -> str:
    """The measure that says most: the loss of objectives that are rewarded says little."""
    return "reward" if "reward" in names else "loss"


def _groups() -> list[MeasureGroup]:
    """In the order in which they are offered."""
    return [
        MeasureGroup(_("Loss"), ("loss",)),
        MeasureGroup(_("Reward"), ("reward",), spread="reward_std"),
        MeasureGroup(_("Rewards"), ("rewards/chosen", "rewards/rejected")),
        MeasureGroup(_("Accuracy"), ("rewards/accuracies",)),
        MeasureGroup(_("Accuracy"), ("accuracy",)),
        MeasureGroup(_("Margin"), ("rewards/margins",)),
        MeasureGroup(_("Margin"), ("margin",)),
        MeasureGroup(_("Scores"), ("mean_reward", "min_reward", "max_reward")),
        MeasureGroup(_("Log-probabilities"), ("logps/chosen", "logps/rejected")),
        MeasureGroup(_("KL divergence"), ("kl",)),
        MeasureGroup(_("KL divergence of a step"), ("approx_kl",)),
        MeasureGroup(_("KL coefficient"), ("kl_coef",)),
        MeasureGroup(_("Entropy"), ("entropy",)),
        MeasureGroup(_("Policy loss"), ("policy_loss",)),
        MeasureGroup(_("Value loss"), ("value_loss",)),
        MeasureGroup(_("Explained variance"), ("explained_variance",)),
        MeasureGroup(_("Clip fraction"), ("clip_fraction",)),
        MeasureGroup(
            _("Clip ratio"), ("clip_ratio/low_mean", "clip_ratio/high_mean", "clip_ratio/region_mean")
        ),
        MeasureGroup(_("Groups that score alike"), ("frac_reward_zero_std",)),
        MeasureGroup(_("Answer length"), ("answer_length",)),
        MeasureGroup(_("Answers that ended"), ("ended",)),
        MeasureGroup(_("Negative log-likelihood"), ("nll",)),
    ]
