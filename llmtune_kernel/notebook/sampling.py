"""`%%sample`: the same prompts to a base model and to runs, answers side by side."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from llmtune_kernel.config import UserError
from llmtune_kernel.config.document import Document
from llmtune_kernel.locale import _, sentence
from llmtune_kernel.notebook import markup
from llmtune_kernel.runs.completion import Completion
from llmtune_kernel.runs.run import Prompt, Run, attach, runs

# A list whose first turn begins with a role or a content, as YAML or JSON.
_CHAT = re.compile(r"""\s*[-\[][-\[{\s]*["']?(role|content)["']?\s*:""")


def read_prompts(text: str) -> list[Prompt]:
    """One prompt a line, or chat YAML: a list of `{role, content}`, or a list of such lists.

    Raises:
        UserError: no prompt, or chat YAML that is none.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise UserError(_("There is no prompt."), "%%sample", _("Write one prompt a line below it."))
    if not _CHAT.match(text):
        return list(lines)
    document = Document(text, first_line=2)
    if document.problems:
        problem = document.problems[0]
        fix = problem.hint or _("write a list of {{role: …, content: …}}")
        raise UserError(sentence(problem.message), _("line {line}", line=problem.line), sentence(fix))
    chat: list[Any] = document.value
    chats = chat if all(isinstance(turns, list) for turns in chat) else [chat]
    for turns in chats:
        for turn in turns:
            fine = isinstance(turn, dict) and turn.keys() == {"role", "content"}
            if not fine or not all(isinstance(value, str) for value in turn.values()):
                raise UserError(
                    _("This is not a turn of a chat: {turn}.", turn=turn),
                    "%%sample",
                    _("A turn is {{role: user, content: the text}}."),
                )
    return [list(turns) for turns in chats]


def find_runs(names: Sequence[str], namespace: Mapping[str, Any]) -> list[Run]:
    """Runs by the name of a variable or of the run.

    Raises:
        UserError: there is no such run.
    """
    return [namespace[name] if isinstance(namespace.get(name), Run) else attach(name) for name in names]


def latest_run() -> Run:
    """The newest run.

    Raises:
        UserError: there is none.
    """
    known = runs()
    if not known:
        raise UserError(
            _("There is no run yet."), "%%sample", _("Name a run, or ask the base model: %%sample --base")
        )
    return known[0]


def answers_bundle(prompts: Sequence[Prompt], answers: Mapping[str, list[Completion]]) -> dict[str, Any]:
    """A row a prompt, a column a model."""
    shown = [prompt if isinstance(prompt, str) else _chat_text(prompt) for prompt in prompts]
    columns = list(answers)
    rows = [
        [markup.text_block(text), *(_answer_block(answers[column][number]) for column in columns)]
        for number, text in enumerate(shown)
    ]
    plain = []
    for number, text in enumerate(shown):
        plain.append(f"> {text}")
        for column in columns:
            answer = answers[column][number]
            plain.append(f"  {column}: {answer.text}" + (f" [{answer.note}]" if answer.note else ""))
    html = markup.table(rows, [_("prompt"), *columns], alike=True)
    return {"text/html": html, "text/plain": "\n".join(plain)}


def _answer_block(answer: Completion) -> str:
    note = markup.text_block(answer.note, faint=True) if answer.note else ""
    return markup.text_block(answer.text) + note


def _chat_text(turns: Sequence[Mapping[str, str]]) -> str:
    return "\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)
