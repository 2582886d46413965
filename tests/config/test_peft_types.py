"""What is known of PEFT's types is what the installed PEFT has, and every other one is refused with a reason."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from llmtune_kernel.config import PeftMethod, UserError, config_from_dict
from llmtune_kernel.config.peft_types import PEFT_TYPES

ROOT = Path(__file__).parents[2]


def test_the_table_is_that_of_the_installed_peft() -> None:
    made = subprocess.run(
        [sys.executable, "scripts/peft_types.py"], cwd=ROOT, capture_output=True, check=True
    )
    written = (ROOT / "llmtune_kernel/config/peft.json").read_bytes()
    assert json.loads(written) == json.loads(made.stdout), "run: python scripts/peft_types.py"


def test_every_type_of_peft_is_taken_or_refused_with_a_reason() -> None:
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    for one in PEFT_TYPE_TO_CONFIG_MAPPING:
        values = {"data": "unused", "method": {"type": "peft", "peft_type": one.value.lower()}}
        if one.value in PEFT_TYPES:
            method = config_from_dict(values).method
            assert isinstance(method, PeftMethod)
            assert method.peft_type == one.value
        else:
            with pytest.raises(UserError, match=r"cannot be trained: .*; take |write method: (ada)?lora"):
                config_from_dict(values)


@pytest.mark.parametrize(
    ("written", "meant"), [("(IA)³", "IA3"), ("prefix-tuning", "PREFIX_TUNING"), ("LoKr", "LOKR")]
)
def test_types_are_named_as_people_write_them(written: str, meant: str) -> None:
    values = {
        "data": "unused",
        "method": {"type": "peft", "peft_type": written, "target_modules": "all-linear"},
    }
    method = config_from_dict(values).method
    assert isinstance(method, PeftMethod)
    assert method.peft_type == meant
