"""Diamond and ghost: a gridworld in which only some ends of episodes are overseen."""

from envs.oversight.make import make_oversight
from envs.oversight.scripted import SCRIPTS, Script, scripted
from envs.oversight.vector import OversightVectorEnv

__all__ = ["SCRIPTS", "OversightVectorEnv", "Script", "make_oversight", "scripted"]
