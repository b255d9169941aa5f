"""Splits what follows a command into words and `key=value` settings, and finds runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import configs
from configs import CheckpointError, ConfigError, near


def words_and_settings(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Bare words first, settings after them.

    Args:
        arguments: What was typed after the command.

    Raises:
        ConfigError: If a bare word follows a setting, where it is likely a slip.
    """
    words: list[str] = []
    settings: list[str] = []
    for argument in arguments:
        if "=" in argument or argument.startswith("-"):
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
    """The one bare word that a command needs, and its settings.

    Raises:
        ConfigError: If there is none or more than one; the message shows the usage.
    """
    words, settings = words_and_settings(arguments)
    if not words:
        raise ConfigError(f"{what} is missing; usage: {usage}")
    if len(words) > 1:
        raise ConfigError(f"{words[1]}: one {what} at a time; settings are written key=value")
    return words[0], settings


def take(settings: Sequence[str], key: str) -> tuple[str | None, list[str]]:
    """Take `key=…` out of the settings.

    Returns:
        Its value, or None if it was not given, and the other settings.

    Raises:
        ConfigError: If it is given twice or without a value.
    """
    values = [setting.partition("=")[2] for setting in settings if _is(setting, key)]
    if len(values) > 1:
        raise ConfigError(f"{key} is given twice; give it once")
    if values and not values[0]:
        raise ConfigError(f"{key}=: no value; leave it out or give one")
    return (values[0] if values else None), [one for one in settings if not _is(one, key)]


def existing(path: str, runs: str = "runs") -> Path:
    """A path that must be there: a run, a checkpoint, a folder of weights.

    Raises:
        CheckpointError: If it is not; the message names the run it is most like.
    """
    found = Path(path)
    if found.exists():
        return found
    known = [str(file.parent) for file in Path(runs).glob("**/config.yaml")]
    match = near(path, known)
    instead = f"did you mean {match}?" if match else f"runs here: {', '.join(known[:5]) or 'none'}"
    raise CheckpointError(f"there is no {path}; {instead}")


def check_settings(run: Path, settings: Sequence[str]) -> None:
    """Check overrides against the config of a run, or of the first of several seeds.

    Without a config beside it, a single checkpoint for example, that is left to who reads it.

    Raises:
        ConfigError: If they don't fit it.
    """
    for file in (run / "config.yaml", *sorted(run.glob("seed-*/config.yaml"))):
        if file.is_file():
            configs.load(str(file), settings)
            return


def _is(setting: str, key: str) -> bool:
    return setting.partition("=")[0] == key
