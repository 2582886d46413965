"""The Playground's questions: up to four models answer one chat, side by side, piece by piece."""

from __future__ import annotations

import contextvars
import functools
import threading
from collections.abc import Callable

from llmtune_kernel.config import ModelConfig, UserError
from llmtune_kernel.locale import _
from llmtune_kernel.notebook import protocol
from llmtune_kernel.notebook.cancelling import Cancellations
from llmtune_kernel.runs.completion import Completion
from llmtune_kernel.runs.control import NotRunning
from llmtune_kernel.runs.run import Run, attach, sample
from llmtune_kernel.runs.workers import Cancellation, Cancelled

Say = Callable[[int, str], None]


class Questions:
    """The questions of one page. Safe to use from several threads."""

    def __init__(self, cancellations: Cancellations) -> None:
        self._cancellations = cancellations
        # One question at a time has the worker: the next finds it with its model loaded.
        self._worker = threading.Lock()

    def ask(self, id: str, question: protocol.Question, say: Say) -> list[protocol.Answer]:
        """Let all columns answer.

        Live runs answer with their weights of now, all at once; the rest is one job of a worker.

        Args:
            id: What names it where it is cancelled.
            say: Called with a column and the next piece of its answer, from several threads.

        Returns:
            The whole answers, in the order of the columns.

        Raises:
            UserError: one of the columns cannot answer, a setting is wrong, or the question was cancelled.
        """
        with self._cancellations.of(id) as cancellation:
            answering = _Answering(question, say, cancellation, self._worker)
            try:
                return answering.answer()
            except Cancelled:
                raise UserError(_("The question was cancelled.")) from None


class _Answering:
    """One question while it is answered."""

    def __init__(
        self, question: protocol.Question, say: Say, cancellation: Cancellation, worker: threading.Lock
    ) -> None:
        self._question, self._say = question, say
        self._cancellation, self._worker = cancellation, worker
        self._answers: dict[int, Completion] = {}
        self._errors: list[BaseException] = []

    def answer(self) -> list[protocol.Answer]:
        sources = [_source(column) for column in self._question.columns]
        tasks: list[Callable[[], None]] = []
        over: dict[int, Run | ModelConfig] = {}
        for number, source in enumerate(sources):
            if isinstance(source, Run) and source.paths.alive:
                tasks.append(functools.partial(self._ask_live, number, source))
            else:
                over[number] = source
        if over:
            tasks.append(functools.partial(self._ask_worker, over))
        # The context holds the request: without it ipykernel may send the page's next message to the main thread.
        threads = [
            threading.Thread(
                target=contextvars.copy_context().run, args=(self._try, task), name="llmtune-ask", daemon=True
            )
            for task in tasks
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._errors:
            raise self._errors[0]
        return [
            protocol.Answer(column=number, **vars(self._answers[number])) for number in range(len(sources))
        ]

    def _try(self, task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:
            self._errors.append(error)  # the first is the reason, what follows are the others, cancelled
            self._cancellation.cancel()

    def _ask_live(self, number: int, run: Run) -> None:
        said = False

        def say(text: str) -> None:
            nonlocal said
            said = True
            self._say(number, text)

        try:
            self._answers[number] = run.stream(
                self._question.messages, self._question.settings, say, self._cancellation.check
            )
        except NotRunning:
            if said:
                raise
            self._ask_worker({number: run})  # it has just ended: its result is what it last was

    def _ask_worker(self, sources: dict[int, Run | ModelConfig]) -> None:
        while not self._worker.acquire(timeout=0.1):
            self._cancellation.check()
        try:
            answers = sample(
                {str(number): source for number, source in sources.items()},
                [self._question.messages],
                self._question.settings,
                lambda column, _, text: self._say(int(column), text),
                self._cancellation,
            )
        finally:
            self._worker.release()
        self._answers.update({int(column): answer for column, [answer] in answers.items()})


def _source(column: protocol.AskedModel) -> Run | ModelConfig:
    if column.run is not None:
        return attach(column.run)
    if not column.model:
        raise UserError(_("The name of a model is empty."), _("question"), _("Choose a model."))
    return ModelConfig(name_or_path=column.model)
