"""Configs: experiments as YAML files, and the typed schema that checks them.

Nothing heavy is imported, so that a config is checked in milliseconds.
"""

from chisel.configs import registry
from chisel.configs.completion import complete
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
    GridExpertsConfig,
    GridMlpConfig,
    GridworldConfig,
    ImpalaConfig,
    LabelsConfig,
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
    TrackingConfig,
    TrainerConfig,
)
from chisel.configs.shipped import agent_name, agent_path, shipped_agents
from chisel.configs.studies.help import options_help, studies_by_need, study_help, study_options
from chisel.configs.studies.options import (
    PROGRESS,
    THREADS,
    Count,
    Option,
    Seed,
    Share,
    Within,
    as_typed,
    options_of,
    read_options,
)
from chisel.configs.studies.source import UnreadableError
from chisel.configs.suggest import hint, near, one_line

__all__ = [
    "DISTRIBUTION",
    "PROGRESS",
    "THREADS",
    "WORLD_SIZE",
    "AupConfig",
    "AutoencoderConfig",
    "AutoencoderNetConfig",
    "AuxiliaryConfig",
    "CheckpointError",
    "ChiselError",
    "CnnConfig",
    "ConfigError",
    "Count",
    "DigitsConfig",
    "EnvironmentFault",
    "EvalConfig",
    "ExpertsConfig",
    "Grid",
    "GridExpertsConfig",
    "GridMlpConfig",
    "GridworldConfig",
    "ImpalaConfig",
    "LabelsConfig",
    "LaunchConfig",
    "LevelsConfig",
    "MazeConfig",
    "Measurement",
    "MnistConfig",
    "NumericsError",
    "Option",
    "OversightConfig",
    "PPOConfig",
    "Page",
    "PageTable",
    "RampConfig",
    "ReinforceConfig",
    "RoutingConfig",
    "RunConfig",
    "SafeLifeConfig",
    "Seed",
    "Share",
    "SlurmConfig",
    "Stopped",
    "TrackingConfig",
    "TrainerConfig",
    "Training",
    "UnreadableError",
    "Within",
    "agent_name",
    "agent_path",
    "as_typed",
    "check_env",
    "complete",
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
    "options_help",
    "options_of",
    "override",
    "parse_settings",
    "read_options",
    "read_page",
    "registry",
    "rounded_frames",
    "shipped_agents",
    "studies_by_need",
    "study_help",
    "study_options",
    "take_launch",
    "to_plain",
    "to_yaml",
    "validate",
    "version",
    "versions_of",
    "with_new_names",
]
