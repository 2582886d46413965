"""What a chat template asks for an answer with, from its source.

A template is a program, and what it writes to ask is known for certain only once it has run. Of most, though, the
source shows that it can be but one of a few texts.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

_ASKS = "add_generation_prompt"


def generation_prompts(template: Any) -> frozenset[str] | None:
    """The texts of which one ends whatever a template writes that asks; none where it never asks.

    Args:
        template: The chat template of a tokenizer.

    Returns:
        None if the source does not show it.
    """
    from jinja2 import TemplateSyntaxError, nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    if not isinstance(template, str):
        return None
    # Blocks as transformers reads them.
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    try:
        body = environment.parse(template).body
        used = sum(_uses(node) for node in body)
        if not used:
            return frozenset()
        last = body[-1]
        if used > 1 or not isinstance(last, nodes.If) or not _asks(last.test):
            return None
        found = frozenset(_written(last.body))
    except (TemplateSyntaxError, nodes.Impossible):
        return None
    return None if "" in found else found


def _uses(node: Any) -> int:
    """How often a part of a template reads whether to ask, but to give it a value where it has none."""
    from jinja2 import nodes

    if isinstance(node, nodes.If) and _is_default(node):
        return 0
    own = isinstance(node, nodes.Name) and node.name == _ASKS
    return own + sum(_uses(child) for child in node.iter_child_nodes())


def _is_default(node: Any) -> bool:
    from jinja2 import nodes

    test = node.test
    absent = (
        isinstance(test, nodes.Not)
        and isinstance(test.node, nodes.Test)
        and test.node.name == "defined"
        and isinstance(test.node.node, nodes.Name)
        and test.node.node.name == _ASKS
    )
    return absent and not node.elif_ and not node.else_


def _asks(test: Any) -> bool:
    """Whether a test fails where there is nothing to ask."""
    from jinja2 import nodes

    if isinstance(test, nodes.And):
        return _asks(test.left) or _asks(test.right)
    return isinstance(test, nodes.Name) and test.name == _ASKS


def _written(statements: Iterable[Any]) -> set[str]:
    """Each text that statements may write.

    Raises:
        Impossible: it depends on more than which branch is taken.
    """
    from jinja2 import nodes

    parts: list[set[str]] = []
    for statement in statements:
        if isinstance(statement, nodes.Output):
            parts += ({str(node.as_const())} for node in statement.nodes)
        elif isinstance(statement, nodes.If):
            branches = [statement.body, *(other.body for other in statement.elif_), statement.else_]
            parts.append(set().union(*map(_written, branches)))
        else:
            raise nodes.Impossible
    return {"".join(chosen) for chosen in product(*parts)}
