"""Rules for options of mazes: levels, goals, looks, and what each engine can play."""

from __future__ import annotations

from collections.abc import Iterator

from chisel.configs.rules.ranges import SEED_LIMIT
from chisel.configs.schema import LevelsConfig, MazeConfig

WORLD_SIZE = {"easy": 15, "hard": 25, "memory": 31}
"""Side of procgen's maze world in cells, by distribution mode."""


def maze_problems(env: MazeConfig) -> Iterator[str]:
    """Yield one line for every broken rule about a maze's options."""
    world = WORLD_SIZE[env.mode]
    if env.use_generated_assets:
        yield (
            "env.use_generated_assets = true: procgen cannot save games with generated assets, so "
            "training could not be resumed; leave it false"
        )
    if env.cheese == "region" and env.region > world:
        yield f"env.region = {env.region}: env.mode={env.mode} has worlds of {world} cells a side"
    if env.goals != "cheese":
        yield from _two_goals(env)
    if env.assets is not None:
        yield from _assets(env)
    if env.engine == "device":
        yield from _device(env)
    yield from _sizes(env.levels, env.mode, world)
    yield from _level_set(env.levels)


def _device(env: MazeConfig) -> Iterator[str]:
    if not env.levels.set_size:
        yield (
            "env.engine = device: plays levels made before training; set env.levels.set_size, for "
            "example env.levels.set_size=10000"
        )
    if env.observation != "pixels":
        return
    if not _is_flat(env):
        yield (
            "env.engine = device draws no textures; set env.use_backgrounds=false and "
            "env.use_monochrome_assets=true, env.observation=symbolic, or env.engine=native"
        )
    if env.mode == "memory":
        yield (
            "env.engine = device cannot draw views that follow the mouse (env.mode=memory); set "
            "env.observation=symbolic or env.engine=native"
        )


def _is_flat(env: MazeConfig) -> bool:
    return env.use_monochrome_assets and not env.use_backgrounds


def _assets(env: MazeConfig) -> Iterator[str]:
    if not str(env.assets).strip():
        yield "env.assets is empty"
    elif env.engine == "procgen" or _is_flat(env):
        why = "env.engine=procgen" if env.engine == "procgen" else "the flat look"
        yield f"env.assets = {env.assets} has no effect with {why}; leave it out"


def _two_goals(env: MazeConfig) -> Iterator[str]:
    if not env.levels.set_size:
        yield (
            f"env.goals = {env.goals!r} needs levels made before training; set "
            "env.levels.set_size, for example env.levels.set_size=10000"
        )
    if env.cheese == "region" and env.region < 2:
        yield (
            f"env.region = {env.region}: with env.goals={env.goals} the cheese lies beside the "
            "corner; use at least 2"
        )


def _sizes(levels: LevelsConfig, mode: str, world: int) -> Iterator[str]:
    sizes = {"env.levels.min_size": levels.min_size, "env.levels.max_size": levels.max_size}
    for key, size in sizes.items():
        if size is None:
            continue
        if size % 2 == 0:
            yield f"{key} = {size}: mazes have an odd number of cells a side, so {size + 1}?"
        if size > world:
            larger = [name for name, side in WORLD_SIZE.items() if side >= size]
            yield (
                f"{key} = {size}: env.mode={mode} has mazes up to {world}; choose at most {world}"
                + (f" or env.mode={larger[0]}" if larger else "")
            )
    if levels.max_size is not None and levels.min_size > levels.max_size:
        yield (
            f"env.levels.min_size = {levels.min_size}: must be at most "
            f"env.levels.max_size = {levels.max_size}"
        )


def _level_set(levels: LevelsConfig) -> Iterator[str]:
    if levels.start and not levels.num:
        yield f"env.levels.start = {levels.start} needs env.levels.num: 0 means all seeds"
    if levels.start + levels.num > SEED_LIMIT:
        yield f"env.levels.num = {levels.num}: start + num must be at most {SEED_LIMIT}"
    if levels.num and levels.set_size > levels.num:
        yield (
            f"env.levels.set_size = {levels.set_size}: must be at most env.levels.num = "
            f"{levels.num}, the seeds it is made from"
        )
    if levels.set_size:
        return
    filters = {
        f"split={levels.split}": levels.split != "all",
        f"max_size={levels.max_size}": levels.max_size is not None,
        f"min_size={levels.min_size}": levels.min_size > 3,
    }
    for setting, used in filters.items():
        if used:
            yield (
                f"env.levels.{setting} needs levels made before training; set "
                "env.levels.set_size, for example env.levels.set_size=10000"
            )
