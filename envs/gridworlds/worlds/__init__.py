"""All worlds by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from chisel.configs import hint
from chisel.configs.errors import ConfigError
from chisel.envs.gridworlds.world import World
from chisel.envs.gridworlds.worlds.correction import CORRECTION
from chisel.envs.gridworlds.worlds.damage import DAMAGE, DAMAGE_ENDLESS
from chisel.envs.gridworlds.worlds.interference import INTERFERENCE
from chisel.envs.gridworlds.worlds.offset import CONVEYOR_SUSHI, OFFSET
from chisel.envs.gridworlds.worlds.options import OPTIONS, OPTIONS_ENDLESS
from chisel.envs.gridworlds.worlds.vase import BURNING, BURNING_FIRE, VASE
from chisel.envs.gridworlds.worlds.ways import WAYS

_ALL: tuple[World[Any], ...] = (
    OPTIONS,
    DAMAGE,
    CORRECTION,
    OFFSET,
    INTERFERENCE,
    VASE,
    BURNING,
    BURNING_FIRE,
    CONVEYOR_SUSHI,
    OPTIONS_ENDLESS,
    DAMAGE_ENDLESS,
    WAYS,
)

WORLDS: Mapping[str, World[Any]] = MappingProxyType({world.name: world for world in _ALL})
"""Worlds by name; the first five are those of the AUP paper."""


def find_world(name: str) -> World[Any]:
    """Return the world of that name.

    Raises:
        ConfigError: If there is none.
    """
    if name not in WORLDS:
        raise ConfigError(f"unknown gridworld {name!r}; {hint(name, WORLDS)}")
    return WORLDS[name]
