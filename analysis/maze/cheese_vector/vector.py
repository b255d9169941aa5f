"""The cheese vector: activations with the cheese minus those without it, at a maze's start.

The vector is taken once for each maze, and added with the mouse on other squares. Its effect is
measured by the mouse's choice at the decision square. The method is that of Turner et al. 2023,
"Understanding and controlling a maze-solving policy network".
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.analysis.evaluation import Split
from chisel.analysis.interventions import Stages, add, intervene
from chisel.analysis.maze import (
    DecisionMazes,
    Observe,
    decision_mazes,
    held_out_states,
    move_probabilities,
    without_cheese,
    world_cell,
)
from chisel.analysis.maze.cheese_vector.conditions import Row
from chisel.analysis.results import Estimate
from chisel.analysis.steering import activations, random_like, shuffled
from chisel.configs import ConfigError, NumericsError, RunConfig
from chisel.envs.maze import MOVES, Cell, MazeState, observe_states, paths
from chisel.models import Agent, to_tensor
from chisel.routing import Site

LAYER = "embedder.block2.res1.resadd"
"""The layer at which the published vector was taken."""
NEAR = 2
"""Largest number of rows and columns at which a cheese counts as nearby."""
KINDS = ("vector", "random", "shuffled")
"""Kinds of vectors that are added: the vector itself, and controls of the same length."""


@dataclass(frozen=True)
class SteeringSetup:
    """An agent, `n` mazes with a decision square, and observations that are used many times."""

    agent: Agent
    mazes: DecisionMazes
    observe: Observe
    at_start: Tensor
    """Observations `[n, C, H, W]` with the mouse at its start."""
    at_start_without: Tensor
    """The same without cheese."""
    at_square: Tensor
    """Observations `[n, C, H, W]` with the mouse on its decision square."""
    at_square_without: Tensor
    """The same without cheese."""


def steering_setup(agent: Agent, states: Sequence[MazeState], observe: Observe) -> SteeringSetup:
    """Find the decision squares of mazes and make the observations.

    Args:
        agent: A maze agent.
        states: Mazes with one cheese and a decision square, the mouse at its start.
        observe: Function that makes observations of states.

    Raises:
        ConfigError: If a maze has no cheese or no decision square.
    """
    mazes = decision_mazes(states)

    def observations(some: Sequence[MazeState]) -> Tensor:
        return to_tensor(observe(some))

    return SteeringSetup(
        agent,
        mazes,
        observe,
        at_start=observations(mazes.starts),
        at_start_without=observations([without_cheese(one) for one in mazes.starts]),
        at_square=observations(mazes.states),
        at_square_without=observations([without_cheese(one) for one in mazes.states]),
    )


def cheese_vectors(setup: SteeringSetup, modules: Sequence[str]) -> dict[str, Tensor]:
    """Return each maze's own vector at each module, `[n, C, …]`, from two forward passes."""
    with_cheese = activations(setup.agent.model, modules, setup.at_start, setup.agent.outputs)
    without = activations(setup.agent.model, modules, setup.at_start_without, setup.agent.outputs)
    return {module: with_cheese[module] - without[module] for module in modules}


def moves_of(agent: Agent, obs: Tensor) -> NDArray[np.float64]:
    """Return an agent's probabilities of the five moves `[n, 5]` for observations."""
    with torch.inference_mode():
        logits = agent.policy(obs)
    return move_probabilities(logits.float())


def steered(
    setup: SteeringSetup, module: str, vectors: Tensor, coeff: float, obs: Tensor | None = None
) -> NDArray[np.float64]:
    """Return move probabilities `[n, 5]` with each maze's vector added, from one forward pass.

    Args:
        setup: The agent and mazes.
        module: Module to whose output the vectors are added.
        vectors: Vector of each maze, `[n, C, …]`.
        coeff: Factor by which vectors are multiplied before they are added.
        obs: Observations `[n, C, H, W]`; None is the mazes at their decision squares.
    """
    with intervene(setup.agent.model, {module: add(vectors, coeff)}):
        return moves_of(setup.agent, setup.at_square if obs is None else obs)


def baseline(setup: SteeringSetup) -> Row:
    """Return the choices without any intervention."""
    return _row(setup, "nothing", moves_of(setup.agent, setup.at_square))


def removed(setup: SteeringSetup) -> Row:
    """Return the choices in the mazes without their cheese."""
    return _row(setup, "cheese removed", moves_of(setup.agent, setup.at_square_without))


def sweep(
    setup: SteeringSetup,
    vectors: Mapping[str, Tensor],
    coeffs: Sequence[float],
    generator: torch.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Measure the choices for every layer and coefficient, with the vector and with its controls.

    The layers before an edited one run once for all coefficients.

    Args:
        setup: The agent and mazes.
        vectors: Vectors of each module, from `cheese_vectors`.
        coeffs: Factors by which vectors are multiplied before they are added.
        generator: Draws one random and one shuffled vector for each maze and layer.
        progress: Called with the numbers of layers done and wanted.

    Returns:
        Rows named as in `KINDS`. Choices are nan if the edited network gives no finite output.
    """
    rows, model = [], setup.agent.model
    stages, obs = Stages(model), setup.at_square.to(model.fc_policy.weight.device)
    for number, (module, own) in enumerate(vectors.items()):
        stage = stages.of([Site(module)])
        entering = stages.before(stage, obs)
        for kind, given in zip(KINDS, (own, *_controls(own, generator)), strict=True):
            for coeff in coeffs:
                try:
                    with intervene(model, {module: add(given, coeff)}):
                        logits, _ = stages.after(stage, entering, obs)
                    moves = move_probabilities(logits.float())
                except NumericsError:  # for instance a gate pushed out of its range
                    moves = np.full((len(setup.mazes), len(MOVES)), np.nan)
                rows.append(_row(setup, kind, moves, module=module, coeff=coeff))
        if progress is not None:
            progress(number + 1, len(vectors))
    return rows


def compared(
    setup: SteeringSetup,
    module: str,
    coeff: float,
    draws: np.random.Generator,
    generator: torch.Generator,
) -> list[Row]:
    """Compare the vector at one layer and coefficient with controls, other vectors and no cheese.

    "Averaged" is the mean vector of all other mazes. Each target maze also gets vectors of a donor
    maze with its cheese in three places: on the cell of the world of the target's own cheese, on a
    cell at most `NEAR` rows and columns from it, and on a cell farther away.

    Args:
        setup: The agent and at least two mazes.
        module: Module to whose output the vectors are added.
        coeff: Factor by which vectors are multiplied before they are added.
        draws: Chooses donors and cells.
        generator: Draws random and shuffled vectors.

    Raises:
        ConfigError: If there is only one maze.
    """
    if len(setup.mazes) < 2:
        raise ConfigError("one maze has no other to take a vector from: use several levels")
    own = cheese_vectors(setup, [module])[module]
    others = (own.sum(0, keepdim=True) - own) / (len(own) - 1)
    given = dict(zip(KINDS, (own, *_controls(own, generator)), strict=True))
    rows = [baseline(setup)]
    for name, vectors in {**given, "averaged": others}.items():
        rows.append(_row(setup, name, steered(setup, module, vectors, coeff), module, coeff))
    rows += _transfer(setup, module, coeff, draws)
    return [*rows, removed(setup)]


def start_gap(setup: SteeringSetup, module: str) -> float:
    """Compare subtracting the vector at the start square with really removing the cheese.

    If everything passes through `module`, the difference is only rounding. It is larger at a layer
    beside a skip connection.

    Returns:
        The largest absolute difference of a move's probability.
    """
    own = cheese_vectors(setup, [module])[module]
    subtracted = steered(setup, module, own, -1.0, setup.at_start)
    return float(np.abs(subtracted - moves_of(setup.agent, setup.at_start_without)).max())


def cheese_vector_curves(
    agent: Agent, config: RunConfig, levels: int, split: Split
) -> dict[str, Estimate]:
    """Measure mean P(cheese) at decision squares with and without the vector, beside controls.

    The vector is taken at `LAYER`.

    Args:
        agent: A maze agent.
        config: The environment; `config.eval.seed` decides mazes and random vectors.
        levels: Number of held-out mazes with a decision square, the cheese anywhere.
        split: Split that the layouts come from.

    Returns:
        `P(cheese)` without an intervention; with each maze's own vector subtracted (`vector`), with
        a random vector of the same length subtracted (`random`), and with the cheese removed
        (`removed`); and `P(neither) with vector`, which shows damage to the policy.

    Raises:
        ConfigError: If there is no such layer, or there are too few mazes.
    """
    seed = config.eval.seed
    states = held_out_states(
        agent, config.env, levels=levels, split=split, seed=seed, decision=True
    )
    setup = steering_setup(agent, states, functools.partial(observe_states, config=config.env))
    own = cheese_vectors(setup, [LAYER])[LAYER]
    noise = random_like(own, torch.Generator().manual_seed(seed))
    with_vector, with_noise = (
        _row(setup, "added", steered(setup, LAYER, vectors, -1.0)) for vectors in (own, noise)
    )
    return {
        "P(cheese)": baseline(setup).over_mazes["mean"]["cheese"],
        "vector": with_vector.over_mazes["mean"]["cheese"],
        "random": with_noise.over_mazes["mean"]["cheese"],
        "removed": removed(setup).over_mazes["mean"]["cheese"],
        "P(neither) with vector": with_vector.over_mazes["mean"]["neither"],
    }


def _controls(own: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return random_like(own, generator), shuffled(own, generator)


def _row(
    setup: SteeringSetup,
    name: str,
    moves: NDArray[np.float64],
    module: str | None = None,
    coeff: float | None = None,
    mazes: NDArray[np.int64] | None = None,
) -> Row:
    numbers = np.arange(len(setup.mazes)) if mazes is None else mazes
    return Row(name, setup.mazes.choices(moves)[numbers], numbers, module, coeff)


def _transfer(
    setup: SteeringSetup, module: str, coeff: float, draws: np.random.Generator
) -> list[Row]:
    donors: dict[str, list[MazeState]] = {"same cell": [], "nearby": [], "elsewhere": []}
    targets = []
    for number, state in enumerate(setup.mazes.starts):
        found = _donor(number, setup.mazes.starts, world_cell(state, state.cheese[0]), draws)
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
            activations(
                setup.agent.model, [module], to_tensor(setup.observe(some)), setup.agent.outputs
            )
            for some in (states, [without_cheese(one) for one in states])
        )
        change = first[module] - second[module]
        # Nothing is added in mazes without a donor, and the row leaves them out.
        vectors = change.new_zeros(len(setup.mazes), *change.shape[1:])
        vectors[targets] = change
        moves = steered(setup, module, vectors, coeff)
        rows.append(_row(setup, name, moves, module, coeff, np.array(targets)))
    return rows


def _donor(
    target: int,
    states: Sequence[MazeState],
    wanted: Cell,
    draws: np.random.Generator,
) -> tuple[MazeState, dict[str, Cell]] | None:
    """Draw another maze whose cheese can lie in the wanted cell of the world, near it and far away.

    Returns:
        The maze, and a cell of it for each place of the cheese; None if no maze has all three.
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
