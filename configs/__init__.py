"""What to run: experiments as YAML and the typed schema that checks them, with nothing heavy."""

from configs import registry
from configs.catalog import experiments
from configs.errors import (
    CheckpointError,
    ChiselError,
    ConfigError,
    EnvironmentFault,
    NumericsError,
    Stopped,
)
from configs.load import from_plain, load, override, to_yaml
from configs.overrides import expand_seeds, parse_settings
from configs.planned import frames_note, rounded_frames
from configs.schema import (
    AupConfig,
    AutoencoderConfig,
    AutoencoderNetConfig,
    AuxiliaryConfig,
    DigitsConfig,
    EvalConfig,
    ExpertsConfig,
    GridExpertsConfig,
    GridMlpConfig,
    GridworldConfig,
    ImpalaConfig,
    LabelsConfig,
    LevelsConfig,
    MazeConfig,
    MnistConfig,
    OversightConfig,
    PPOConfig,
    ReinforceConfig,
    RoutingConfig,
    RunConfig,
    TrackingConfig,
    TrainerConfig,
)
from configs.suggest import hint, near
from configs.typed import flatten, to_plain
from configs.validate import WORLD_SIZE, validate

__all__ = [
    "WORLD_SIZE",
    "AupConfig",
    "AutoencoderConfig",
    "AutoencoderNetConfig",
    "AuxiliaryConfig",
    "CheckpointError",
    "ChiselError",
    "ConfigError",
    "DigitsConfig",
    "EnvironmentFault",
    "EvalConfig",
    "ExpertsConfig",
    "GridExpertsConfig",
    "GridMlpConfig",
    "GridworldConfig",
    "ImpalaConfig",
    "LabelsConfig",
    "LevelsConfig",
    "MazeConfig",
    "MnistConfig",
    "NumericsError",
    "OversightConfig",
    "PPOConfig",
    "ReinforceConfig",
    "RoutingConfig",
    "RunConfig",
    "Stopped",
    "TrackingConfig",
    "TrainerConfig",
    "expand_seeds",
    "experiments",
    "flatten",
    "frames_note",
    "from_plain",
    "hint",
    "load",
    "near",
    "override",
    "parse_settings",
    "registry",
    "rounded_frames",
    "to_plain",
    "to_yaml",
    "validate",
]
