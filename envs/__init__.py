"""Worlds: Gymnasium vector environments that can save and restore their whole state; data sets."""

from chisel.envs.base import Plain, StatefulVectorEnv
from chisel.envs.checker import check_vector_env
from chisel.envs.data import HALVES, DataSet, Examples, Part, half_of, load_data
from chisel.envs.declarations import check_declarations, check_observations
from chisel.envs.factory import make

__all__ = [
    "HALVES",
    "DataSet",
    "Examples",
    "Part",
    "Plain",
    "StatefulVectorEnv",
    "check_declarations",
    "check_observations",
    "check_vector_env",
    "half_of",
    "load_data",
    "make",
]
