"""What a row teaches, once it is read: an answer, a text, a better and a worse answer, or a judged one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Message = dict[str, Any]


def is_learned(message: Message) -> bool:
    """Whether an answer is to be learned, by OpenAI's key `weight`."""
    return message.get("weight") != 0


@dataclass(frozen=True)
class Conversation:
    """Messages as a chat template takes them, the last one an answer.

    `context`: how many leading messages are never trained. `plain`: a prompt and a completion that may be joined
    where there is no chat template.
    """

    messages: list[Message]
    tools: list[dict[str, Any]] | None = None
    context: int = 0
    plain: bool = False


def without_answer(conversation: Conversation) -> Conversation:
    """The conversation up to what its last answer answers, calls of tools before that among it."""
    messages = conversation.messages
    return replace(conversation, messages=messages[:-1] if messages[-1]["role"] == "assistant" else messages)


@dataclass(frozen=True)
class Question(Conversation):
    """A conversation that waits for an answer, and the row that it is from, as it was read."""

    row: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PlainText:
    """A text that is trained from its first to its last token."""

    text: str


@dataclass(frozen=True)
class Preference:
    """Two conversations that share their first `context` messages, or two texts; `chosen` ends better."""

    chosen: Conversation | PlainText
    rejected: Conversation | PlainText


@dataclass(frozen=True)
class Feedback:
    """A conversation whose last answer was judged: `desirable` or not."""

    conversation: Conversation
    desirable: bool


Example = Conversation | PlainText | Preference | Feedback
