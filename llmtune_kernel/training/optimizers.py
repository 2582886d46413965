"""Optimizers that transformers does not make, or not as a run needs them."""

from __future__ import annotations

import functools
import importlib.util
import random
import shutil
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from transformers import TrainingArguments

from llmtune_kernel.config import LoraMethod, RunConfig, UserError
from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.config.optimizers import (
    LAYERWISE,
    LOW_RANK,
    ON_CUDA,
    OPTIMIZERS,
    OptimizerName,
    settings,
)
from llmtune_kernel.locale import _
from llmtune_kernel.models.loading import device
from llmtune_kernel.models.parts import blocks, matrices, projected

# What is not named like the package that it comes in.
_MODULES = {"torch-optimi": "optimi"}
_NOT_OF_TRANSFORMERS = ("muon", "adam_mini", "badam", "grokadamw")

Group = dict[str, Any]


def check_optimizer(name: OptimizerName) -> None:
    """Raise UserError if an optimizer needs a package, a compiler or a device that is not there."""
    where, one = f"training.optim: {name}", OPTIMIZERS[name]
    module = _MODULES.get(one.package or "", (one.package or "").replace("-", "_"))
    if one.package and importlib.util.find_spec(module) is None:
        raise UserError(
            _("The optimizer {name} needs the package {package}.", name=name, package=one.package),
            where,
            _("Install it: %pip install {package}", package=one.package),
            [leave_out("training.optim")],
        )
    if name in ON_CUDA and device().type != "cuda":
        raise UserError(
            _("The optimizer {name} needs an NVIDIA GPU.", name=name),
            where,
            _("Take another optimizer."),
            [leave_out("training.optim")],
        )
    if one.package == "torchao" and device().type == "cpu" and not shutil.which("g++"):
        raise UserError(
            _("The optimizer {name} needs a C++ compiler on a CPU.", name=name),
            where,
            _("Install one (apt install g++), or take adamw_8bit."),
            [change_to("training.optim", "adamw_8bit")],
        )


def optimizer_arguments(config: RunConfig) -> dict[str, Any]:
    """The optimizer of a run in the terms of `TrainingArguments`."""
    training = config.training
    given = ",".join(f"{key}={value}" for key, value in settings(training.optim, training.optim_args).items())
    ours = training.optim in (*_NOT_OF_TRANSFORMERS, *LOW_RANK)
    return {
        "optim": "adamw_torch" if ours else training.optim,
        "optim_args": None if ours else given or None,
        "adam_beta1": training.adam_beta1,
        "adam_beta2": training.adam_beta2,
        "adam_epsilon": training.adam_epsilon,
    }


def make_optimizer(
    config: RunConfig, model: Any, args: TrainingArguments, decayed: Iterable[str]
) -> torch.optim.Optimizer | None:
    """The optimizer of a run; None where transformers makes the right one.

    Args:
        decayed: Names of the weights that decay.

    Raises:
        UserError: no module of the model has a name of `optim_target_modules`.
    """
    name, method = config.training.optim, config.method
    if isinstance(method, LoraMethod) and method.loraplus_lr_ratio:
        return _loraplus(model, args, method.loraplus_lr_ratio)
    weights = {key: weight for key, weight in model.named_parameters() if weight.requires_grad}
    adam: dict[str, Any] = {
        "lr": args.learning_rate,
        "betas": (args.adam_beta1, args.adam_beta2),
        "eps": args.adam_epsilon,
    }
    decays: set[str] = set(decayed)
    chosen: dict[str, Any] = settings(name, config.training.optim_args)

    def groups(names: Iterable[str], **more: Any) -> list[Group]:
        """Of the weights of these names those that decay, and those that do not."""
        parts: dict[float, list[nn.Parameter]] = {}
        for key in names:
            parts.setdefault(args.weight_decay if key in decays else 0.0, []).append(weights[key])
        return [{"params": part, "weight_decay": decay, **more} for decay, part in parts.items()]

    def without(some: Iterable[str]) -> list[str]:
        return [key for key in weights if key not in some]

    if name in LOW_RANK:
        flat = [key for key in projected(config.training, model) if key in weights]
        parts = [*groups(without(flat)), *groups(flat, **chosen)]
        make = _low_rank(name, adam)
        return LayerByLayer(parts, make) if name in LAYERWISE else make(parts)
    if name == "muon":
        hidden = [key for key in matrices(model) if key in weights]
        muon: Any = functools.partial(torch.optim.Muon, lr=args.learning_rate, adjust_lr_fn="match_rms_adamw")
        return Together([muon(groups(hidden), **chosen), torch.optim.AdamW(groups(without(hidden)), **adam)])
    if name == "adam_mini":
        return _adam_mini(model, args, adam)
    if name == "grokadamw":
        return _grokadamw(groups(weights), adam | chosen)
    if name == "badam":
        found = [groups([key for key in block if key in weights]) for block in blocks(model)]
        return BlockByBlock([block for block in found if block], adam, **chosen)
    return None


def _loraplus(model: Any, args: TrainingArguments, ratio: float) -> torch.optim.Optimizer:
    """With a learning rate of their own for the B matrices (Hayou et al. 2024, "LoRA+")."""
    from peft.optimizers import create_loraplus_optimizer
    from transformers import Trainer

    kind, arguments = Trainer.get_optimizer_cls_and_kwargs(args, model)
    return create_loraplus_optimizer(
        model,
        kind,
        loraplus_lr_ratio=ratio,
        loraplus_lr_embedding=arguments["lr"],
        loraplus_weight_decay=args.weight_decay,
        **arguments,
    )


def _low_rank(name: str, adam: dict[str, Any]) -> Callable[[list[Group]], torch.optim.Optimizer]:
    """Makes a low-rank optimizer of its groups; its checkpoints hold projections, which may then be read."""
    if name.startswith("apollo"):
        from apollo_torch import APOLLOAdamW, random_projector, svd_projector

        torch.serialization.add_safe_globals(
            [random_projector.GradientProjector, svd_projector.GaLoreProjector]
        )
        return functools.partial(APOLLOAdamW, **adam)
    from galore_torch import GaLoreAdafactor, GaLoreAdamW, GaLoreAdamW8bit, galore_projector

    torch.serialization.add_safe_globals([galore_projector.GaLoreProjector])
    if "adafactor" in name:
        return functools.partial(GaLoreAdafactor, lr=adam["lr"], scale_parameter=False, relative_step=False)
    if "8bit" in name:
        return functools.partial(GaLoreAdamW8bit, **adam)
    return functools.partial(GaLoreAdamW, **adam, no_deprecation_warning=True)


def _adam_mini(model: Any, args: TrainingArguments, adam: dict[str, Any]) -> torch.optim.Optimizer:
    from adam_mini import Adam_mini

    text = model.config.get_text_config()
    result: torch.optim.Optimizer = Adam_mini(
        model.named_parameters(),
        **adam,
        weight_decay=args.weight_decay,
        dim=text.hidden_size,
        n_heads=text.num_attention_heads,
        n_kv_heads=getattr(text, "num_key_value_heads", None),
        verbose=False,
    )
    return result


def _grokadamw(groups: list[Group], arguments: dict[str, Any]) -> torch.optim.Optimizer:
    from grokadamw import GrokAdamW

    class SavedGrokAdamW(GrokAdamW):  # type: ignore[misc]
        """Keeps its state by weight, where no checkpoint would find it again."""

        def state_dict(self) -> dict[str, Any]:
            whole = super().state_dict()
            for group in whole["param_groups"]:
                group["state"] = list(group.get("state", {}).values())
            return dict(whole)

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            super().load_state_dict(state_dict)
            for group in self.param_groups:
                group["state"] = dict(zip(group["params"], group["state"], strict=False))

    result: torch.optim.Optimizer = SavedGrokAdamW(groups, **arguments)
    return result


class Together(torch.optim.Optimizer):
    """Several optimizers, each for some of the weights, as one."""

    def __init__(self, parts: list[torch.optim.Optimizer]) -> None:
        self._parts = parts
        super().__init__([group for part in parts for group in part.param_groups], {})
        self._share_groups()

    def _share_groups(self) -> None:
        # The same dictionaries, so that a schedule that changes a rate here changes it there.
        self.param_groups = [group for part in self._parts for group in part.param_groups]

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update all weights."""
        for part in self._parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """The state of each part."""
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what `state_dict` gave."""
        for part, state in zip(self._parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share_groups()


class LayerByLayer(torch.optim.Optimizer):
    """Updates each weight in the backward pass, and gives its gradient's memory back before the next one needs any.

    Args:
        make: Makes the optimizer of one weight.
    """

    def __init__(self, groups: list[Group], make: Callable[[list[Group]], torch.optim.Optimizer]) -> None:
        super().__init__(groups, {})
        self._own: list[torch.optim.Optimizer] = []
        for group in self.param_groups:
            for weight in group["params"]:
                optimizer = make([{**group, "params": [weight]}])
                group.setdefault("lr", optimizer.defaults["lr"])
                self._own.append(optimizer)
                weight.register_post_accumulate_grad_hook(functools.partial(_update, optimizer, group))

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Nothing: all is done."""

    def state_dict(self) -> dict[str, Any]:
        """The state of each weight's optimizer."""
        return {"own": [optimizer.state_dict() for optimizer in self._own]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what `state_dict` gave."""
        for optimizer, state in zip(self._own, state_dict["own"], strict=True):
            optimizer.load_state_dict(state)


def _update(optimizer: torch.optim.Optimizer, group: Group, weight: torch.Tensor) -> None:
    optimizer.param_groups[0]["lr"] = group["lr"]
    optimizer.step()
    weight.grad = None


class BlockByBlock(torch.optim.Optimizer):
    """AdamW on one block of weights at a time: gradients and state of the others take no memory.

    Luo et al. 2024, "BAdam: A Memory Efficient Full Parameter Optimization Method for Large Language Models".

    Args:
        blocks: Of each the groups of its weights.
        switch_every: Steps before it is another block's turn, whose state then begins anew.
    """

    def __init__(
        self, blocks: list[list[Group]], adam: dict[str, Any], *, switch_mode: str, switch_every: int
    ) -> None:
        super().__init__([group for block in blocks for group in block], dict(adam))
        self._blocks, self._mode, self._every = blocks, switch_mode, switch_every
        self._done = 0
        self._turns: list[int] = []
        self._begin(self._next())

    def _next(self) -> int:
        count = len(self._blocks)
        if not self._turns:
            self._turns = list(range(count))
            if self._mode == "descending":
                self._turns.reverse()
            elif self._mode == "random":
                random.shuffle(self._turns)
        return self._turns[0] if self._mode == "fixed" else self._turns.pop(0)

    def _begin(self, number: int) -> None:
        self._number = number
        for other, block in enumerate(self._blocks):
            for weight in (weight for group in block for weight in group["params"]):
                weight.requires_grad_(other == number)
                if other != number:
                    weight.grad = None
        self._adam = torch.optim.AdamW([dict(group) for group in self._blocks[number]], **self.defaults)

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update the block whose turn it is."""
        for group in self._adam.param_groups:
            group["lr"] = self.param_groups[0]["lr"]
        self._adam.step()
        self.state = self._adam.state
        self._done += 1
        if self._done % self._every == 0 and self._mode != "fixed":
            self._begin(self._next())

    def state_dict(self) -> dict[str, Any]:
        """Which block's turn it is, and its state."""
        turn = {"number": self._number, "turns": self._turns, "done": self._done}
        return {**turn, "adam": self._adam.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what `state_dict` gave."""
        self._turns, self._done = state_dict["turns"], state_dict["done"]
        self._begin(state_dict["number"])
        self._adam.load_state_dict(state_dict["adam"])
