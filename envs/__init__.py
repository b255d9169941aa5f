"""Worlds: Gymnasium vector environments that can save and restore their whole state."""

from envs.base import Plain, StatefulVectorEnv
from envs.checker import check_vector_env
from envs.factory import make

__all__ = ["Plain", "StatefulVectorEnv", "check_vector_env", "make"]
