"""The trainer: `transformers.Trainer` with our objectives, exact means and a step boundary that takes orders."""

from __future__ import annotations

import contextlib
import gc
import itertools
import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, cast

import psutil
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import Trainer, TrainingArguments
from transformers.training_args import OptimizerNames

from llmtune_kernel.config import AdaLoraMethod, RunConfig, UserError
from llmtune_kernel.config.optimizers import AT_ONCE
from llmtune_kernel.depths import choice_losses, noted
from llmtune_kernel.locale import _
from llmtune_kernel.models.out_of_memory import out_of_memory
from llmtune_kernel.runs.events import Checkpoint, Evaluation, Log, Metrics, Payload
from llmtune_kernel.runs.wording import number, written
from llmtune_kernel.training.adalora import RankSchedule
from llmtune_kernel.training.best import BEST, Best
from llmtune_kernel.training.collation import Item
from llmtune_kernel.training.objective import Loss, Means, Objective
from llmtune_kernel.training.offloading import offloading
from llmtune_kernel.training.optimizers import make_optimizer, optimizer_arguments

_STEPS_FOR_ETA = 20
# Reports without a finite loss, one after the other, before a run is given up.
_NOT_FINITE = 3


class AtBoundary(Protocol):
    """What happens between two steps: samples, orders from outside. Returns whether to stop."""

    def __call__(self, step: int, last: bool) -> bool: ...


def training_arguments(
    config: RunConfig, directory: Path, checkpointing: bool, on_cpu: bool, caches: bool = True
) -> TrainingArguments:
    """Our settings in transformers' terms; saving, evaluating and reporting are done at the step boundary.

    Args:
        caches: Whether the model answers with a cache of keys and values.
    """
    training = config.training
    chosen = optimizer_arguments(config)
    arguments = TrainingArguments(
        output_dir=str(directory),
        num_train_epochs=training.num_train_epochs,
        max_steps=training.max_steps or -1,
        per_device_train_batch_size=training.per_device_train_batch_size,
        gradient_accumulation_steps=training.gradient_accumulation_steps,
        learning_rate=config.learning_rate_value,
        lr_scheduler_type=training.lr_scheduler_type,
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
        **chosen,
        seed=training.seed,
        logging_steps=training.logging_steps,
        logging_first_step=True,
        fp16=config.model.dtype == "float16",  # scales the loss, so that small gradients are not lost
        gradient_checkpointing=checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False} if checkpointing else None,
        save_strategy="no",
        eval_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=not on_cpu,
        use_cpu=on_cpu,
        use_cache=caches,  # written into the configuration of the result
    )
    arguments.optim = OptimizerNames(chosen["optim"])  # Unsloth puts others in the place of some
    return arguments


class LLMTrainer(Trainer):
    """Trains for an objective and tells what happens as event payloads.

    Args:
        config: The run.
        collate: Makes items a batch.
        emit: Takes the payload of each event.
        at_boundary: Called after each optimizer step.
    """

    def __init__(
        self,
        model: Any,
        args: TrainingArguments,
        *,
        config: RunConfig,
        train: Dataset[Any],
        evaluation: Dataset[Any] | None,
        objective: Objective,
        collate: Callable[[list[Item]], dict[str, Any]],
        emit: Callable[[Payload], None],
        at_boundary: AtBoundary,
        checkpoints: Path,
    ) -> None:
        # Items stay apart until they are learned from: fewer of them may go together then.
        apart: Any = list
        super().__init__(model=model, args=args, train_dataset=train, data_collator=apart)
        self._collate = collate
        # Otherwise Trainer divides a loss that is exact already by the number of accumulated batches.
        self.model_accepts_loss_kwargs = True
        self._tuned = model
        # Here: an optimizer may train them by turns.
        self._trained = [weight for weight in model.parameters() if weight.requires_grad]
        self._config, self._evaluation, self._objective = config, evaluation, objective
        self._emit, self._at_boundary, self._checkpoints = emit, at_boundary, checkpoints
        training = config.training
        kept = checkpoints.parent / BEST if training.load_best_model_at_end else None
        self.best = Best(kept, self._trained, training.early_stopping_patience)
        self._evaluated = math.nan
        self._means = Means()
        self._new_tokens = self.tokens = 0
        self._parts = 1  # of a batch, each of which goes through the model by itself
        self._busy = 0.0
        self._step_seconds: list[float] = []
        self._boundary_step = -1
        self._not_finite = 0
        self._since = time.perf_counter()
        self._ranks: RankSchedule | None = None
        if isinstance(config.method, AdaLoraMethod):
            self._ranks = RankSchedule(config.method, model)
            self.add_callback(self._ranks)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The schedule of the learning rate; warm-up is rounded down, and never all there is."""
        training = self._config.training
        # The first step of a warm-up has rate 0. The small number makes 28.999… of 0.29 * 100 a 29 again.
        share = math.floor(training.warmup_ratio * num_training_steps + 1e-9)
        warmup = share if training.warmup_steps is None else training.warmup_steps
        self.args.warmup_steps = min(warmup, num_training_steps - 1)
        return super().create_scheduler(num_training_steps, optimizer)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """The optimizer: ours where transformers has none that does."""
        if self.optimizer is None:
            decayed = self.get_decay_parameter_names(self._tuned)
            self.optimizer = make_optimizer(self._config, self._tuned, self.args, decayed)
        return super().create_optimizer(model)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        schedule, optimizer = self.lr_scheduler, self.optimizer
        assert schedule is not None
        assert optimizer is not None
        rates = schedule.base_lrs
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is None:
            return
        # What was loaded is the rate of the schedule of before; this one may end later, or be of another height.
        factors = [factor(schedule.last_epoch) for factor in schedule.lr_lambdas]
        schedule.base_lrs = rates
        schedule._last_lr = [rate * factor for rate, factor in zip(rates, factors, strict=True)]
        for group, rate, current in zip(optimizer.param_groups, rates, schedule.get_last_lr(), strict=True):
            group["initial_lr"], group["lr"] = rate, current

    def compute_loss(self, model: Any, inputs: dict[str, Any], *_: Any, **kwargs: Any) -> torch.Tensor:
        """Mean over all that the objective counts in the whole optimizer step, this batch's share of it."""
        away = offloading(model) if self._config.training.activation_offloading else contextlib.nullcontext()
        with away, noted(model) as choices:
            loss, count = self._objective.loss(model, inputs), self._objective.count(inputs)
        total = loss.total
        if self._ranks:
            penalty = self._ranks.penalty()
            total = total + count * self._ranks.weight * penalty
            loss = Loss(loss.total, {**loss.measures, "orthogonality": penalty[None]})
        if choices:
            missed = choice_losses(choices)
            total = total + count * missed.mean()
            loss = Loss(loss.total, {**loss.measures, "routing": missed})
        self._means.add(loss, count)
        self._new_tokens += _tokens(inputs)
        # Several processes average their gradients; the mean over all of them is a sum of their shares.
        result: torch.Tensor = total / kwargs["num_items_in_batch"] * self.accelerator.num_processes
        return result

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: Any) -> Any:
        """The items of each batch of one optimizer step, and what the objective counts in them, over all processes."""
        self._step_items: list[list[Any]] = super().get_batch_samples(epoch_iterator, num_batches, device)[0]
        self._begun = 0
        self._before = self._means.copy(), self._new_tokens
        self._make_batches()
        return self._step_items, self._counted

    def _make_batches(self) -> None:
        """Make of the items of the step its batches, each in parts where the whole was too much, and count in them."""
        self._step_batches = [self._parted(items) for items in self._step_items]
        counted = sum(self._objective.count(part) for parts in self._step_batches for part in parts)
        count: torch.Tensor = self.accelerator.gather(torch.tensor(counted, device=self.args.device)).sum()
        self._counted = count.clamp(min=1)  # all answers may be left out

    def _parted(self, items: list[Any]) -> list[dict[str, Any]]:
        size = math.ceil(len(items) / self._parts)
        return [self._batch(items[start : start + size]) for start in range(0, len(items), size)]

    def _batch(self, items: list[Any]) -> dict[str, Any]:
        return self._collate(items)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """Learn from the next batch of the step; where memory runs out, the step is begun again with smaller batches.

        Args:
            inputs: Its items, which are a batch already.

        Raises:
            RuntimeError: memory ran out, and batches cannot be, or are not to be, smaller.
        """
        first, self._begun = self._begun, self._begun + 1
        while True:
            try:
                return self._learn(model, self._step_batches[first : self._begun])
            except (RuntimeError, MemoryError, OSError) as error:
                if not (out_of_memory(error) and self._can_be_smaller):
                    raise
            # Here, where the error is gone and with it all that its frames held.
            self._halve(model)
            first = 0

    def _learn(self, model: Any, batches: list[list[dict[str, Any]]]) -> torch.Tensor:
        losses = torch.zeros((), device=self.args.device)
        for part in itertools.chain(*batches):
            losses += super().training_step(model, part, self._counted)
        return losses

    @property
    def _can_be_smaller(self) -> bool:
        training = self._config.training
        return training.auto_batch_size and self._parts < training.per_device_train_batch_size

    def _halve(self, model: Any) -> None:
        """Forget what was learned in this step, and make the parts of batches half as large."""
        training, step = self._config.training, self.state.global_step
        self._parts *= 2
        model.zero_grad()
        gc.collect()
        torch.cuda.empty_cache()
        means, self._new_tokens = self._before
        self._means = means.copy()
        self._make_batches()
        settings = {
            "training.per_device_train_batch_size": math.ceil(
                training.per_device_train_batch_size / self._parts
            ),
            "training.gradient_accumulation_steps": training.gradient_accumulation_steps * self._parts,
        }
        message = _(
            "Memory ran out after step {step}; it goes on from there with {settings}.",
            step=step,
            settings=written(settings),
        )
        self._emit(Log(level="warning", message=message))

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Not counted: nothing shows it."""
        return 0

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Emit metrics; Trainer calls this every `logging_steps`. Its summary at the end is not an event."""
        if "learning_rate" not in logs:
            return
        loss = self._means.loss
        self.tokens += self._new_tokens
        recent = self._step_seconds[-_STEPS_FOR_ETA:]
        left = self.state.max_steps - self.state.global_step
        self._not_finite = 0 if math.isfinite(loss) else self._not_finite + 1
        if self._not_finite == 1:
            message = _("The loss is not finite at step {step}.", step=self.state.global_step)
            self._emit(Log(level="warning", message=message))
        self._emit(
            Metrics(
                step=self.state.global_step,
                max_steps=self.state.max_steps,
                epoch=round(self.state.epoch or 0.0, 4),
                loss=_finite(loss),
                learning_rate=logs["learning_rate"],
                grad_norm=self._grad_norm(logs),
                tokens=self.tokens,
                tokens_per_second=round(self._new_tokens / self._busy, 2),
                memory=_memory(self.args.device),
                eta=round(left * sum(recent) / len(recent), 1),
                measures=self._means.measures,
            )
        )
        self._means = Means()
        self._new_tokens = 0
        self._busy = 0.0
        if self._not_finite == _NOT_FINITE:
            raise self._diverged()

    def _grad_norm(self, logs: dict[str, float]) -> float | None:
        """The norm of all gradients; unknown where they are gone before all are there."""
        if self._config.training.optim in AT_ONCE or "grad_norm" not in logs:
            return None
        return _finite(logs["grad_norm"])

    def check_finite(self) -> None:
        """Raise UserError if what was trained is not numbers any more: nobody wants it saved."""
        if not all(weight.isfinite().all() for weight in self._trained):
            raise self._diverged()

    def _diverged(self) -> UserError:
        return UserError(
            _(
                "The training diverged: at step {step} the loss or the weights are not finite.",
                step=self.state.global_step,
            ),
            f"training.learning_rate: {number(self._config.learning_rate_value)}",
            _("Lower it. Checkpoints saved before are sound."),
        )

    def _maybe_log_save_evaluate(self, *args: Any, **kwargs: Any) -> None:
        # The one place between an optimizer step with all its consequences and the next step.
        step = self.state.global_step
        if step == self._boundary_step:  # called once more at the end of an epoch
            return
        self._boundary_step = step
        seconds = time.perf_counter() - self._since
        self._busy += seconds
        self._step_seconds.append(seconds)
        last = step >= self.state.max_steps
        self.control.should_log |= last
        super()._maybe_log_save_evaluate(*args, **kwargs)
        # Schedule-free optimizers train other weights than those that answer; the next step takes them up again.
        cast(Any, self.optimizer).eval()
        if self._evaluation is not None and self._due(self._config.training.eval_steps, last, or_epoch=True):
            self.evaluate_loss()
            if self.best.seen(self._evaluated, step) and not last:
                message = _(
                    "Ends early: the evaluation loss of step {step} is the lowest.", step=self.best.step
                )
                self._emit(Log(message=message))
                last = self.control.should_training_stop = True
        if self._at_boundary(step, last):
            self.control.should_training_stop = True
        self._since = time.perf_counter()

    def _due(self, every: int | None, last: bool, or_epoch: bool) -> bool:
        if last or (every and self.state.global_step % every == 0):
            return True
        return or_epoch and not every and self.ends_epoch

    @property
    def ends_epoch(self) -> bool:
        """Whether the last step was the last one of an epoch."""
        epoch = self.state.epoch or 0.0
        return epoch == int(epoch)

    @torch.no_grad()
    def evaluate_loss(self) -> None:
        """Emit the mean loss over all evaluation rows, and its measures."""
        assert self._evaluation is not None
        began, means, targets = time.perf_counter(), Means(), 0
        loader = DataLoader(
            self._evaluation,
            batch_size=self._config.training.per_device_eval_batch_size,
            collate_fn=self.data_collator,
        )
        self._tuned.eval()
        for items in loader:
            batch = self._batch(items)
            loss = self._objective.loss(self._tuned, self._prepare_inputs(batch))
            means.add(loss, self._objective.count(batch))
            targets += batch["targets"].numel()
        self._tuned.train()
        self._evaluated = means.loss
        self._emit(
            Evaluation(
                step=self.state.global_step,
                epoch=round(self.state.epoch or 0.0, 4),
                loss=_finite(means.loss),
                tokens=targets,
                seconds=round(time.perf_counter() - began, 2),
                measures=means.measures,
            )
        )

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        if self._ranks is None:
            super()._save_checkpoint(model, trial)
            return
        with self._ranks.whole():
            super()._save_checkpoint(model, trial)
        self._ranks.save(self._checkpoints / f"checkpoint-{self.state.global_step}")

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        self.best.go_on_from(Path(resume_from_checkpoint))
        if self._ranks:
            self._ranks.load(Path(resume_from_checkpoint))

    def save_checkpoint(self) -> None:
        """Write weights, optimizer, scheduler and random state to `checkpoints/step-NNNNNN`.

        Raises:
            UserError: the weights are not finite.
        """
        target = self._checkpoints / f"step-{self.state.global_step:06d}"
        partial = self._checkpoints / f"checkpoint-{self.state.global_step}"
        if not target.exists():
            self.check_finite()
            try:
                self._save_checkpoint(self._tuned, trial=None)
                # Under this name only once it is whole.
                partial.rename(target)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        path = f"{self._checkpoints.name}/{target.name}"
        self._emit(Checkpoint(step=self.state.global_step, path=path, kind="checkpoint"))


def _tokens(batch: dict[str, Any]) -> int:
    mask = batch.get("attention_mask")
    return int(batch["input_ids"].numel() if mask is None else mask.sum())


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return int(psutil.Process().memory_info().rss)
