"""What a gridworld is: a map and its moving parts."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, Literal, NamedTuple, TypeVar

from chisel.configs.errors import ConfigError
from chisel.envs.gridworlds.grid import AGENT, FLOOR, WALL, Cell, Grid

S = TypeVar("S", bound=Hashable)


class Outcome(NamedTuple, Generic[S]):
    """What one action leads to."""

    state: S
    reward: float = 0.0
    """What the agent is paid."""
    effect: float = 0.0
    """What the hidden performance counts beyond the reward: side effects are negative."""
    ends: bool = False
    """Whether the episode is over."""


@dataclass(frozen=True)
class World(Generic[S]):
    """One deterministic gridworld; table and vector environment are both made from it.

    Raises:
        ConfigError: If the map is wrong; see `Grid`.
    """

    name: str
    rows: tuple[str, ...]
    """The map: `#` wall, space floor, `A` agent, and glyphs."""
    glyphs: str
    """All glyphs that are ever seen besides these three."""
    start: Callable[[Grid], S]
    """The full state at the start, everything included that later steps depend on."""
    step: Callable[[Grid, S, int], Outcome[S]]
    """What action 0…4 leads to: the moving parts, in the order in which they are updated."""
    draw: Callable[[Grid, S], Iterable[tuple[str, Cell]]]
    """Glyphs and their cells, the agent's among them; later ones cover earlier ones."""
    passing: float = 1.0
    """Performance, the sum of rewards and effects, from which on an episode is a success."""
    max_steps: int = 100
    """The usual time limit."""
    keyed_by: Literal["state", "board"] = "state"
    """What tells states apart: all of it, or only what is seen. By board, what happens after a
    board is what happens after the first state found with it, breadth first."""
    grid: Grid = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "grid", Grid(self.rows, self.glyphs))

    @property
    def planes(self) -> tuple[str, ...]:
        """The glyph of each observation plane: wall, agent, then `glyphs` in their order."""
        return (WALL, AGENT, *self.glyphs)

    def first(self) -> S:
        """The state at the start."""
        return self.start(self.grid)

    def after(self, state: S, action: int) -> Outcome[S]:
        """What an action leads to."""
        return self.step(self.grid, state, action)

    def board(self, state: S) -> bytes:
        """What is seen, row by row, one ASCII code per cell: `[H * W]`.

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
