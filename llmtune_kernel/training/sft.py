"""Supervised fine-tuning: the negative log-likelihood of the trained tokens, or a loss that weighs them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.nn.functional import cross_entropy, kl_div

from llmtune_kernel.config import SftObjective
from llmtune_kernel.training.neftune import noisy_embeddings
from llmtune_kernel.training.objective import Forward, Loss
from llmtune_kernel.training.reference import Reference

# By how many of the likeliest tokens EAFT estimates the entropy.
_LIKELIEST = 20


class SupervisedFineTuning:
    """Minimizes the mean over the targets."""

    def __init__(self, config: SftObjective, forward: Forward, reference: Reference) -> None:
        self._config, self._forward, self._reference = config, forward, reference

    def count(self, batch: dict[str, Any]) -> int:
        """Targets."""
        return int(batch["targets"].numel())

    def loss(self, model: Any, batch: dict[str, Any]) -> Loss:
        """Their loss; where that is not the negative log-likelihood, `nll` is measured, and for asft `kl`."""
        config, targets = self._config, batch["targets"]
        # Before the model itself: so it needs no memory beside the graph.
        reference = self._reference(self.ask, batch) if config.loss == "asft" else None
        with noisy_embeddings(model, batch, config.neftune_noise_alpha):
            logits = self._forward.logits(model, batch)
        if config.loss == "nll" and not config.label_smoothing:
            return Loss(cross_entropy(logits, targets, reduction="sum"))
        nll = cross_entropy(logits, targets, reduction="none")
        measures = {"nll": nll}
        match config.loss:
            case "nll":
                smoothing = config.label_smoothing
                losses = cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing)
            case "dft":
                losses = dynamic(nll)
            case "eaft":
                losses = nll * relative_entropy(logits) ** config.eaft_alpha
            case "asft":
                assert reference is not None
                measures["kl"] = divergence(reference, logits)
                losses = dynamic(nll) + config.asft_alpha * measures["kl"]
        return Loss(losses.sum(), measures)

    def ask(self, model: Any, batch: dict[str, Any]) -> torch.Tensor:
        """Log-probability of every token of the vocabulary at each target, (targets, vocabulary)."""
        return self._forward.logits(model, batch).log_softmax(-1)


def dynamic(nll: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihoods (targets,), each times the probability of its token, which is not differentiated.

    Wu et al. 2025, "On the Generalization of SFT" (dynamic fine-tuning, DFT).
    """
    return nll * torch.exp(-nll.detach())


def relative_entropy(logits: torch.Tensor) -> torch.Tensor:
    """Entropy of each prediction as a share of the most it can be, (targets,), over its likeliest tokens; detached.

    Diao et al. 2026, "Entropy-Adaptive Fine-Tuning" (EAFT).
    """
    likeliest = logits.detach().topk(min(_LIKELIEST, logits.shape[-1])).values.log_softmax(-1)
    return -(likeliest.exp() * likeliest).sum(-1) / math.log(likeliest.shape[-1])


def divergence(reference: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """KL divergence of each prediction from that of the reference, (targets,).

    Zhu et al. 2025, "Anchored Supervised Fine-Tuning" (ASFT), the reference first, as its authors did.

    Args:
        reference: Log-probabilities (targets, vocabulary).
    """
    return kl_div(logits.log_softmax(-1), reference, reduction="none", log_target=True).sum(-1)
