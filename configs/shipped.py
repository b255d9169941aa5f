"""Find agents that are shipped with the project, by name and from any folder."""

from __future__ import annotations

from pathlib import Path

from chisel.configs.errors import CheckpointError
from chisel.configs.suggest import near

PREFIX = "agents:"
_FOLDER = "agents"
_HERE = Path(__file__).parents[1] / _FOLDER
"""Folder of agents: all of them in a clone, three in an installed package."""

_LISTED = 6
"""Number of names that a message lists."""


def agent_path(given: Path | str) -> Path:
    """Return the folder of a shipped agent, such as `agents:maze-quick`; return other paths as is.

    A folder with one seed stands for that seed. Inside a clone, agents of the clone are found too.

    Raises:
        CheckpointError: If there is no agent of that name; the message says where agents are.
    """
    text = str(given)
    if not text.startswith(PREFIX):
        return Path(given)
    name = text.removeprefix(PREFIX)
    for home in _homes():
        folder = home / name
        if name and ".." not in folder.parts and next(folder.glob("**/agent.json"), None):
            seeds = list(folder.glob("seed-*"))
            return seeds[0] if len(seeds) == 1 else folder
    known = shipped_agents()
    match = near(name, (one.removeprefix(PREFIX) for one in known))
    folders = list(dict.fromkeys(one.rpartition("/")[0] for one in known))
    rest = f", … ({len(folders)} in all)" if len(folders) > _LISTED else ""
    some = ", ".join(folders[:_LISTED]) or "none"
    here = f"did you mean {PREFIX}{match}?" if match else f"here: {some}{rest}."
    raise CheckpointError(
        f"there is no {text}; {here} Others are in the folder agents/ of Chisel's repository, and "
        "are found where the current folder is inside a clone of it"
    )


def agent_name(path: Path) -> str:
    """Return the name of the shipped agent at an absolute path; return other paths as text.

    Unlike the path, the name is valid on any machine.
    """
    for home in _homes():
        if path.is_relative_to(home):
            return PREFIX + path.relative_to(home).as_posix()
    return str(path)


def shipped_agents() -> list[str]:
    """Return the names of all agents that `agent_path` finds from here, one for each seed."""
    seeds = {one for home in _homes() for one in home.glob("*/seed-*") if one.is_dir()}
    return sorted({f"{PREFIX}{seed.parent.name}/{seed.name}" for seed in seeds})


def _homes() -> list[Path]:
    """Return folders of agents: the installed one, and those of clones that hold this folder."""
    current = Path.cwd()
    around = [folder / _FOLDER for folder in (current, *current.parents)]
    return [_HERE, *(one for one in around if (one / "README.md").is_file() and one != _HERE)]
