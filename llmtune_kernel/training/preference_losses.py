"""Losses of preference pairs: what each paper's formula makes of the log-probabilities of two answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.functional import logsigmoid

from llmtune_kernel.config.objectives import WITHOUT_REFERENCE, DpoObjective, PreferenceLoss


@dataclass(frozen=True)
class Pairs:
    """Preference pairs, tensors (pairs,) of the better answers and of the worse ones.

    `chosen`, `rejected`: log-probabilities, in sum; `reference_…`: those of the reference, 0 where none is needed;
    `…_length`: in tokens.
    """

    chosen: torch.Tensor
    rejected: torch.Tensor
    reference_chosen: torch.Tensor
    reference_rejected: torch.Tensor
    chosen_length: torch.Tensor
    rejected_length: torch.Tensor

    @property
    def chosen_ratio(self) -> torch.Tensor:
        """How much likelier the better answer is than for the reference, as a logarithm."""
        return self.chosen - self.reference_chosen

    @property
    def rejected_ratio(self) -> torch.Tensor:
        """The same of the worse answer."""
        return self.rejected - self.reference_rejected

    @property
    def margin(self) -> torch.Tensor:
        """By how much the first is above the second."""
        return self.chosen_ratio - self.rejected_ratio

    @property
    def chosen_mean(self) -> torch.Tensor:
        """Log-probability a token of the better answer."""
        return self.chosen / self.chosen_length

    @property
    def rejected_mean(self) -> torch.Tensor:
        """The same of the worse answer."""
        return self.rejected / self.rejected_length


def preference_losses(pairs: Pairs, config: DpoObjective) -> torch.Tensor:
    """The loss of each pair, (pairs,), without what `pref_ftx` adds."""
    return _LOSSES[config.loss](pairs, config)


def rewards(pairs: Pairs, config: DpoObjective) -> tuple[torch.Tensor, torch.Tensor]:
    """The rewards that the loss implies of the better answers and of the worse ones, (pairs,) each, detached."""
    if config.loss not in WITHOUT_REFERENCE:
        chosen, rejected = pairs.chosen_ratio, pairs.rejected_ratio
    elif config.loss == "cpo":
        chosen, rejected = pairs.chosen, pairs.rejected
    else:
        chosen, rejected = pairs.chosen_mean, pairs.rejected_mean
    return config.beta * chosen.detach(), config.beta * rejected.detach()


def _smoothed(margin: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Of pairs of which a share is the wrong way round (conservative DPO, Mitchell 2023)."""
    return -(1 - smoothing) * logsigmoid(margin) - smoothing * logsigmoid(-margin)


def _sigmoid(pairs: Pairs, config: DpoObjective) -> torch.Tensor:
    """Rafailov et al. 2023, "Direct Preference Optimization", equation 7."""
    return _smoothed(config.beta * pairs.margin, config.label_smoothing)


def _hinge(pairs: Pairs, config: DpoObjective) -> torch.Tensor:
    """Zhao et al. 2023, "SLiC-HF", with the margin of DPO as in Liu et al. 2023, "RSO"."""
    return torch.relu(1 - config.beta * pairs.margin)


def _ipo(pairs: Pairs, config: DpoObjective) -> torch.Tensor:
    """Azar et al. 2023, "A General Theoretical Paradigm", equation 17; means over tokens, as its authors did."""
    margin = pairs.chosen_ratio / pairs.chosen_length - pairs.rejected_ratio / pairs.rejected_length
    return (margin - 1 / (2 * config.beta)) ** 2


def _robust(pairs: Pairs, config: DpoObjective) -> torch.Tensor:
    """Chowdhury et al. 2024, "Provably Robust DPO"; sigmoid, unbiased by pairs that are the wrong way round."""
    margin, smoothing = config.beta * pairs.margin, config.label_smoothing
    unbiased = -(1 - smoothing) * logsigmoid(margin) + smoothing * logsigmoid(-margin)
    return unbiased / (1 - 2 * smoothing)


def _bco(pairs: Pairs, config: DpoObjective) -> torch.Tensor:
    """Jung et al. 2024, "Binary Classifier Optimization", on pairs, without the shift of the reward."""
    return -logsigmoid(config.beta * pairs.chosen_ratio) - logsigmoid(-config.beta * pairs.rejected_ratio)


def _orpo(pairs: Pairs, config: DpoObjective) -> torch.Tensor:
    """Hong et al. 2024, "ORPO", equations 6 and 7; `beta` is its λ."""
    chosen, rejected = pairs.chosen_mean, pairs.rejected_mean
    log_odds_ratio = chosen - rejected - (_log_complement(chosen) - _log_complement(rejected))
    return -chosen - config.beta * logsigmoid(log_odds_ratio)


def _log_complement(log_probability: torch.Tensor) -> torch.Tensor:
    """log(1 - p), exact for p near 0 and near 1; a certain answer counts as nearly certain."""
    certain = -torch.finfo(log_probability.dtype).eps
    return torch.log(-torch.expm1(log_probability.clamp(max=certain)))


def _simpo(pairs: Pairs, config: DpoObjective) -> torch.Tensor:
    """Meng et al. 2024, "SimPO", equation 6."""
    margin = config.beta * (pairs.chosen_mean - pairs.rejected_mean) - config.margin
    return _smoothed(margin, config.label_smoothing)


def _cpo(pairs: Pairs, config: DpoObjective) -> torch.Tensor:
    """Xu et al. 2024, "Contrastive Preference Optimization"; likelihood as a mean over tokens."""
    margin = config.beta * (pairs.chosen - pairs.rejected)
    return _smoothed(margin, config.label_smoothing) - pairs.chosen_mean


def _apo_zero(pairs: Pairs, config: DpoObjective) -> torch.Tensor:
    """D'Oosterlinck et al. 2024, "Anchored Preference Optimization", equation 7."""
    chosen, rejected = config.beta * pairs.chosen_ratio, config.beta * pairs.rejected_ratio
    return 1 - torch.sigmoid(chosen) + torch.sigmoid(rejected)


def _apo_down(pairs: Pairs, config: DpoObjective) -> torch.Tensor:
    """The same, equation 8."""
    return torch.sigmoid(config.beta * pairs.chosen_ratio) + 1 - torch.sigmoid(config.beta * pairs.margin)


_LOSSES: dict[PreferenceLoss, Callable[[Pairs, DpoObjective], torch.Tensor]] = {
    "sigmoid": _sigmoid,
    "hinge": _hinge,
    "ipo": _ipo,
    "robust": _robust,
    "bco": _bco,
    "orpo": _orpo,
    "simpo": _simpo,
    "cpo": _cpo,
    "apo_zero": _apo_zero,
    "apo_down": _apo_down,
}
