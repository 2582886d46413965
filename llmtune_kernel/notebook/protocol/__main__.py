"""Writes the JSON Schema of the messages to stdout."""

import json
import sys

from llmtune_kernel.notebook.protocol.schema import protocol_schema

json.dump(protocol_schema(), sys.stdout, indent=2, ensure_ascii=False)
sys.stdout.write("\n")
