"""What scores answers: a reward model, an address that is asked, or a function of the notebook."""

from __future__ import annotations

import inspect
import json
import math
import pickle
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from llmtune_kernel.config import ModelConfig, RewardedObjective, UserError
from llmtune_kernel.config.errors import first_line
from llmtune_kernel.data.control_tokens import prompt_ids
from llmtune_kernel.data.examples import Question
from llmtune_kernel.locale import _
from llmtune_kernel.models.loading import device, load_configuration, load_model, load_tokenizer
from llmtune_kernel.models.sources import ModelSource, find_model
from llmtune_kernel.models.vocabulary import grow
from llmtune_kernel.runs.completion import Drawn
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.scoring import reward_run, wrapped_in

# A large model may take minutes to score a batch.
_SECONDS = 600


Reward = Callable[[Sequence[Question], Sequence[Drawn]], list[float]]


def load_reward(
    objective: RewardedObjective, directory: RunDirectory, tokenizer: Any, dtype: torch.dtype, batch_size: int
) -> Reward:
    """What the configuration names.

    Args:
        directory: Of the run that learns; holds the function, where it is one.
        tokenizer: Of the model that learns.
        dtype: Precision of matrix products of a reward model.
        batch_size: Answers that a reward model scores at once.

    Raises:
        UserError: it cannot be loaded, or is nothing that scores.
    """
    name = objective.reward
    if name.startswith("$"):
        return _Function(name, directory)
    if name.startswith(("http://", "https://")):
        return _Address(name, tokenizer)
    return _Model(*_load_model(name, dtype), tokenizer, dtype, batch_size)


class _Function:
    """A function of the notebook: takes prompts and answers, two lists of text, and gives a list of numbers.

    What else it takes are columns of the rows, by name.
    """

    def __init__(self, name: str, directory: RunDirectory) -> None:
        self._name, self._directory = name, directory
        try:
            self._function: Any = pickle.loads(directory.reward.read_bytes())
        except Exception as error:  # what it refers to may not be there
            what = _("The reward function cannot be loaded: {reason}", reason=first_line(error))
            fix = _("Define what it needs inside of it, or in the notebook.")
            raise UserError(what, _where(name), fix) from error

    def __call__(self, prompts: Sequence[Question], answers: Sequence[Drawn]) -> list[float]:
        questions = [str(prompt.messages[-1]["content"]) for prompt in prompts]
        columns = self._columns([prompt.row for prompt in prompts])
        try:
            given = self._function(questions, [answer.text for answer in answers], **columns)
        except (Exception, SystemExit) as error:
            kind, reason = type(error).__name__, first_line(error)
            what = _("The reward function raised {kind}: {reason}", kind=kind, reason=reason)
            if self._directory.last_checkpoint():
                fix = _("Correct it, and go on with it: %finetune --resume {name}", name=self._directory.name)
            else:
                fix = _("Correct it, and start the run again.")
            raise UserError(what, _where(self._name) + self._line(error), fix) from error
        return _checked(given, len(answers), self._name)

    def _columns(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
        """Of the rows the columns that the function takes, by name; null where a row has none of that name.

        Raises:
            UserError: it needs one that no row has.
        """
        known = dict.fromkeys(name for row in rows for name in row)
        parameters, wanted = _parameters(self._function), list[str]()
        for parameter in _further(list(parameters.values())):
            name = parameter.name
            if parameter.kind is parameter.VAR_KEYWORD:
                wanted += [other for other in known if other not in parameters]
            elif name in known:
                wanted.append(name)
            elif parameter.default is parameter.empty:
                what = _("The reward function takes {name}, and the rows have no column {name}.", name=name)
                fix = _("The rows have: {columns}.", columns=", ".join(known))
                raise UserError(what, _where(self._name), fix)
        return {name: [row.get(name) for row in rows] for name in wanted}

    def _line(self, error: BaseException) -> str:
        """The line of the function in which an error was raised, as part of a sentence; empty where it is not known."""
        code = getattr(wrapped_in(self._function), "__code__", None)
        lines, trace, found = self._lines(), error.__traceback__, ""
        while trace is not None:
            if trace.tb_frame.f_code is code:
                number = trace.tb_lineno - code.co_firstlineno
                if number < len(lines):
                    found = ", " + _("line {number}: {text}", number=number + 1, text=lines[number].strip())
            trace = trace.tb_next
        return found

    def _lines(self) -> list[str]:
        source = self._directory.reward_source
        return source.read_text(encoding="utf-8").splitlines() if source.exists() else []


def _parameters(function: Any) -> dict[str, inspect.Parameter]:
    """What a function takes, by name; nothing where it is not written in Python and does not tell."""
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}


def _further(parameters: Sequence[inspect.Parameter]) -> list[inspect.Parameter]:
    """What is given by name, beside the two that prompts and answers are given to."""
    in_order = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    others = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
    first = [one for one in parameters if one.kind in in_order][:2]
    return [one for one in parameters if one not in first and one.kind not in others]


class _Address:
    """Asked as LLaMA-Factory asks: whole texts, each a prompt with its answer, for their scores."""

    def __init__(self, address: str, tokenizer: Any) -> None:
        self._address, self._tokenizer = address, tokenizer

    def __call__(self, prompts: Sequence[Question], answers: Sequence[Drawn]) -> list[float]:
        texts = [self._tokenizer.decode([*answer.prompt, *answer.answer]) for answer in answers]
        body = json.dumps({"model": "model", "messages": texts}).encode()
        request = urllib.request.Request(self._address, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as response:
                said = response.read()
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            what = _("The address of the reward gives no answer: {reason}", reason=reason)
            fix = _("Check the address, and that what scores is running.")
            raise UserError(what, _where(self._address), fix) from error
        try:
            scores = json.loads(said)["scores"]
        except (LookupError, TypeError, ValueError) as error:
            what = _("The address of the reward answers without scores.")
            fix = _('It has to answer with JSON: {{"scores": [0.5, …]}}.')
            raise UserError(what, _where(self._address), fix) from error
        return _checked(scores, len(answers), self._address)


class _Model:
    """A model with one score; it reads the tokens as they were drawn or, by another tokenizer, the turns."""

    def __init__(self, model: Any, own: Any, tokenizer: Any, dtype: torch.dtype, batch_size: int) -> None:
        self._model, self._own = model, own
        self._dtype, self._batch_size = dtype, batch_size
        same = own.get_vocab() == tokenizer.get_vocab() and own.chat_template == tokenizer.chat_template
        self._ids = self._as_drawn if same else self._written_anew

    @torch.no_grad()
    def __call__(self, prompts: Sequence[Question], answers: Sequence[Drawn]) -> list[float]:
        scores: list[float] = []
        for start in range(0, len(answers), self._batch_size):
            some = slice(start, start + self._batch_size)
            rows = list(map(self._ids, prompts[some], answers[some]))
            inputs = self._own.pad({"input_ids": rows}, padding_side="right", return_tensors="pt")
            where = self._model.device
            with torch.autocast(where.type, self._dtype, enabled=self._dtype != torch.float32):
                logits = self._model(**inputs.to(where)).logits
            scores += logits[:, 0].float().tolist()
        return scores

    def _as_drawn(self, prompt: Question, answer: Drawn) -> list[int]:
        return [*answer.prompt, *answer.answer]

    def _written_anew(self, prompt: Question, answer: Drawn) -> list[int]:
        turns = [*prompt.messages, {"role": "assistant", "content": answer.text}]
        if self._own.chat_template is None:
            ids: list[int] = self._own("\n".join(turn["content"] for turn in turns))["input_ids"]
            return ids
        return prompt_ids(self._own, replace(prompt, messages=turns), asks=False)


def _load_model(name: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """A reward model, which a run has trained or somebody saved, and its tokenizer."""
    if run := reward_run(name):
        model, tokenizer = run.load()
        # Quantized weights are where they stay.
        return model if getattr(model, "is_quantized", False) else model.to(device()), tokenizer
    path = Path(name).expanduser()
    if (path / "adapter_config.json").is_file():
        return _load_adapter(path)
    try:
        source = find_model(ModelConfig(name_or_path=name))
        _refuse_no_scores(name, source)
        tokenizer = load_tokenizer(source)
        model = load_model(source, dtype, "auto", scores=True)
    except UserError as error:
        fix = _("Name a run of the objective reward, the path of a reward model, or one on the Hub.")
        raise UserError(error.what, _where(name), fix) from error
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    return model, tokenizer


def _load_adapter(path: Path) -> tuple[Any, Any]:
    """A reward model that is an adapter, on the base model that it names."""
    from peft import PeftConfig, PeftModel

    adapter = PeftConfig.from_pretrained(str(path))
    if adapter.task_type != "SEQ_CLS":
        raise _no_reward_model(str(path))
    base = find_model(ModelConfig(name_or_path=str(adapter.base_model_name_or_path)))
    local = ModelSource(str(path), None)
    tokenizer = load_tokenizer(local if (path / "tokenizer.json").is_file() else base)
    model = load_model(base, torch.float32, "auto", scores=True)
    if getattr(adapter, "trainable_token_indices", None):
        grow(model, len(tokenizer))
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    return PeftModel.from_pretrained(model, str(path)).eval(), tokenizer


def _refuse_no_scores(name: str, source: ModelSource) -> None:
    config = load_configuration(source)
    kinds = getattr(config, "architectures", None) or []
    if not any(kind.endswith("ForSequenceClassification") for kind in kinds) or config.num_labels != 1:
        raise _no_reward_model(name)


def _no_reward_model(name: str) -> UserError:
    return UserError(
        _("This is no reward model: it has no head that gives one score."),
        _where(name),
        _("Train one with objective: reward, and name that run."),
    )


def _checked(given: Any, wanted: int, name: str) -> list[float]:
    """Scores, one for each answer.

    Raises:
        UserError: they are something else.
    """
    fix = _("It has to give a list with one number for each answer.")
    if isinstance(given, str | bytes | dict) or not hasattr(given, "__len__"):
        what = _("The reward is of type {kind}, not a list of numbers.", kind=type(given).__name__)
        raise UserError(what, _where(name), fix)
    if len(given) != wanted:
        what = _("The reward is {count} scores for {wanted} answers.", count=len(given), wanted=wanted)
        raise UserError(what, _where(name), fix)
    scores = []
    for number, score in enumerate(given):
        try:
            scores.append(float(score))
        except (TypeError, ValueError):
            scores.append(math.nan)
        if not math.isfinite(scores[-1]):
            what = _("The score of answer {number} (from 0) is {score!r}.", number=number, score=score)
            raise UserError(what, _where(name), _("Give a number for every answer, also for a bad one."))
    return scores


def _where(name: str) -> str:
    return f"objective.reward: {name}"
