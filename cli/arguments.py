"""Parse the words and `key=value` settings after a command, and find runs."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from chisel import configs
from chisel.configs import CheckpointError, ConfigError, near


def words_and_settings(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split arguments into bare words and the settings after them; expand `~/` in both.

    An argument with `=` is a word, not a setting, if no setting precedes it and it is a path: there
    is a slash before the `=`, or a file of that name.

    Args:
        arguments: The arguments after the command.

    Raises:
        ConfigError: If a bare word follows a setting, which is probably a mistake.
    """
    words: list[str] = []
    settings: list[str] = []
    for argument in map(_expand_home, arguments):
        if not settings and _is_path(argument):
            words.append(argument)
        elif "=" in argument or argument.startswith("-"):
            settings.append(argument)
        elif settings:
            like = f", like {argument}=VALUE" if argument.isidentifier() else ""
            raise ConfigError(
                f"{argument}: a setting is written key=value, without spaces around ={like}"
            )
        else:
            words.append(argument)
    return words, settings


def one_word(arguments: Sequence[str], what: str, usage: str) -> tuple[str, list[str]]:
    """Return the one bare word that a command needs, and the settings.

    Args:
        arguments: The arguments after the command.
        what: Name of the word in messages, like `RUN`.
        usage: The command's usage, for messages.

    Raises:
        ConfigError: If there is no bare word, or more than one.
    """
    words, settings = words_and_settings(arguments)
    if not words:
        raise ConfigError(f"{what} is missing; usage: {usage}")
    extra = [word for word in words[1:] if "=" not in word]
    if extra:
        raise ConfigError(f"{extra[0]}: give one {what} only; settings are written key=value")
    return words[0], [*words[1:], *settings]


def take(settings: Sequence[str], key: str) -> tuple[str | None, list[str]]:
    """Take `key=…` out of the settings.

    Returns:
        The value, or None if the key was not given, and the other settings.

    Raises:
        ConfigError: If the key is given twice, or without a value.
    """
    values = [setting.partition("=")[2] for setting in settings if _is(setting, key)]
    if len(values) > 1:
        raise ConfigError(f"{key} is given twice; give it once")
    if values and values[0] in ("", "None"):
        raise ConfigError(f"{key}={values[0]}: no value; leave it out or give one")
    return (values[0] if values else None), [one for one in settings if not _is(one, key)]


def take_jobs(settings: Sequence[str]) -> tuple[int, list[str]]:
    """Take `jobs=…`, the number of runs that train at a time, out of the settings.

    Returns:
        The number, 1 if it was not given, and the other settings.

    Raises:
        ConfigError: If it is not a number from 1 to 9999, or is given twice.
    """
    text, rest = take(settings, "jobs")
    if text is not None and not re.fullmatch("[1-9][0-9]{0,3}", text):
        raise ConfigError(f"jobs={text}: must be a number of runs at a time, like jobs=2")
    return int(text or 1), rest


def take_launch(settings: Sequence[str]) -> tuple[int, configs.LaunchConfig, list[str]]:
    """Take `jobs=…`, `launcher=…` and `slurm.*` out of the settings.

    Returns:
        The number of jobs, the options of the launch, and the other settings.

    Raises:
        ConfigError: As for `take_jobs` and `configs.take_launch`; also if `jobs` is given with
            `launcher=slurm`.
    """
    launch, rest = configs.take_launch(settings)
    jobs, left = take_jobs(rest)
    if launch.launcher == "slurm" and len(left) < len(rest):
        raise ConfigError(
            "jobs counts processes on this machine, and launcher=slurm starts none; leave it out. "
            "slurm.runs_per_job=N trains N runs in each job"
        )
    return jobs, launch, left


def existing(path: str, runs: str = "runs") -> Path:
    """Return the path of a run or checkpoint, or the name of a shipped agent, if it exists.

    Args:
        path: The path or name that was given.
        runs: Folder whose runs an error message suggests.

    Raises:
        CheckpointError: If it does not exist; the message suggests the run with the most similar
            path.
    """
    if os.path.exists(configs.agent_path(path)):
        return Path(path)
    known = [str(file.parent) for file in Path(runs).glob("**/config.yaml")]
    match = near(path, known)
    instead = f"did you mean {match}?" if match else f"runs here: {', '.join(known[:5]) or 'none'}"
    raise CheckpointError(f"there is no {path}; {instead}")


def check_settings(run: Path, settings: Sequence[str]) -> None:
    """Check overrides against the config of a run, or of the first run of a grid.

    Without a config, for example beside a single checkpoint, nothing is checked.

    Raises:
        ConfigError: If the overrides don't fit the config.
    """
    run = configs.agent_path(run)
    for pattern in ("config.yaml", "*/config.yaml", "*/seed-*/config.yaml"):
        for file in sorted(run.glob(pattern))[:1]:
            configs.load(str(file), settings)
            return


def _is_path(argument: str) -> bool:
    """Return whether an argument, which may hold `=`, is a path."""
    before = argument.partition("=")[0]
    # os.path, because Path.exists raises if a name is too long.
    return not argument.startswith("-") and ("/" in before or os.path.exists(argument))


def _expand_home(argument: str) -> str:
    """Expand `~/` at the start, and after `=` and commas, where not every shell does."""
    return re.sub(r"(^|[=,])(~[^/,=]*)(?=/)", lambda m: m[1] + os.path.expanduser(m[2]), argument)


def _is(setting: str, key: str) -> bool:
    return setting.partition("=")[0] == key
