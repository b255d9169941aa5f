"""The cheese vector: taken once at the start of a maze, added wherever the mouse then is.

Turner et al. 2023, "Understanding and controlling a maze-solving policy network": activations with
the cheese minus those without it, at the start square; what counts is where the mouse turns at its
decision square.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.analysis.evaluation import action_probabilities
from chisel.analysis.interventions import add, intervene, keep
from chisel.analysis.maze import (
    DecisionMazes,
    Observe,
    decision_mazes,
    sum_by_move,
    without_cheese,
    world_cell,
)
from chisel.analysis.maze.cheese_vector.choices import Row
from chisel.analysis.steering import activations, random_like, shuffled
from chisel.configs import ConfigError, NumericsError
from chisel.envs.maze import MOVES, Cell, MazeState, paths
from chisel.models import Agent, to_tensor

NEAR = 2
"""A cheese at most so many rows and columns away is nearby."""
KINDS = ("vector", "random", "shuffled")
"""What is added: the vector, or one as long that means nothing."""


@dataclass(frozen=True)
class Bench:
    """An agent before `n` mazes with a decision square, all that is asked again and again."""

    agent: Agent
    mazes: DecisionMazes
    observe: Observe
    at_start: Tensor
    """Observations `[n, C, H, W]`."""
    at_start_without: Tensor
    """The same without cheese."""
    at_square: Tensor
    at_square_without: Tensor


def bench(agent: Agent, states: Sequence[MazeState], observe: Observe) -> Bench:
    """Make everything ready.

    Args:
        agent: A maze agent.
        states: Mazes with one cheese and a decision square, the mouse at its start.
        observe: What the agent sees of states.

    Raises:
        ConfigError: If a maze has no cheese or no decision square.
    """
    mazes = decision_mazes(states)

    def seen(some: Sequence[MazeState]) -> Tensor:
        return to_tensor(observe(some))

    return Bench(
        agent,
        mazes,
        observe,
        at_start=seen(mazes.starts),
        at_start_without=seen([without_cheese(one) for one in mazes.starts]),
        at_square=seen(mazes.states),
        at_square_without=seen([without_cheese(one) for one in mazes.states]),
    )


def cheese_vectors(on: Bench, modules: Sequence[str]) -> dict[str, Tensor]:
    """Each maze's own vector at each module, `[n, C, …]`: two forward passes for all of them."""
    having = activations(on.agent.model, modules, on.at_start, on.agent.outputs)
    lacking = activations(on.agent.model, modules, on.at_start_without, on.agent.outputs)
    return {module: having[module] - lacking[module] for module in modules}


def moves_of(agent: Agent, obs: Tensor) -> NDArray[np.float64]:
    """Probabilities of the five moves `[n, 5]`."""
    with torch.inference_mode():
        logits = agent.policy(obs)
    return _moves(logits)


def steered(
    on: Bench, module: str, vectors: Tensor, coeff: float, obs: Tensor | None = None
) -> NDArray[np.float64]:
    """Move probabilities `[n, 5]` with each maze's vector added, in one forward pass.

    Args:
        on: The mazes.
        module: Where.
        vectors: `[n, C, …]`.
        coeff: How often.
        obs: `[n, C, H, W]`; None is the mazes at their decision squares.
    """
    with intervene(on.agent.model, {module: add(vectors, coeff)}):
        return moves_of(on.agent, on.at_square if obs is None else obs)


def baseline(on: Bench) -> Row:
    """Choices without any intervention."""
    return _row(on, "nothing", moves_of(on.agent, on.at_square))


def removed(on: Bench) -> Row:
    """Choices when the cheese is really gone."""
    return _row(on, "cheese removed", moves_of(on.agent, on.at_square_without))


def sweep(
    on: Bench,
    vectors: Mapping[str, Tensor],
    coeffs: Sequence[float],
    generator: torch.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Every layer and coefficient, with the vector and with its controls.

    What comes before a layer is computed once for all of them.

    Args:
        on: The mazes.
        vectors: What `cheese_vectors` gave.
        coeffs: How often each is added.
        generator: Of the controls: one random and one shuffled vector for each maze and layer.
        progress: Called with layers done and wanted.

    Returns:
        Rows named as `KINDS`; choices are nan where a vector leaves the network without an answer.
    """
    rows = []
    kept = keep(on.agent.model, list(vectors), on.at_square)
    for number, (module, own) in enumerate(vectors.items()):
        for kind, given in zip(KINDS, (own, *_controls(own, generator)), strict=True):
            for coeff in coeffs:
                try:
                    moves = _moves(kept.logits(module, add(given, coeff)))
                except NumericsError:  # a gate pushed off its range, for instance
                    moves = np.full((len(on.mazes), len(MOVES)), np.nan)
                rows.append(_row(on, kind, moves, module=module, coeff=coeff))
        if progress is not None:
            progress(number + 1, len(vectors))
    return rows


def compared(
    on: Bench, module: str, coeff: float, draws: np.random.Generator, generator: torch.Generator
) -> list[Row]:
    """One layer and coefficient closely: controls, averages, other mazes' vectors, no cheese.

    "Averaged" is the mean over all other mazes. Vectors of another maze come from one and the same
    donor for three places of its cheese: the very cell of the world where the target's lies, at
    most `NEAR` rows and columns from it, and farther away.

    Args:
        on: The mazes, at least two.
        module: Where.
        coeff: How often.
        draws: Chooses donors and cells.
        generator: Of random and shuffled vectors.

    Raises:
        ConfigError: If there is one maze only.
    """
    if len(on.mazes) < 2:
        raise ConfigError("one maze has no other to take a vector from: use several levels")
    own = cheese_vectors(on, [module])[module]
    others = (own.sum(0, keepdim=True) - own) / (len(own) - 1)
    given = dict(zip(KINDS, (own, *_controls(own, generator)), strict=True))
    rows = [baseline(on)]
    for name, vectors in {**given, "averaged": others}.items():
        rows.append(_row(on, name, steered(on, module, vectors, coeff), module, coeff))
    rows += _transfer(on, module, coeff, draws)
    return [*rows, removed(on)]


def start_gap(on: Bench, module: str) -> float:
    """Largest difference of a move's probability, at the start, from really removing the cheese.

    With coefficient -1 it is rounding alone wherever everything passes through `module`; a layer
    beside a skip connection leaves more.
    """
    own = cheese_vectors(on, [module])[module]
    there = steered(on, module, own, -1.0, on.at_start)
    return float(np.abs(there - moves_of(on.agent, on.at_start_without)).max())


def _moves(logits: Tensor) -> NDArray[np.float64]:
    return sum_by_move(action_probabilities(logits.float().double()).numpy())


def _controls(own: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return random_like(own, generator), shuffled(own, generator)


def _row(
    on: Bench,
    name: str,
    moves: NDArray[np.float64],
    module: str | None = None,
    coeff: float | None = None,
    mazes: NDArray[np.int64] | None = None,
) -> Row:
    numbers = np.arange(len(on.mazes)) if mazes is None else mazes
    return Row(name, on.mazes.choices(moves)[numbers], numbers, module, coeff)


def _transfer(on: Bench, module: str, coeff: float, draws: np.random.Generator) -> list[Row]:
    donors: dict[str, list[MazeState]] = {"same cell": [], "nearby": [], "elsewhere": []}
    targets = []
    for number, state in enumerate(on.mazes.starts):
        found = _donor(number, on.mazes.starts, world_cell(state, state.cheese[0]), draws)
        if found is not None:
            targets.append(number)
            for name, cell in found[1].items():
                copy = found[0].copy()
                copy.move_cheese(*cell)
                donors[name].append(copy)
    rows = []
    for name, states in donors.items():
        if not states:
            continue
        first, second = (
            activations(on.agent.model, [module], to_tensor(on.observe(some)), on.agent.outputs)
            for some in (states, [without_cheese(one) for one in states])
        )
        change = first[module] - second[module]
        # Mazes without a donor get nothing added, and no place in the row.
        vectors = change.new_zeros(len(on.mazes), *change.shape[1:])
        vectors[targets] = change
        moves = steered(on, module, vectors, coeff)
        rows.append(_row(on, name, moves, module, coeff, np.array(targets)))
    return rows


def _donor(
    target: int,
    states: Sequence[MazeState],
    wanted: Cell,
    draws: np.random.Generator,
) -> tuple[MazeState, dict[str, Cell]] | None:
    """Another maze whose cheese can lie in the wanted cell of the world, and near and far from it.

    Returns:
        The maze, and by kind a cell of it; None if no maze has all three.
    """
    for number in draws.permutation(len(states)):
        donor = states[number]
        if number == target:
            continue
        free = [cell for cell in paths.free_cells(donor.open) if cell != donor.mouse]
        away = {cell: _apart(world_cell(donor, cell), wanted) for cell in free}
        kinds = {
            "same cell": [cell for cell, far in away.items() if far == 0],
            "nearby": [cell for cell, far in away.items() if 0 < far <= NEAR],
            "elsewhere": [cell for cell, far in away.items() if far > NEAR],
        }
        if all(kinds.values()):
            return donor, {k: cells[draws.integers(len(cells))] for k, cells in kinds.items()}
    return None


def _apart(a: Cell, b: Cell) -> int:
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]))
