"""SmolLM2's tokenizer, and copies of it with other chat templates."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from families import REAL


@pytest.fixture(scope="session")
def tokenizer(smollm2_tokenizer: Any) -> Any:
    made = copy.deepcopy(smollm2_tokenizer)
    made.eos_token = "<|im_end|>"
    return made


@pytest.fixture(scope="session")
def with_template(tokenizer: Any) -> Callable[[str | None], Any]:
    """Makes a copy of the tokenizer with another chat template."""

    def make(template: str | None) -> Any:
        made = copy.deepcopy(tokenizer)
        made.chat_template = template
        return made

    return make


@pytest.fixture(scope="session", params=["smollm2", *REAL])
def real(request: pytest.FixtureRequest, tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A real tokenizer with the template of its family."""
    if request.param == "smollm2":
        return tokenizer
    return REAL[request.param](tmp_path_factory.mktemp(request.param))
