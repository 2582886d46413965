"""A conversation as token ids and labels, as lists that tests can compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llmtune_kernel.config import DataConfig
from llmtune_kernel.data.examples import Conversation
from llmtune_kernel.data.sequences import TokenSequence
from llmtune_kernel.data.template import Encoder

IGNORED = -100


@dataclass(frozen=True)
class Encoded:
    """`labels` are the ids where they are trained, and `IGNORED` elsewhere."""

    input_ids: list[int]
    labels: list[int]


def with_labels(sequence: TokenSequence) -> Encoded:
    pairs = zip(sequence.ids.tolist(), sequence.trained.tolist(), strict=True)
    return Encoded(sequence.ids.tolist(), [token if trained else IGNORED for token, trained in pairs])


def encode_conversation(tokenizer: Any, conversation: Conversation, **settings: Any) -> Encoded:
    encoder = Encoder(tokenizer, DataConfig(train="rows.jsonl", **settings))
    return with_labels(encoder.encode([encoder.render(conversation)])[0])
