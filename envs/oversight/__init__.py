"""Diamond and ghost: a gridworld in which only some episode ends are overseen (labelled)."""

from chisel.envs.oversight.scripted import SCRIPTS, Script, scripted
from chisel.envs.oversight.vector import OversightVectorEnv, make_oversight

__all__ = ["SCRIPTS", "OversightVectorEnv", "Script", "make_oversight", "scripted"]
