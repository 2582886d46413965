"""Answers of a loaded model to prompts."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from transformers import StoppingCriteria

from llmtune_kernel.config import SamplesConfig, UserError
from llmtune_kernel.data.answers import ChatTemplate
from llmtune_kernel.data.control_tokens import prompt_ids
from llmtune_kernel.data.examples import Conversation
from llmtune_kernel.depths import is_routed
from llmtune_kernel.locale import _
from llmtune_kernel.runs.completion import Completion, Drawn

Messages = list[dict[str, str]]
OnText = Callable[[int, str], None]


def as_messages(prompt: str | Messages, system: str | None) -> Messages:
    """A prompt as a conversation that ends with the user's turn.

    Raises:
        UserError: a conversation that is empty, or has turns without role or content.
    """
    if isinstance(prompt, str):
        messages = [{"role": "user", "content": prompt}]
    else:
        messages = [dict(message) for message in prompt]
        for number, message in enumerate(messages):
            if not {"role", "content"} <= message.keys():
                raise UserError(
                    _("Each turn of a conversation has a role and a content."),
                    _("turn {number} has {keys}", number=number, keys=sorted(message)),
                    _("Write it as {{role: user, content: Hello}}."),
                )
    if not messages:
        raise UserError(_("The prompt is empty."), fix=_("Write at least one turn."))
    if system and messages[0]["role"] != "system":
        messages.insert(0, {"role": "system", "content": system})
    return messages


@contextlib.contextmanager
def _generating(model: Any, dtype: torch.dtype) -> Iterator[None]:
    """Evaluation mode with a cache; training mode and random state are as before when it ends."""
    training, checkpointing = model.training, getattr(model, "is_gradient_checkpointing", False)
    devices = [model.device] if model.device.type != "cpu" else []
    with (
        torch.random.fork_rng(devices=devices),
        torch.autocast(model.device.type, dtype, enabled=dtype != torch.float32),
    ):
        model.eval()
        if checkpointing:  # its recomputation and the cache exclude each other
            model.gradient_checkpointing_disable()
        try:
            yield
        finally:
            if checkpointing:
                model.gradient_checkpointing_enable({"use_reentrant": False})
            model.train(training)


class _Teller:
    """What transformers calls a streamer: turns the tokens of one answer into pieces of text.

    A piece is told once no later token can change it, so the pieces joined are the answer: bytes of a character that
    is not whole yet are held back, and so are whitespace and the beginning of one of `ends`, which may turn out to be
    the end.
    """

    def __init__(self, tokenizer: Any, tell: Callable[[str], None], ends: Sequence[str] = ()) -> None:
        self._tokenizer, self._tell, self._ends = tokenizer, tell, ends
        self._ids: list[int] | None = None
        self._told = ""

    def put(self, value: torch.Tensor) -> None:
        if self._ids is None:  # the first is the prompt
            self._ids = []
            return
        self._ids += value.flatten().tolist()
        text = _text(self._tokenizer, self._ids, self._ends).rstrip("\ufffd")
        begun = (end[:size] for end in self._ends for size in range(1, len(end)))
        held = max((len(part) for part in begun if text.endswith(part)), default=0)
        self._tell_up_to(text[: len(text) - held].strip())

    def end(self) -> None:
        self._tell_up_to(_text(self._tokenizer, self._ids or [], self._ends).strip())

    def _tell_up_to(self, text: str) -> None:
        # Also when there is nothing new: whoever listens may want to end the work.
        piece = text[len(self._told) :]
        self._told += piece
        self._tell(piece)


class _WrittenEnd(StoppingCriteria):
    """Stops where an answer, after `prompt` tokens, ends with one of `ends`, which are no tokens of their own."""

    def __init__(self, tokenizer: Any, ends: Sequence[str], prompt: int) -> None:
        self._tokenizer, self._ends, self._prompt = tokenizer, ends, prompt
        # A token is a byte at least; one more, in whose middle an end may begin.
        self._tokens = max(len(end.encode()) for end in ends) + 1

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        answers = input_ids[:, self._prompt :]
        texts = [_text(self._tokenizer, ids[-self._tokens :].tolist()) for ids in answers]
        return torch.tensor(
            [any(end in text for end in self._ends) for text in texts], device=input_ids.device
        )


def _text(tokenizer: Any, ids: list[int], ends: Sequence[str] = ()) -> str:
    """What the tokens say, up to one of `ends`."""
    # Cleaning up would remove spaces from text that was told already.
    text: str = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text[: min((place for end in ends if (place := text.find(end)) >= 0), default=len(text))]


def _generation_config(model: Any, tokenizer: Any, settings: SamplesConfig, ends: Sequence[int]) -> Any:
    from transformers import GenerationConfig

    sampling: dict[str, Any] = {"do_sample": False}
    if settings.temperature > 0:
        sampling = {
            "do_sample": True,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "top_k": settings.top_k,
        }
    own = model.generation_config.eos_token_id
    stops = {tokenizer.eos_token_id, *(own if isinstance(own, list) else [own]), *ends} - {None}
    return GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=settings.max_new_tokens,
        repetition_penalty=settings.repetition_penalty,
        eos_token_id=sorted(stops),
        pad_token_id=tokenizer.pad_token_id,
        use_cache=not is_routed(model),
        **sampling,
    )


def _turn_ends(tokenizer: Any) -> tuple[list[int], list[str]]:
    """What the chat template ends an answer with: tokens, which may be no eos of the model, and plain texts."""
    marks = ChatTemplate(tokenizer).ends if tokenizer.chat_template else []
    known = {mark: tokenizer.convert_tokens_to_ids(mark) for mark in marks}
    tokens = {mark: token for mark, token in known.items() if token not in (None, tokenizer.unk_token_id)}
    return list(tokens.values()), [mark for mark in marks if mark not in tokens]


def _prompt_ids(tokenizer: Any, prompt: Conversation) -> list[int]:
    """Token ids of a conversation."""
    if tokenizer.chat_template:
        return prompt_ids(tokenizer, prompt)
    ids: list[int] = tokenizer("\n".join(message["content"] for message in prompt.messages))["input_ids"]
    return ids


def _completion(tokenizer: Any, ids: list[int], generation: Any, ends: Sequence[str]) -> Completion:
    text = _text(tokenizer, ids, ends)
    ended = ids[-1] in generation.eos_token_id or text != _text(tokenizer, ids)
    was_cut = len(ids) == generation.max_new_tokens and not ended
    return Completion(text.strip(), "length" if was_cut else "stop", len(ids))


@torch.no_grad()
def generate(
    model: Any,
    tokenizer: Any,
    prompts: list[Messages],
    settings: SamplesConfig,
    dtype: torch.dtype,
    on_text: OnText = lambda number, piece: None,
) -> list[Completion]:
    """One answer a prompt, one prompt after the other.

    Args:
        prompts: Conversations that end with the user's turn; rendered with the tokenizer's own chat template, or,
            where it has none, as the plain text of their turns.
        settings: `temperature` 0 is greedy.
        dtype: Precision of matrix products.
        on_text: Called after each token with the number of the prompt and the next piece of its answer, which may be
            empty; the pieces joined are the answer. An exception in it ends the work.
    """
    tokens, ends = _turn_ends(tokenizer)
    generation = _generation_config(model, tokenizer, settings, tokens)
    answers = []
    with _generating(model, dtype):
        for number, messages in enumerate(prompts):
            ids = torch.tensor([_prompt_ids(tokenizer, Conversation(messages))], device=model.device)
            output = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                generation_config=generation,
                streamer=_Teller(tokenizer, functools.partial(on_text, number), ends),
                stopping_criteria=[_WrittenEnd(tokenizer, ends, ids.shape[1])] if ends else None,
            )
            answers.append(_completion(tokenizer, output[0, ids.shape[1] :].tolist(), generation, ends))
    return answers


@torch.no_grad()
def draw(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Conversation],
    settings: SamplesConfig,
    dtype: torch.dtype,
    *,
    longest: int,
    seed: int,
) -> list[Drawn]:
    """One answer a prompt, all at once; the same for the same seed.

    Args:
        settings, dtype: As of `generate`.
        longest: Tokens of a prompt; of longer ones the end is read.
    """
    tokens, ends = _turn_ends(tokenizer)
    generation = _generation_config(model, tokenizer, settings, tokens)
    asked = [_prompt_ids(tokenizer, prompt)[-longest:] for prompt in prompts]
    inputs = tokenizer.pad({"input_ids": asked}, padding_side="left", return_tensors="pt").to(model.device)
    begin = inputs["input_ids"].shape[1]
    with _generating(model, dtype):
        torch.manual_seed(seed)
        output = model.generate(
            **inputs,
            generation_config=generation,
            stopping_criteria=[_WrittenEnd(tokenizer, ends, begin)] if ends else None,
        )
    return [
        _drawn(tokenizer, ids, row.tolist(), generation.eos_token_id, ends)
        for ids, row in zip(asked, output[:, begin:], strict=True)
    ]


def _drawn(
    tokenizer: Any, prompt: list[int], row: list[int], stops: Sequence[int], ends: Sequence[str]
) -> Drawn:
    """What one row of several says: what follows its end is padding."""
    stop = next((place + 1 for place, token in enumerate(row) if token in stops), len(row) + 1)

    def is_ended(length: int) -> bool:
        text = tokenizer.decode(row[:length])
        return any(end in text for end in ends)

    # Most are not: only an answer that holds an end is looked through for where.
    if ends and is_ended(stop):
        stop = next(length for length in range(1, stop + 1) if is_ended(length))
    answer = row[:stop]
    return Drawn(prompt, answer, _text(tokenizer, answer, ends).strip(), stop <= len(row))
