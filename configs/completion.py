"""Shell completion: candidates for the last word of a `chisel` command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from chisel.configs import registry
from chisel.configs.errors import ChiselError
from chisel.configs.pages import PAGES
from chisel.configs.parsing.catalog import experiments, read
from chisel.configs.parsing.keys import choices_of, choices_of_run
from chisel.configs.parsing.nesting import COMPONENTS
from chisel.configs.schema import EvalConfig, LaunchConfig, TrackingConfig, TrainerConfig
from chisel.configs.shipped import shipped_agents
from chisel.configs.studies.help import study_options
from chisel.configs.studies.source import UnreadableError

_Choices = Mapping[str, Sequence[str]]
"""Known values by key; the list is empty for text, numbers and paths."""

_FIRST = {
    "train": lambda: list(experiments()),
    "check": lambda: list(experiments()),
    "study": lambda: registry.names("study"),
    "reproduce": lambda: [file.stem for file in sorted(PAGES.glob("*.yaml"))],
    "completion": lambda: ["bash", "zsh", "fish"],
}
"""Candidates for the first word after a command; commands that are not listed take a run."""
_LOOK: _Choices = {"style": ("paper", "slides", "dark"), "width": ()}
_OWN: dict[str, _Choices] = {
    "compare": {"metrics": (), "labels": (), "out": (), **_LOOK},
    "describe": {"env": ()},
    "lab": {"threads": ()},
    "logs": {"key": (), "last": (), "plot": ("true", "false")},
    "reproduce": {"hours": (), "only": (), "plan": ("true",), "write": ("true",), "out": ()},
    "eval": {
        **dict.fromkeys(("ablate", "steer", "out", "threads", "env"), ()),
        **_LOOK,
        **choices_of(EvalConfig, "eval."),
    },
    "resume": {
        **dict.fromkeys(("frames", "jobs"), ()),
        **choices_of(LaunchConfig),
        **choices_of(TrainerConfig, "trainer."),
        **choices_of(TrackingConfig, "tracking."),
    },
}
"""Settings by command, for commands that take neither an experiment nor a study."""
_RUNS = ("checkpoint", "other", "init_from", "shuffled")
"""Keys whose values are runs or shipped agents."""


def complete(words: Sequence[str], commands: Iterable[str]) -> list[str]:
    """Return the candidates for the last word, sorted; none if completing it fails.

    Args:
        words: The words after `chisel`; the last one may be empty.
        commands: Names of the commands.
    """
    *before, word = words or [""]
    try:
        return sorted({one for one in _candidates(before, word, commands) if one.startswith(word)})
    except (ChiselError, UnreadableError, OSError):
        return []


def _candidates(before: Sequence[str], word: str, commands: Iterable[str]) -> list[str]:
    if not before:
        return list(commands)
    command, *given = before
    if "=" in word and not word.startswith(("agents:", "runs/")):
        key, _, value = word.partition("=")
        head = key + "=" + value[: value.rfind(",") + 1]
        known = _runs() if key in _RUNS else _settings(command, given).get(key, ())
        return [head + one for one in known]
    if not given or command == "compare":
        first = _FIRST.get(command, _runs)()
        return first if not given else [*first, *(f"{key}=" for key in _settings(command, given))]
    typed = {one.partition("=")[0] for one in given}
    return [f"{key}=" for key in _settings(command, given) if key not in typed]


def _settings(command: str, given: Sequence[str]) -> _Choices:
    """Return the settings that a command takes after the words given, with their known values."""
    if command in ("train", "check") and given:
        settings, _ = read(given[0])
        schemas = {
            kind: registry.get(kind, settings[kind]["name"]).schema
            for kind in COMPONENTS
            if settings.get(kind)
        }
        launch = {"jobs": (), **choices_of(LaunchConfig)} if command == "train" else {}
        return choices_of_run(schemas) | launch
    if command == "study" and given:
        options = study_options(given[0]).values()
        return {
            one.name: ["true", "false"] if one.kind is bool else [str(v) for v in one.allowed]
            for one in options
        }
    return _OWN.get(command, {})


def _runs() -> list[str]:
    """Return runs and folders of seeds below `runs`, and shipped agents with and without a seed."""
    found = {file.parent.as_posix() for file in Path("runs").glob("*/*/*/**/config.yaml")}
    found |= {one.rpartition("/")[0] for one in found if "/seed-" in one}
    agents = shipped_agents()
    return [*found, *agents, *(one.rpartition("/")[0] for one in agents)]
