"""Every option of a run, with its type, its default and its meaning.

The room has dataclasses only and imports nothing heavy, so checking a config takes milliseconds.
The option `name` of `env`, `corpus`, `model` and `algo` decides which class each has (see
`chisel.configs.registry`). Ranges, and rules between options, are in
`chisel.configs.rules.validate`.
"""

from chisel.configs.schema.algos import (
    AupConfig,
    AutoencoderConfig,
    AuxiliaryConfig,
    DeepAupConfig,
    DeepAuxiliaryConfig,
    LanguageConfig,
    PenaltyConfig,
    PPOConfig,
    ReinforceConfig,
)
from chisel.configs.schema.corpora import DigitsConfig, MnistConfig, StoriesConfig
from chisel.configs.schema.envs import (
    GridworldConfig,
    LevelsConfig,
    MazeConfig,
    OversightConfig,
    RampConfig,
    SafeLifeConfig,
)
from chisel.configs.schema.launch import LaunchConfig, SlurmConfig
from chisel.configs.schema.models import (
    AutoencoderNetConfig,
    CnnConfig,
    CnnExpertsConfig,
    ExpertsConfig,
    GptConfig,
    GridExpertsConfig,
    GridMlpConfig,
    ImpalaConfig,
)
from chisel.configs.schema.routing import LabelsConfig, RoutingConfig
from chisel.configs.schema.run import (
    STUDIES_WHILE_TRAINING,
    EvalConfig,
    RunConfig,
    TrackingConfig,
    TrainerConfig,
)

# pylint: disable=duplicate-code  # each of the two names what it offers
__all__ = [
    "STUDIES_WHILE_TRAINING",
    "AupConfig",
    "AutoencoderConfig",
    "AutoencoderNetConfig",
    "AuxiliaryConfig",
    "CnnConfig",
    "CnnExpertsConfig",
    "DeepAupConfig",
    "DeepAuxiliaryConfig",
    "DigitsConfig",
    "EvalConfig",
    "ExpertsConfig",
    "GptConfig",
    "GridExpertsConfig",
    "GridMlpConfig",
    "GridworldConfig",
    "ImpalaConfig",
    "LabelsConfig",
    "LanguageConfig",
    "LaunchConfig",
    "LevelsConfig",
    "MazeConfig",
    "MnistConfig",
    "OversightConfig",
    "PPOConfig",
    "PenaltyConfig",
    "RampConfig",
    "ReinforceConfig",
    "RoutingConfig",
    "RunConfig",
    "SafeLifeConfig",
    "SlurmConfig",
    "StoriesConfig",
    "TrackingConfig",
    "TrainerConfig",
]
