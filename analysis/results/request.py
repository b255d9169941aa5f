"""What a study was asked for: the command that repeats it, and a folder for its results alone."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chisel.analysis.results.folders import joined, short_digest
from chisel.analysis.results.output import make_folder, provenance, results_folder, study_command
from chisel.analysis.results.signed import signed
from chisel.configs import RunConfig
from chisel.models import Agent

_PLACES = ("checkpoint", "out")
"""Arguments that are no options: what is studied, and where results go."""
_PLAIN = re.compile(r"[A-Za-z0-9._]+")
_LONGEST = 48
"""Characters of options that are spelt out in a folder's name."""


@dataclass(frozen=True)
class Request:
    """A call of a study: its options by name, and where its results go."""

    study: str
    options: dict[str, Any]
    """All of them, those left at their defaults too, in plain values."""
    changed: dict[str, Any]
    """Those that are not at their defaults."""
    checkpoint: Path | str | None
    out: Path | str | None

    @classmethod
    def of(cls, study: str, function: Callable[..., Any], given: Mapping[str, Any]) -> Request:
        """Read a call; `Request.of("probes", run, locals())` is a study's first statement.

        Args:
            study: Its name.
            function: Whose parameters are the options.
            given: Arguments by name; those that are missing are at their defaults.
        """
        parameters = inspect.signature(function).parameters
        options = {
            key: _plain(given.get(key, one.default))
            for key, one in parameters.items()
            if key not in _PLACES
        }
        changed = {k: v for k, v in options.items() if v != parameters[k].default}
        return cls(study, options, changed, given.get("checkpoint"), given.get("out"))

    @property
    def command(self) -> str:
        """What to type to get the same result."""
        return study_command(self.study, self.options, self.checkpoint)

    def provenance(self, agent: Agent, config: RunConfig, *, seed: int) -> dict[str, Any]:
        """Where a result comes from; see `chisel.analysis.results.output.provenance`."""
        return provenance(agent, config, seed=seed, command=self.command)

    def words(self, *but: str) -> str:
        """Options that are not at their defaults, for a folder's name.

        Different options have different words.

        Args:
            but: Options that are left out, because the name says them in another way.
        """
        told = {key: str(value) for key, value in self.changed.items() if key not in but}
        words = "-".join(f"{key}-{value}" for key, value in told.items())
        if len(words) <= _LONGEST and all(map(_PLAIN.fullmatch, told.values())):
            return words
        short = re.sub(r"[^A-Za-z0-9._]+", "-", words)[:_LONGEST].strip("-.")
        return f"{short}-{short_digest(json.dumps(told))}"

    def folder(
        self,
        *agents: Agent,
        stem: str | None = None,
        home: Path | str | None = None,
        but: tuple[str, ...] = (),
    ) -> Path:
        """The folder for what these options find on these agents, made if need be.

        That is `out` if given; else `studies/STEM` of the run or group, of `home`, or of the
        current folder, followed by the options that are not at their defaults. Agents that come
        from no run, or several, have a folder of their own in there, named by their digests.

        Args:
            agents: What was studied; of the seeds of a group the first.
            stem: Instead of the study's name.
            home: For studies of no agent, what has the folder `studies`; None is the current one.
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
        """Write results within the context, in place of an earlier result of the study there."""
        with signed(folder, self.study, self.options):
            yield folder


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
