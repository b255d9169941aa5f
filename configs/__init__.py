"""Configs: experiments as YAML files, and the typed schema that checks them.

Nothing heavy is imported, so that a config is checked in milliseconds.
"""

from chisel.configs import registry
from chisel.configs.errors import (
    CheckpointError,
    ChiselError,
    ConfigError,
    EnvironmentFault,
    NumericsError,
    Stopped,
)
from chisel.configs.installed import DISTRIBUTION, how_to_install, namesake, version, versions_of
from chisel.configs.pages import Measurement, Page, PageTable, Training, read_page
from chisel.configs.parsing.catalog import experiments
from chisel.configs.parsing.grid import Grid, load_grid
from chisel.configs.parsing.launch import take_launch
from chisel.configs.parsing.load import from_plain, load, override, to_yaml
from chisel.configs.parsing.migration import with_new_names
from chisel.configs.parsing.nesting import flatten
from chisel.configs.parsing.overrides import parse_settings
from chisel.configs.parsing.typed import to_plain
from chisel.configs.rules.validate import (
    WORLD_SIZE,
    check_env,
    frames_note,
    rounded_frames,
    validate,
)
from chisel.configs.schema import (
    AupConfig,
    AutoencoderConfig,
    AutoencoderNetConfig,
    AuxiliaryConfig,
    CnnConfig,
    DigitsConfig,
    EvalConfig,
    ExpertsConfig,
    GptConfig,
    GridExpertsConfig,
    GridMlpConfig,
    GridworldConfig,
    ImpalaConfig,
    LabelsConfig,
    LanguageConfig,
    LaunchConfig,
    LevelsConfig,
    MazeConfig,
    MnistConfig,
    OversightConfig,
    PPOConfig,
    RampConfig,
    ReinforceConfig,
    RoutingConfig,
    RunConfig,
    SafeLifeConfig,
    SlurmConfig,
    StoriesConfig,
    TrackingConfig,
    TrainerConfig,
)
from chisel.configs.suggest import hint, near, one_line

__all__ = [
    "DISTRIBUTION",
    "WORLD_SIZE",
    "AupConfig",
    "AutoencoderConfig",
    "AutoencoderNetConfig",
    "AuxiliaryConfig",
    "CheckpointError",
    "ChiselError",
    "CnnConfig",
    "ConfigError",
    "DigitsConfig",
    "EnvironmentFault",
    "EvalConfig",
    "ExpertsConfig",
    "GptConfig",
    "Grid",
    "GridExpertsConfig",
    "GridMlpConfig",
    "GridworldConfig",
    "ImpalaConfig",
    "LabelsConfig",
    "LanguageConfig",
    "LaunchConfig",
    "LevelsConfig",
    "MazeConfig",
    "Measurement",
    "MnistConfig",
    "NumericsError",
    "OversightConfig",
    "PPOConfig",
    "Page",
    "PageTable",
    "RampConfig",
    "ReinforceConfig",
    "RoutingConfig",
    "RunConfig",
    "SafeLifeConfig",
    "SlurmConfig",
    "Stopped",
    "StoriesConfig",
    "TrackingConfig",
    "TrainerConfig",
    "Training",
    "check_env",
    "experiments",
    "flatten",
    "frames_note",
    "from_plain",
    "hint",
    "how_to_install",
    "load",
    "load_grid",
    "namesake",
    "near",
    "one_line",
    "override",
    "parse_settings",
    "read_page",
    "registry",
    "rounded_frames",
    "take_launch",
    "to_plain",
    "to_yaml",
    "validate",
    "version",
    "versions_of",
    "with_new_names",
]
