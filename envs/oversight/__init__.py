"""Diamond and ghost: a gridworld in which only some ends of episodes are overseen."""

from chisel.envs.oversight.make import make_oversight
from chisel.envs.oversight.scripted import SCRIPTS, Script, scripted
from chisel.envs.oversight.vector import OversightVectorEnv

__all__ = ["SCRIPTS", "OversightVectorEnv", "Script", "make_oversight", "scripted"]
