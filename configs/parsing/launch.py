"""Take the settings that say where runs are trained (`launcher=`, `slurm.*`) out of the others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from chisel.configs.errors import ConfigError
from chisel.configs.parsing import overrides, typed
from chisel.configs.rules.ranges import check_ranges
from chisel.configs.schema import LaunchConfig, SlurmConfig

_FORMS = {
    "partition": (r"\S+", "one word"),
    "account": (r"\S+", "one word"),
    "qos": (r"\S+", "one word"),
    "constraint": (r"\S+", "one word"),
    "gpus": (r"([\w.-]+:)?[1-9]\d*", "a number, or a type and a number like a100:1"),
    "mem": (r"[1-9]\d*[KMGT]", "a number with K, M, G or T, like 16G"),
}
_SPARE_SECONDS = 60
"""Least number of seconds that a job trains before its runs are told to end."""


def take_launch(settings: Sequence[str]) -> tuple[LaunchConfig, list[str]]:
    """Take `launcher=` and `slurm.*` out of settings.

    Returns:
        The checked options, and the other settings.

    Raises:
        ConfigError: If an option is unknown, of the wrong type or impossible, or has no effect.
    """
    mine = [one for one in settings if re.match(r"(launcher|slurm)\b", one)]
    options = typed.build_launch(overrides.parse_settings(mine))
    asked = [one for one in mine if one.startswith("slurm")]
    if asked and options.launcher != "slurm":
        raise ConfigError(f"{asked[0]}: options of SLURM need launcher=slurm")
    check_ranges(options)
    for problem in _problems(options.slurm):
        raise ConfigError(problem)
    return options, [one for one in settings if one not in mine]


def _problems(options: SlurmConfig) -> Iterator[str]:
    for name, (form, meant) in _FORMS.items():
        value = getattr(options, name)
        if value is not None and not re.fullmatch(form, value):
            yield f"slurm.{name} = {value}: must be {meant}"
    if options.time * 60 < options.signal_delay_s + _SPARE_SECONDS:
        yield (
            f"slurm.time = {options.time}: runs are told to end {options.signal_delay_s} seconds "
            f"before their job (slurm.signal_delay_s); a job needs {_SPARE_SECONDS} seconds more "
            "than that"
        )
