"""From examples to token ids and which of them are trained, exact to the token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmtune_kernel.config import DataConfig, UserError
from llmtune_kernel.data.answers import Answer, ChatTemplate
from llmtune_kernel.data.control_tokens import ControlTokens
from llmtune_kernel.data.examples import Conversation, PlainText
from llmtune_kernel.data.sequences import TokenSequence
from llmtune_kernel.data.tokens import Span, TextTokenizer, Tokens
from llmtune_kernel.locale import _


@dataclass(frozen=True)
class Rendered:
    """The text of an example, where its answers are, and its messages if a template wrote it.

    `named`: where contents hold special tokens, the text in which those of the template go by other names.
    """

    text: str
    answers: list[Answer]
    conversation: Conversation | None = None
    named: str | None = None


class Encoder:
    """Encodes examples for one tokenizer.

    Args:
        tokenizer: A transformers tokenizer, of the fast kind.
        config: Which tokens are trained: with `train_on_prompt` all, else what the model has to write: all answers,
            with `mask_history` the last one, none of `weight` 0. With `train_on_eos` the token that ends a turn too. A
            plain text is always trained as a whole.

    Raises:
        UserError: the tokenizer cannot tell where in the text its tokens lie.
    """

    def __init__(self, tokenizer: Any, config: DataConfig) -> None:
        if not tokenizer.is_fast:
            raise UserError(
                _("The tokenizer gives no offsets, which the label mask needs."),
                str(tokenizer.name_or_path),
                _("Use a model that comes with a tokenizer.json."),
            )
        self._tokenizer = tokenizer
        self._added = frozenset(tokenizer.added_tokens_decoder)
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
        self._texts = TextTokenizer(tokenizer.backend_tokenizer)
        self._config = config
        self._template: ChatTemplate | None = None
        self._control = ControlTokens(tokenizer)

    def render(self, example: Conversation | PlainText) -> Rendered:
        """Write an example as text.

        Raises:
            TemplateProblem: the chat template cannot be used for it.
            UserError: the example needs a chat template and there is none.
        """
        if isinstance(example, PlainText):
            text = example.text
            named = text if self._control.stand_in(text) else None
            return Rendered(text, [Answer(0, len(text), len(text))], named=named)
        if example.plain and self._tokenizer.chat_template is None:
            prompt, completion = (message["content"] for message in example.messages)
            end = len(prompt) + len(completion)
            return Rendered(prompt + completion, [Answer(len(prompt), end, end)])
        if self._template is None:
            self._template = ChatTemplate(self._tokenizer)
        marked = self._control.mark(example)
        text, answers = self._template.render(marked)
        if marked is example:
            return Rendered(text, answers, example)
        text, named, answers = self._control.unmark(text, answers)
        return Rendered(text, answers, example, named)

    def encode(self, rendered: Sequence[Rendered]) -> list[TokenSequence]:
        """Encode together, which is faster than one by one.

        Raises:
            RuntimeError: the ids differ from those of `tokenizer.apply_chat_template`.
        """
        return self.mark(rendered, self.tokenize(rendered))

    def tokenize(self, rendered: Sequence[Rendered]) -> list[Tokens]:
        """The first part of `encode`, of which the tokenizer does most outside of Python: a thread may run it."""
        by_template, others = (
            iter(self._tokenize([item for item in rendered if (item.conversation is not None) == of], of))
            for of in (True, False)
        )
        return [next(others if item.conversation is None else by_template) for item in rendered]

    def _tokenize(self, rendered: Sequence[Rendered], templated: bool) -> list[Tokens]:
        if not rendered:
            return []
        # A template writes all special tokens itself. The few whose contents hold some take a way of their own.
        plain = [item.text for item in rendered if item.named is None]
        named = [item.named for item in rendered if item.named is not None]
        ordinary = iter(self._texts.encode(plain, add_special_tokens=not templated))
        special = iter(self._control.encode(named, add_special_tokens=not templated) if named else ())
        tokens = [next(ordinary if item.named is None else special) for item in rendered]
        if templated:
            self._check(rendered, tokens)
        return tokens

    def mark(self, rendered: Sequence[Rendered], tokens: Sequence[Tokens]) -> list[TokenSequence]:
        """The second part of `encode`: which of the `tokens` of `rendered` are trained."""
        marked = []
        for item, one in zip(rendered, tokens, strict=True):
            sequence = TokenSequence(one.ids, one.within(self._spans(item), self._added))
            marked.append(self._close(sequence) if item.conversation is None else sequence)
        return marked

    def _spans(self, item: Rendered) -> list[Span]:
        """The characters that are trained."""
        config, answers = self._config, item.answers
        if config.train_on_prompt:
            left_out = [
                (each.stop if each.learned else each.start, each.end)
                for each in answers
                if not (each.learned and config.train_on_eos)
            ]
            edges = [0, *(edge for span in left_out for edge in span), len(item.text)]
            return list(zip(edges[::2], edges[1::2], strict=True))
        answers = answers[-1:] if config.mask_history else answers
        return [
            (each.start, each.end if config.train_on_eos else each.stop) for each in answers if each.learned
        ]

    def _check(self, rendered: Sequence[Rendered], tokens: Sequence[Tokens]) -> None:
        """Compare one row of a batch with what transformers makes of it: all are made in the same way."""
        checked = next((place for place, item in enumerate(rendered) if item.named is None), None)
        if checked is None:
            return
        conversation = rendered[checked].conversation
        assert conversation is not None
        expected = self._tokenizer.apply_chat_template(
            conversation.messages, tools=conversation.tools, tokenize=True, return_dict=True
        )["input_ids"]
        if list(expected) != tokens[checked].ids.tolist():
            text = rendered[checked].text[:200]
            raise RuntimeError(f"the tokens of {text!r} are not those of the chat template")

    def _close(self, sequence: TokenSequence) -> TokenSequence:
        """The sequence with eos at its end."""
        eos = self._tokenizer.eos_token_id
        if eos is None:
            return sequence
        ids, trained = sequence.ids, sequence.trained
        if len(ids) and ids[-1] == eos:
            ids, trained = ids[:-1], trained[:-1]
        return TokenSequence(np.append(ids, np.int32(eos)), np.append(trained, self._config.train_on_eos))
