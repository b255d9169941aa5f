"""The definition of a gridworld: a map, and the rules by which its parts move."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, Literal, NamedTuple, TypeVar

from chisel.configs.errors import ConfigError
from chisel.envs.gridworlds.grid import AGENT, FLOOR, WALL, Cell, Grid

S = TypeVar("S", bound=Hashable)


class Outcome(NamedTuple, Generic[S]):
    """Result of one action."""

    state: S
    reward: float = 0.0
    """Reward that the agent observes."""
    effect: float = 0.0
    """Amount that is added to the reward in the hidden performance; negative for side effects."""
    ends: bool = False
    """Whether the episode is over."""


@dataclass(frozen=True)
class World(Generic[S]):
    """A deterministic gridworld, from which both table and vector environment are made.

    Raises:
        ConfigError: If the map is wrong; see `Grid`.
    """

    name: str
    rows: tuple[str, ...]
    """The map: `#` wall, space floor, `A` agent, and glyphs."""
    glyphs: str
    """All other glyphs that the world draws at some time."""
    start: Callable[[Grid], S]
    """Function that makes the full first state, which holds everything that steps depend on."""
    step: Callable[[Grid, S, int], Outcome[S]]
    """Function that computes the result of action 0…4."""
    draw: Callable[[Grid, S], Iterable[tuple[str, Cell]]]
    """Function that returns glyphs and their cells, with the agent's; later ones cover earlier
    ones."""
    others: Callable[[Grid], Iterable[S]] = lambda grid: ()
    """Function that returns further first states. Each episode begins in one drawn from all."""
    passing: float = 1.0
    """Least performance (sum of rewards and effects) of a successful episode."""
    max_steps: int = 100
    """Default time limit in steps."""
    keyed_by: Literal["state", "board"] = "state"
    """Whether two states differ if anything in them differs, or only if their boards do. By board,
    the first state that is found with a board, breadth first, stands for all that look like it."""
    grid: Grid = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "grid", Grid(self.rows, self.glyphs))

    @property
    def planes(self) -> tuple[str, ...]:
        """The glyph of each observation plane: wall, agent, then `glyphs` in their order."""
        return (WALL, AGENT, *self.glyphs)

    def first(self) -> S:
        """Return the first state."""
        return self.start(self.grid)

    def after(self, state: S, action: int) -> Outcome[S]:
        """Return the result of an action."""
        return self.step(self.grid, state, action)

    def board(self, state: S) -> bytes:
        """Draw the board, row by row, one ASCII code per cell: `[H * W]`.

        Raises:
            ConfigError: If the world draws a glyph that it does not name in `glyphs`.
        """
        width = self.grid.width
        seen = bytearray(FLOOR.encode() * (self.grid.height * width))
        for row, column in self.grid.every(WALL):
            seen[row * width + column] = ord(WALL)
        for glyph, (row, column) in self.draw(self.grid, state):
            if glyph not in self.planes:
                raise ConfigError(
                    f"world {self.name!r} draws {glyph!r}, which is not in its glyphs "
                    f"{self.glyphs!r}; add it there"
                )
            seen[row * width + column] = ord(glyph)
        return bytes(seen)
