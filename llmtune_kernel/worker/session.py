"""One training session: load, train, save."""

from __future__ import annotations

import functools
import json
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import set_seed

from llmtune_kernel.config import RewardedObjective, RunConfig, UserError
from llmtune_kernel.config.data import Split
from llmtune_kernel.data.named_templates import set_template
from llmtune_kernel.data.sources import Place, find_sources
from llmtune_kernel.locale import _
from llmtune_kernel.models.depths import check_depths
from llmtune_kernel.models.loading import compute_dtype, load_configuration
from llmtune_kernel.models.memory import checkpoint_bytes, result_bytes
from llmtune_kernel.models.out_of_memory import out_of_memory
from llmtune_kernel.models.prequantized import check_prequantized
from llmtune_kernel.models.sources import ModelSource
from llmtune_kernel.models.unsloth import check_length, check_loadable
from llmtune_kernel.models.vocabulary import tokenizer_of
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import EventReader, Log, MetricsEvent, Payload, State
from llmtune_kernel.runs.resuming import other_rows, refuse_other_rows, source_before
from llmtune_kernel.runs.wording import progress_text
from llmtune_kernel.training.rewarding import Reward, load_reward
from llmtune_kernel.training.tracking import TensorBoard
from llmtune_kernel.worker.answering import Answerer
from llmtune_kernel.worker.assembling import (
    Training,
    load_trainable,
    make_trainer,
    start_from_data,
    weight_dtype,
)
from llmtune_kernel.worker.boundary import Boundary
from llmtune_kernel.worker.comparing import load_reference
from llmtune_kernel.worker.control import ControlServer
from llmtune_kernel.worker.disk import check_space
from llmtune_kernel.worker.earlier import Earlier, find_base, keep_adapters
from llmtune_kernel.worker.estimating import Estimator
from llmtune_kernel.worker.fitting import too_little_memory
from llmtune_kernel.worker.machine import check_machine
from llmtune_kernel.worker.prepare import (
    PreparedData,
    largest_batch,
    prepare_data,
    refuse_unfit,
    total_steps,
)
from llmtune_kernel.worker.resolved import write_resolved
from llmtune_kernel.worker.room import decide_checkpointing
from llmtune_kernel.worker.saving import Saver
from llmtune_kernel.worker.telling import Teller, data_warnings, described, position_warnings

_PAUSE = 2.0  # seconds between two words on how far the reading has come


class Session:
    """Trains what `config` says and tells it with `emit`."""

    def __init__(
        self,
        config: RunConfig,
        directory: RunDirectory,
        control: ControlServer,
        emit: Callable[[Payload], None],
    ) -> None:
        self._config, self._directory, self._control = config, directory, control
        self._estimator: Estimator | None = None  # once there are data
        tracked = "tensorboard" in config.tracking.report_to
        self._tell = Teller(emit, TensorBoard(directory.tensorboard) if tracked else None)

    def run(self, checkpoint: Path | None) -> bool:
        """Train to the end (True) or until stopped (False), and save the result.

        Raises:
            UserError: any mistake in the configuration or the data; too little memory.
            Stopped: stopped before training began.
        """
        try:
            return self._run(checkpoint)
        except (RuntimeError, MemoryError, OSError) as error:
            if self._estimator is None or not out_of_memory(error):
                raise
            traceback.print_exc()
        # Here, where the error is gone and with it all that its frames held.
        raise too_little_memory(self._config, self._estimator)

    def _run(self, checkpoint: Path | None) -> bool:
        config = self._config
        check_machine(config)
        earlier = keep_adapters(config, self._directory, checkpoint)
        self._loading(_("finding the model"))
        source = find_base(config.model, self._loading)
        of_model = load_configuration(source)
        check_prequantized(config, of_model)
        check_depths(config, of_model)
        if config.model.backend == "unsloth":
            check_loadable(config.model, of_model, on_top=bool(earlier.beneath))
        tokenizer = tokenizer_of(config.model, source)
        set_template(tokenizer, config.data)
        data = self._read(tokenizer, checkpoint)
        if config.model.backend == "unsloth":
            check_length(config.model, of_model, data.longest)
        self._estimator = Estimator(source, largest_batch(config, data))
        reward = self._load_reward(tokenizer)
        training = self._load(source, tokenizer, data, reward, checkpoint, earlier)
        answerer = Answerer(training, config.samples, self._directory, control=self._control, tell=self._tell)
        saver = Saver(
            training, config, self._directory, control=self._control, answerer=answerer, tell=self._tell
        )
        self._boundary = Boundary(config, self._control, saver, answerer, self._tell)
        self._control.check_stop()
        self._tell(State(state="training"))
        training.trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        saver.result(stopped=self._boundary.stopped)
        self._tell.close()
        return not self._boundary.stopped

    def _loading(self, detail: str) -> None:
        self._control.check_stop()
        self._said = time.monotonic()
        if detail != self._tell.state.detail:
            self._tell(State(state="loading", detail=detail))

    def _read(self, tokenizer: Any, checkpoint: Path | None) -> PreparedData:
        """The data, checked against those of the run that is continued, and described."""
        self._loading(_("reading the data"))
        data = prepare_data(self._config, tokenizer, self._find, self._reading)
        refuse_unfit(self._config, data)
        if checkpoint:
            self._check_rows(RunDirectory(checkpoint.parents[1]), data)
        for message in described(self._config, tokenizer, data):
            self._tell(Log(message=message))
        for warning in data_warnings(self._config, tokenizer, data):
            self._tell.warn(warning)
        return data

    def _reading(self, done: int, total: int) -> None:
        """Say now and then how far it is with rows that take long."""
        self._control.check_stop()
        if time.monotonic() - self._said > _PAUSE:
            self._loading(progress_text("reading", done, total))

    def _find(self, split: Split) -> list[Place]:
        before = functools.partial(source_before, self._config)
        return find_sources(self._config.data, split, before, snapshot=self._directory.snapshot)

    def _check_rows(self, before: RunDirectory, data: PreparedData) -> None:
        """Refuse other rows than those of before where the run keeps its name; else say that they are others."""
        for name, split in data.splits().items():
            for number, source in enumerate(split.sources):
                rows = (name, number, source.found.fingerprint, source.rows)
                if before.path == self._directory.path:
                    refuse_other_rows(before, *rows)
                elif said := other_rows(before, *rows):
                    self._tell.warn(said)

    def _load_reward(self, tokenizer: Any) -> Reward | None:
        """What scores the answers of the model, where it learns from them."""
        config = self._config
        if not isinstance(config.objective, RewardedObjective):
            return None
        self._loading(_("loading the reward"))
        size = config.training.per_device_train_batch_size
        return load_reward(config.objective, self._directory, tokenizer, compute_dtype(config.model), size)

    def _load(
        self,
        source: ModelSource,
        tokenizer: Any,
        data: PreparedData,
        reward: Reward | None,
        checkpoint: Path | None,
        earlier: Earlier,
    ) -> Training:
        """The model and its trainer; there is room for what they will save."""
        config, directory = self._config, self._directory
        self._loading(_("loading the model"))
        set_seed(config.training.seed)
        dtype = compute_dtype(config.model)
        model, packed = load_trainable(config, source, dtype, self._tell, earlier)
        other, packed = load_reference(config, tokenizer, dtype, packed, self._loading)
        if config.scores:  # by it transformers finds where a sequence ends
            model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
        if not packed or reward is not None:
            data = data.apart()
        for warning in position_warnings(model, data):
            self._tell.warn(warning)
        write_resolved(directory, config, source, model, weight_dtype(config, dtype), data)
        results = 2 if config.training.load_best_model_at_end else 1
        check_space(directory, results * result_bytes(model) + checkpoint_bytes(config, model))
        if config.method.keeps_initial and earlier.start is None:
            start_from_data(model, data, config=config, dtype=dtype, packed=packed, loading=self._loading)
            model.save_pretrained(directory.initial)
        assert self._estimator is not None
        checkpointing = decide_checkpointing(
            config, model, other, dtype, self._estimator, self._tell, self._loading
        )
        trainer = make_trainer(
            model,
            data,
            config=config,
            checkpoints=directory.checkpoints,
            tokenizer=tokenizer,
            reward=reward,
            other=other,
            dtype=dtype,
            packed=packed,
            tell=self._tell,
            at_boundary=self._at_boundary,
            loading=self._loading,
            checkpointing=checkpointing,
        )
        if checkpoint:
            trainer.tokens = _tokens_before(checkpoint, total_steps(config, data))
        return Training(model, tokenizer, dtype, trainer)

    def _at_boundary(self, step: int, last: bool) -> bool:
        return self._boundary.reached(step, last)


def _tokens_before(checkpoint: Path, planned: int) -> int:
    """How many tokens were trained up to a checkpoint.

    Raises:
        UserError: it leaves none of the `planned` steps to do.
    """
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    done = state["global_step"]
    if done >= planned:
        raise UserError(
            _("The run has done {done} of {planned} steps already.", done=done, planned=planned),
            str(checkpoint),
            _("To train on, raise training.num_train_epochs or training.max_steps."),
        )
    metrics = (
        event.payload
        for event in EventReader(RunDirectory(checkpoint.parents[1]).events).read()
        if isinstance(event, MetricsEvent) and event.payload.step <= done
    )
    return max((payload.tokens for payload in metrics), default=0)
