"""Worlds: Gymnasium vector environments that save and restore their whole state."""

from chisel.envs.base import DeviceVectorEnv, Plain, StatefulVectorEnv, is_device_env, make
from chisel.envs.checker import check_vector_env
from chisel.envs.declarations import (
    as_array,
    check_declarations,
    check_infos,
    check_observations,
)
from chisel.envs.single import SingleEnv, SingleEnvs

__all__ = [
    "DeviceVectorEnv",
    "Plain",
    "SingleEnv",
    "SingleEnvs",
    "StatefulVectorEnv",
    "as_array",
    "check_declarations",
    "check_infos",
    "check_observations",
    "check_vector_env",
    "is_device_env",
    "make",
]
