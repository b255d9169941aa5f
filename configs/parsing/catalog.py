"""Find and read experiment files, and the files that they extend."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from chisel.configs.errors import ConfigError
from chisel.configs.parsing import migration
from chisel.configs.parsing.nesting import merged
from chisel.configs.parsing.yaml_file import read_mapping
from chisel.configs.suggest import hint, near

_FOLDER = Path(__file__).parents[1]
_NOT_EXPERIMENTS = "sweeps"


def experiments() -> dict[str, str]:
    """Return the summaries of all packaged experiments by name, sorted.

    A summary is the file's first line, if that is a comment, else "".
    """
    return {name: _summary(path) for name, path in sorted(_packaged().items())}


def read(experiment: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read an experiment and the files that it extends, without checking options.

    A file may say `extends: maze/easy`, which names a packaged experiment or a file beside it; its
    own keys win. The key `experiment` is filled in, unless the file has it: a run's `config.yaml`
    does.

    Returns:
        Settings of the file merged with those that it extends, and settings of the file alone. The
        second is empty for a run's `config.yaml`, which has every option.

    Raises:
        ConfigError: If the experiment does not exist, cannot be read or extends itself.
    """
    migration.refuse_old_name(experiment)
    path = _find(experiment, Path())
    own = _read_file(path)
    settings = _with_bases(path, own, ())
    if "experiment" in own:
        return settings, {}
    name = experiment if experiment in _packaged() else path.stem
    return {"experiment": name, **settings}, own


@cache
def _packaged() -> dict[str, Path]:
    found = {}
    for path in _FOLDER.glob("**/*.yaml"):
        name = path.relative_to(_FOLDER).with_suffix("")
        if name.parts[0] != _NOT_EXPERIMENTS:
            found[name.as_posix()] = path
    return found


def _find(name: str, folder: Path) -> Path:
    packaged = _packaged()
    if name in packaged:
        return packaged[name]
    if not name.endswith((".yaml", ".yml")):
        raise ConfigError(f"unknown experiment {name!r}; {_instead(name, folder)}")
    path = folder / name
    if path.is_file():
        return path
    if name.rpartition(".")[0] in packaged:
        raise ConfigError(f"there is no file {path}; did you mean {name.rpartition('.')[0]!r}?")
    beside = [other.name for other in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
    match = near(path.name, beside)
    raise ConfigError(
        f"there is no file {path}"
        + (f"; did you mean {str(path.parent / match)!r}?" if match else "; is the path right?")
    )


def _instead(name: str, folder: Path) -> str:
    """Return the end of a message about an unknown experiment: what may be meant."""
    for ending in (".yaml", ".yml"):
        if (folder / f"{name}{ending}").is_file():
            return f"did you mean the file {str(folder / f'{name}{ending}')!r}?"
    return hint(name, _packaged(), "`chisel list` prints all; a file is FILE.yaml")


def _read_file(path: Path) -> dict[str, Any]:
    return migration.with_new_names(read_mapping(path), str(path))


def _with_bases(path: Path, own: dict[str, Any], above: tuple[Path, ...]) -> dict[str, Any]:
    if path.resolve() in above:
        raise ConfigError(f"{path} extends itself")
    settings = {key: value for key, value in own.items() if key != "extends"}
    if "extends" not in own:
        return settings
    if not isinstance(own["extends"], str):
        raise ConfigError(f"{path}: extends must name one experiment, like maze/easy")
    base = _find(own["extends"], path.parent)
    inherited = _with_bases(base, _read_file(base), (*above, path.resolve()))
    inherited.pop("experiment", None)
    return merged(inherited, settings)


def _summary(path: Path) -> str:
    with path.open(encoding="utf-8") as lines:
        first = next(lines, "")
    return first.removeprefix("#").strip() if first.startswith("#") else ""
