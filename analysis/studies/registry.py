"""Run studies by name, and check their options before anything is loaded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from chisel.analysis.results import Result, check_writable, run_study
from chisel.configs import ConfigError, hint, registry

_WORDS = {int: "a whole number", float: "a number", bool: "true or false"}
_BOOLS = {"true": True, "false": False}


def run(
    name: str,
    *,
    checkpoint: Path | str | None = None,
    out: Path | str | None = None,
    **options: Any,
) -> Path:
    """Run a study.

    Args:
        name: A registered study, such as `vector-field`.
        checkpoint: A run, a `.ckpt`, a shipped folder or a published `.pth`, where one is needed.
        out: Folder for the results; None is `studies/<study>` of the run.
        options: The study's own options; text, as from a command line, is converted.

    Returns:
        The folder with the results.

    Raises:
        ConfigError: If the study or an option is unknown, a value is impossible, or results can't
            be written.
        CheckpointError: If nothing can be loaded from `checkpoint`.
    """
    study = registry.resolve("study", name)
    if inspect.signature(study).return_annotation in ("Result", Result):
        return run_study(name, study, {"checkpoint": checkpoint, "out": out, **options})
    given = {"checkpoint": checkpoint, "out": out, **options}
    bound = bind(name, study, {k: v for k, v in given.items() if v is not None})
    check_writable(checkpoint, out)
    return Path(study(**bound))


def bind(name: str, study: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a study's function, converted to the types of its signature.

    Raises:
        ConfigError: If one is unknown, missing or of the wrong type.
    """
    parameters = inspect.signature(study).parameters
    types = get_type_hints(study)
    for key in given:
        if key not in parameters:
            raise ConfigError(f"study {name}: no option {key!r}; {hint(key, parameters)}")
        if given[key] == "None" and parameters[key].default is None:
            raise ConfigError(f"{key}=None: leave {key} out for none")
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and key not in given:
            raise ConfigError(f"study {name} needs {key}=VALUE")
    return {key: _typed(key, value, types[key]) for key, value in given.items()}


def _typed(key: str, value: Any, wanted: Any) -> Any:
    """Return the value if it fits; text is converted to the wanted type."""
    members = [member for member in get_args(wanted) if member is not type(None)]
    if get_origin(wanted) is Literal:
        if value not in members:
            raise ConfigError(f"{key}={value}: {hint(str(value), map(str, members))}")
        return value
    kind = members[0] if members else wanted
    if kind is str and not isinstance(value, str | Path):
        if isinstance(value, list | dict):
            raise ConfigError(f"{key}={value}: must be text, like {key}=a,b without brackets")
        return str(value)
    if kind not in _WORDS:
        return value
    text = str(value)
    try:
        return _BOOLS[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError) as error:
        raise ConfigError(f"{key}={value}: must be {_WORDS[kind]}") from error
