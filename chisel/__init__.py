"""Train agents, and decide where in the network what they learn ends up.

The names below are what most scripts need. Each room is one import further, for example
`chisel.routing` or `chisel.analysis`. Nothing heavy is imported until a name is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import chisel.analysis as analysis
    import chisel.cli as cli
    import chisel.configs as configs
    import chisel.corpora as corpora
    import chisel.envs as envs
    import chisel.impact as impact
    import chisel.lab as lab
    import chisel.models as models
    import chisel.routing as routing
    import chisel.trainers as trainers
    from chisel.analysis.evaluation import evaluate
    from chisel.analysis.interventions import intervene
    from chisel.analysis.studies import run as run_study
    from chisel.configs import ChiselError
    from chisel.configs import load as load_config
    from chisel.envs import make as make_env
    from chisel.models import load_agent
    from chisel.routing import ablate, attach
    from chisel.trainers import resume, train, train_seeds

    __version__: str

__all__ = [
    "ChiselError",
    "__version__",
    "ablate",
    "analysis",
    "attach",
    "cli",
    "configs",
    "corpora",
    "envs",
    "evaluate",
    "impact",
    "intervene",
    "lab",
    "load_agent",
    "load_config",
    "make_env",
    "models",
    "resume",
    "routing",
    "run_study",
    "train",
    "train_seeds",
    "trainers",
]

_FOUND_IN = {
    "ChiselError": ("configs", "ChiselError"),
    "ablate": ("routing", "ablate"),
    "attach": ("routing", "attach"),
    "evaluate": ("analysis.evaluation", "evaluate"),
    "intervene": ("analysis.interventions", "intervene"),
    "load_agent": ("models", "load_agent"),
    "load_config": ("configs", "load"),
    "make_env": ("envs", "make"),
    "resume": ("trainers", "resume"),
    "run_study": ("analysis.studies", "run"),
    "train": ("trainers", "train"),
    "train_seeds": ("trainers", "train_seeds"),
    "__version__": ("configs", "version"),
}
"""The module behind each name that is no room, and what it is called there."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'chisel' has no attribute {name!r}")
    if name not in _FOUND_IN:
        return import_module(f"chisel.{name}")
    module, attribute = _FOUND_IN[name]
    found = getattr(import_module(f"chisel.{module}"), attribute)
    return found() if name == "__version__" else found


def __dir__() -> list[str]:
    return __all__
