"""What does the user want? The configuration tree, read from YAML with line numbers."""

from llmtune_kernel.config.changes import Change
from llmtune_kernel.config.data import DataConfig
from llmtune_kernel.config.errors import UserError
from llmtune_kernel.config.methods import (
    AdaLoraMethod,
    AdapterMethod,
    FreezeMethod,
    FullMethod,
    LoraMethod,
    Method,
    PeftMethod,
)
from llmtune_kernel.config.model import ModelConfig
from llmtune_kernel.config.objectives import (
    DpoObjective,
    GrpoObjective,
    KtoObjective,
    PpoObjective,
    PretrainObjective,
    RewardedObjective,
    RewardObjective,
    SftObjective,
)
from llmtune_kernel.config.problems import ConfigError, Problem
from llmtune_kernel.config.reader import (
    config_from_dict,
    converted,
    dump_config,
    in_words_of,
    read_config,
    read_part,
)
from llmtune_kernel.config.run import RunConfig
from llmtune_kernel.config.samples import SamplesConfig
from llmtune_kernel.config.schema import json_schema
from llmtune_kernel.config.training import TrainingConfig

__all__ = [
    "AdaLoraMethod",
    "AdapterMethod",
    "Change",
    "ConfigError",
    "DataConfig",
    "DpoObjective",
    "FreezeMethod",
    "FullMethod",
    "GrpoObjective",
    "KtoObjective",
    "LoraMethod",
    "Method",
    "ModelConfig",
    "PeftMethod",
    "PpoObjective",
    "PretrainObjective",
    "Problem",
    "RewardObjective",
    "RewardedObjective",
    "RunConfig",
    "SamplesConfig",
    "SftObjective",
    "TrainingConfig",
    "UserError",
    "config_from_dict",
    "converted",
    "dump_config",
    "in_words_of",
    "json_schema",
    "read_config",
    "read_part",
]
