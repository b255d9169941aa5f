"""The call of a study: the command that repeats it, its provenance, and its folder."""

from __future__ import annotations

import inspect
import json
import platform
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chisel import configs
from chisel.analysis.results.files import make_folder, replace_results
from chisel.analysis.results.folders import joined, results_folder, short_digest
from chisel.configs import ConfigError, RunConfig, versions_of
from chisel.models import Agent

_NO_OPTIONS = ("checkpoint", "out")
"""Arguments of a study that are no options: what is studied, and where results go."""
_PLAIN = re.compile(r"[A-Za-z0-9._]+")
_LONGEST = 48
"""Number of characters of options that are spelt out in a folder's name."""
_PACKAGES = ("chisel", "numpy", "numba", "torch")
"""Packages whose version can change a result."""


@dataclass(frozen=True)
class Request:
    """A call of a study: its options by name, and where its results go."""

    study: str
    options: dict[str, Any]
    """All options, also those at their defaults, in plain values."""
    changed: dict[str, Any]
    """The options that are not at their defaults."""
    checkpoint: Path | str | None
    out: Path | str | None

    @classmethod
    def of(cls, study: str, function: Callable[..., Any], given: Mapping[str, Any]) -> Request:
        """Read a call; `Request.of("probes", run, locals())` is the first statement of a study.

        Args:
            study: Name of the study.
            function: Function whose parameters are the options.
            given: Arguments by name; those that are missing are at their defaults.
        """
        parameters = inspect.signature(function).parameters
        options = {
            key: _plain(given.get(key, one.default))
            for key, one in parameters.items()
            if key not in _NO_OPTIONS
        }
        changed = {k: v for k, v in options.items() if v != parameters[k].default}
        return cls(study, options, changed, given.get("checkpoint"), given.get("out"))

    @property
    def command(self) -> str:
        """Command line that gives the same result."""
        return study_command(self.study, self.options, self.checkpoint)

    def provenance(self, agent: Agent, config: RunConfig, *, seed: int) -> dict[str, Any]:
        """Return where a result comes from; see the function `provenance`."""
        return provenance(agent, config, seed=seed, command=self.command)

    def words(self, *but: str) -> str:
        """Return the options that are not at their defaults, for a folder's name.

        Different options have different words.

        Args:
            but: Options to leave out, because the name says them in another way.
        """
        spelt = {key: str(value) for key, value in self.changed.items() if key not in but}
        words = "-".join(f"{key}-{value}" for key, value in spelt.items())
        if len(words) <= _LONGEST and all(map(_PLAIN.fullmatch, spelt.values())):
            return words
        short = re.sub(r"[^A-Za-z0-9._]+", "-", words)[:_LONGEST].strip("-.")
        return f"{short}-{short_digest(json.dumps(spelt))}"

    def folder(
        self,
        *agents: Agent,
        stem: str | None = None,
        home: Path | str | None = None,
        but: tuple[str, ...] = (),
    ) -> Path:
        """Return the folder for the results of these options on these agents, made if need be.

        It is `out` if given; else `studies/STEM` of the run or group, of `home`, or of the current
        folder, followed by the options that are not at their defaults. Agents that belong to no
        run, or several, have a folder of their own in there, named by their digests.

        Args:
            agents: Agents that were studied; of the seeds of a group the first.
            stem: Name to use instead of the study's.
            home: For studies of no agent, the parent of `studies`; `None` is the current folder.
            but: Options that the name says in another way.

        Raises:
            ConfigError: If it cannot be made.
        """
        stem, words = stem or self.study, self.words(*but)
        if self.out is not None:
            return make_folder(self.out)
        if not agents:
            return make_folder(Path(home or "") / "studies" / joined(stem, words))
        if len(agents) > 1:
            digests = short_digest(" ".join(agent.digest for agent in agents))
            name = joined(f"{len(agents)}-agents", digests, words)
            return make_folder(Path("studies") / stem / name)
        return results_folder(self.checkpoint or "", agents[0], stem, None, words)

    @contextmanager
    def results(self, folder: Path) -> Iterator[Path]:
        """Let results be written within the context, in place of the study's earlier ones."""
        with replace_results(folder, self.study, self.options):
            yield folder


def study_command(
    study: str, options: Mapping[str, Any], checkpoint: Path | str | None = None
) -> str:
    """Return the command line of a study; options that are `None` or empty text are left out."""
    given = {"checkpoint": checkpoint, **options}
    settings = [f"{k}={as_typed(v)}" for k, v in given.items() if v is not None and v != ""]
    return shlex.join(["chisel", "study", study, *settings])


def as_typed(value: Any) -> str:
    """Return a value as the command line reads it back; text that could mean more is quoted."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    text = str(value)
    try:
        same = configs.parse_settings([f"key={text}"]) == {"key": text}
    except ConfigError:
        same = False
    return text if same or isinstance(value, list | dict) else json.dumps(text, ensure_ascii=False)


def provenance(agent: Agent, config: RunConfig, *, seed: int, command: str) -> dict[str, Any]:
    """Return what a result about an agent carries, so that it can be trusted and made again.

    Args:
        agent: Agent that was studied.
        config: Config it was studied under, with overrides.
        seed: Seed of the study.
        command: Command line that gives the same result.
    """
    return {
        "checkpoint": str(agent.source),
        "sha256": agent.digest,
        "env_steps": agent.env_steps,
        "seed": seed,
        "command": command,
        "config": configs.to_plain(config),
    }


def origin(command: str, seed: int) -> dict[str, Any]:
    """Return what a result about no agent carries: command, seed and versions."""
    versions = {"python": platform.python_version()} | versions_of(_PACKAGES)
    return {"command": command, "seed": seed, "versions": versions}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
