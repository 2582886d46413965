"""What the tests of the front end take for the kernel's answers, and translate, is what a kernel answers."""

import json
from dataclasses import asdict
from pathlib import Path

from llmtune_kernel.config.presets import PRESETS
from llmtune_kernel.config.schema import json_schema

_RECORDING = Path(__file__).parents[2] / "src/sidebar/configure/__tests__/kernel.json"


def test_the_recorded_answers_are_those_of_this_kernel() -> None:
    answers = {
        "schema": json_schema(),
        "presets": [asdict(preset) for preset in PRESETS],
    }
    assert json.loads(_RECORDING.read_text("utf-8")) == json.loads(json.dumps(answers))
