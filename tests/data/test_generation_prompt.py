"""With what a template asks for an answer, as its source shows it: never a guess."""

from __future__ import annotations

from typing import Any

import pytest
import templates

from llmtune_kernel.data.generation_prompt import generation_prompts

ASKS = "{%- if add_generation_prompt -%}{{ '<a>' }}{%- endif -%}"


@pytest.mark.parametrize(
    ("template", "prompts"),
    [
        (ASKS, {"<a>"}),
        ("{{ messages[0].content }}" + ASKS, {"<a>"}),
        ("{% if add_generation_prompt %}<a>\n{% endif %}", {"<a>\n"}),
        ("{% if add_generation_prompt %}{{ '<' ~ 'a' + '>' }}{% else %}{{ eos_token }}{% endif %}", {"<a>"}),
        ("{% if add_generation_prompt and not calls %}<a>{% endif %}", {"<a>"}),
        (
            "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}"
            + ASKS,
            {"<a>"},
        ),
        ("{% if add_generation_prompt %}<a>{% if think %}<b>{% endif %}{% endif %}", {"<a>", "<a><b>"}),
        ("{{ messages[0].content }}", set()),
        (templates.MISTRAL, set()),
    ],
)
def test_a_prompt_that_the_source_shows(template: str, prompts: set[str]) -> None:
    assert generation_prompts(template) == prompts


@pytest.mark.parametrize(
    "template",
    [
        ASKS + "{{ messages[0].content }}",
        "{% set add_generation_prompt = messages|length > 3 %}" + ASKS,
        "{% set asks = add_generation_prompt %}{% if asks %}<a>{% endif %}",
        "{% for m in messages %}{% if loop.last and add_generation_prompt %}<a>{% endif %}{% endfor %}",
        "{% if add_generation_prompt or messages %}<a>{% endif %}",
        "{% if add_generation_prompt %}{{ messages[0].content }}{% endif %}",
        "{% if add_generation_prompt %}{% for m in messages %}<a>{% endfor %}{% endif %}",
        "{% if add_generation_prompt %}{% if messages %}<a>{% endif %}{% endif %}",
        "{% if add_generation_prompt %}{{ '<a>' }}",
        {"default": ASKS},
    ],
)
def test_a_prompt_that_the_source_does_not_show(template: Any) -> None:
    assert generation_prompts(template) is None
