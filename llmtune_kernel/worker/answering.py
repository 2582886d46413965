"""Answers to orders for samples, by the model as it is trained so far."""

from __future__ import annotations

import contextlib
import dataclasses
import traceback
from collections.abc import Callable

from llmtune_kernel.config import SamplesConfig, UserError
from llmtune_kernel.inference.generation import as_messages, generate
from llmtune_kernel.locale import _
from llmtune_kernel.models.scoring import has_score_head
from llmtune_kernel.runs.completion import Completion
from llmtune_kernel.runs.control import SampleNow
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Answer, Message, Sample
from llmtune_kernel.worker.assembling import Training
from llmtune_kernel.worker.control import Audience, ControlServer, Gone, sample_settings
from llmtune_kernel.worker.telling import Teller

Prompts = list[list[dict[str, str]]]


class Answerer:
    """Answers between two steps."""

    def __init__(
        self,
        training: Training,
        samples: SamplesConfig,
        directory: RunDirectory,
        *,
        control: ControlServer,
        tell: Teller,
    ) -> None:
        self._training = training
        self._samples, self._directory, self._control, self._tell = samples, directory, control, tell

    def answer(self, order: SampleNow) -> None:
        """Answer an order, to who asked or, where that is the run itself, among its events."""
        with self._control.audience(order) as audience, contextlib.suppress(Gone):
            try:
                prompts, answers = self._generate(order, audience)
            except Gone:
                raise
            except Exception as error:
                self._excuse(error, audience)
                if audience or order.request is None:
                    return
                prompts, answers = [], []  # whoever waits for this request shall not wait for ever
            if not order.stream:
                self._tell(_sample(order, self._training.step, prompts, answers))
            elif audience:
                # A chat of its own, told to who asked: no part of what the run shows.
                audience.tell({"done": True, "answers": [dataclasses.asdict(answer) for answer in answers]})

    def _generate(self, order: SampleNow, audience: Audience | None) -> tuple[Prompts, list[Completion]]:
        if has_score_head(self._training.model):
            raise UserError(_("A reward model scores answers and gives none."))
        settings = sample_settings(self._samples, order.settings)
        prompts = [as_messages(prompt, settings.system) for prompt in order.prompts or settings.prompts]
        if not prompts:
            raise UserError(_("There is no prompt: add some under samples.prompts."))
        training = self._training
        answers = generate(
            training.model, training.tokenizer, prompts, settings, training.dtype, _to(audience)
        )
        return prompts, answers

    def _excuse(self, error: Exception, audience: Audience | None) -> None:
        # Say, a chat template that knows no system turn: no reason to lose the run.
        if not isinstance(error, UserError):
            traceback.print_exc()
        self._tell.warn(_("No sample: {error}", error=error))
        if audience:
            audience.tell({"done": True, "error": self._mistake(error)})

    def _mistake(self, error: Exception) -> dict[str, str]:
        if isinstance(error, UserError):
            return {"what": error.what, "where": error.where, "fix": error.fix}
        what = _("The run {name!r} could not answer: {error}", name=self._directory.name, error=error)
        return {"what": what, "where": str(self._directory.log), "fix": _("Change the prompt.")}


def _to(audience: Audience | None) -> Callable[[int, str], None]:
    def tell(_: int, piece: str) -> None:
        if audience:
            audience.check()
            if piece:
                audience.tell({"text": piece})

    return tell


def _sample(order: SampleNow, step: int, prompts: Prompts, answers: list[Completion]) -> Sample:
    return Sample(
        step=step,
        request=order.request,
        answers=[
            Answer(
                prompt=[Message(role=turn["role"], content=turn["content"]) for turn in prompt],
                answer=answer.text,
            )
            for prompt, answer in zip(prompts, answers, strict=True)
        ],
    )
