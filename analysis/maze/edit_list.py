"""Ordered lists of edits of a maze agent's network, in plain values that can be saved.

The browser lab keeps its edits in this form, and the study `edits` plays held-out mazes with them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor

from chisel import routing
from chisel.analysis.ablation import chosen_regions
from chisel.analysis.evaluation import maze_run, record_means
from chisel.analysis.interventions import (
    Edit,
    add,
    clamp,
    find_sites,
    intervene,
    project_out,
    record,
    scale,
)
from chisel.analysis.maze.states import held_out_states, with_and_without
from chisel.analysis.results import as_config_errors, read_plain
from chisel.analysis.steering import load_vector, mean_difference, random_like
from chisel.configs import ConfigError
from chisel.envs.maze import MazeState, observe_states
from chisel.models import Agent, to_tensor
from chisel.routing import Site

T = TypeVar("T")

MOST = 64
"""Largest number of mazes from which a vector is made, and number of mazes of a mean norm."""


@dataclass(frozen=True)
class VectorRecipe:
    """Description of a steering vector, from which the same numbers are made each time."""

    make: Literal["cheese", "top-right", "file"]
    """Source of the vector: a file, or mazes with and without a thing, see `with_and_without`."""
    maze: tuple[str, ...] = ()
    """Drawing of the maze from which the vector is made, top row first."""
    levels: int = 0
    """Number of validation mazes from which the vector is made instead, up to 64."""
    seed: int = 0
    """Seed of these mazes."""
    file: str = ""
    """File that `SteeringVector.save` wrote."""


@dataclass(frozen=True)
class AddVector:
    """Add a vector times a strength."""

    kind: Literal["add"]
    site: str
    """Name of the module to whose output the vector is added."""
    vector: VectorRecipe
    strength: float = 1.0
    unit: Literal["vector", "norm"] = "vector"
    """Meaning of a strength of 1: the vector itself, or the same direction with the mean norm of
    the layer's output, see `Ingredients.norm`."""
    control: bool = False
    """Whether a random vector of equal norm stands in its place."""
    seed: int = 0
    """Seed of the random vector."""
    on: bool = True


@dataclass(frozen=True)
class ProjectOut:
    """Remove the component along a vector."""

    kind: Literal["project"]
    site: str
    vector: VectorRecipe
    control: bool = False
    seed: int = 0
    on: bool = True


@dataclass(frozen=True)
class ClampCells:
    """Set channels to a value, at some cells or everywhere."""

    kind: Literal["clamp"]
    site: str
    channels: tuple[int, ...]
    value: float
    cells: tuple[tuple[int, int], ...] | None = None
    """Row and column in the layer, row 0 on top; None means everywhere."""
    on: bool = True


@dataclass(frozen=True)
class ScaleChannels:
    """Multiply channels by a factor."""

    kind: Literal["scale"]
    site: str
    factor: float
    channels: tuple[int, ...] | None = None
    """Numbers of the channels; None means all."""
    on: bool = True


@dataclass(frozen=True)
class AblateRegion:
    """Ablate a routed region."""

    kind: Literal["ablate"]
    region: str
    mode: Literal["zero", "mean"] = "zero"
    """Values of the region's units: 0, or their mean over other mazes, see `record_means`."""
    control: bool = False
    """Whether a random region of equal size is ablated in its place."""
    seed: int = 0
    """Seed of the random region."""
    on: bool = True


AnyEdit = AddVector | ProjectOut | ClampCells | ScaleChannels | AblateRegion


def read_edits(plain: Any, where: str = "edits") -> tuple[AnyEdit, ...]:
    """Read a list of edits from plain values.

    Raises:
        ConfigError: If an edit has an unknown field, lacks one, or has one of the wrong type.
    """
    if not isinstance(plain, list | tuple):
        raise ConfigError(f"{where}: edits are a list")
    kind: Any = AnyEdit
    return tuple(read_plain(kind, one, f"{where}[{n}]") for n, one in enumerate(plain))


class Ingredients:
    """Makes the vectors, norms, regions and means that edits of one agent need, each only once.

    Args:
        agent: A maze agent.
        folder: Folder with the files of vectors.

    Raises:
        ConfigError: If the agent plays no mazes.
    """

    def __init__(self, agent: Agent, folder: Path | str = ".") -> None:
        self.agent, self.config, self._folder = agent, maze_run(agent), Path(folder)
        self._kept: dict[Any, Any] = {}

    def vector(self, recipe: VectorRecipe, site: str) -> Tensor:
        """Make a vector, float32 of the shape of one example's activation.

        Raises:
            ConfigError: If the vector cannot be made for this agent.
            CheckpointError: If its file is missing.
        """
        return self._once(("vector", recipe, site), lambda: self._vector(recipe, site))

    def norm(self, site: str) -> float:
        """Return the mean norm of a layer's output at the starts of 64 validation mazes."""
        return self._once(("norm", site), lambda: self._norm(site))

    def region(self, one: AblateRegion) -> tuple[routing.Region, list[Tensor] | None]:
        """Return the region that an edit ablates, and its means.

        Raises:
            ConfigError: If there is no such region, or nothing to draw a random one from.
        """
        return self._once(("region", replace(one, on=True)), lambda: self._region(one))

    def _once(self, key: Any, make: Callable[[], T]) -> T:
        if key not in self._kept:
            self._kept[key] = make()
        kept: T = self._kept[key]
        return kept

    def _vector(self, recipe: VectorRecipe, site: str) -> Tensor:
        if recipe.make == "file":
            if Path(recipe.file).name != recipe.file or not recipe.file.endswith(".safetensors"):
                raise ConfigError(
                    f"{recipe.file!r}: give a name without a folder, like vector.safetensors"
                )
            found = load_vector(self._folder / recipe.file)
            found.require_fit(self.agent, recipe.file)
            if found.site != Site(site):
                raise ConfigError(f"{recipe.file} is a vector of {found.site.where}, not of {site}")
            return found.vector
        pairs = with_and_without(recipe.make, self._mazes(recipe), self.config.env)
        present, absent = (to_tensor(observe_states(one, self.config.env)) for one in pairs)
        return mean_difference(self.agent.model, site, present, absent, self.agent.outputs)

    def _norm(self, site: str) -> float:
        env = self.config.env
        states = held_out_states(self.agent, env, levels=MOST, split="validation", seed=0)
        obs = to_tensor(observe_states(states, env))
        found = record(self.agent.model, [site], lambda: self.agent.outputs(obs))[site]
        return float(found.double().flatten(1).norm(dim=1).mean())

    def _mazes(self, recipe: VectorRecipe) -> list[MazeState]:
        if recipe.maze:
            drawing = "\n".join(recipe.maze)
            return [MazeState.from_drawing(drawing, mode=self.config.env.mode)]
        if not 1 <= recipe.levels <= MOST:
            raise ConfigError(f"a vector is made from 1 to {MOST} mazes, not {recipe.levels}")
        return held_out_states(
            self.agent,
            self.config.env,
            levels=recipe.levels,
            split="validation",
            seed=recipe.seed,
        )

    def _region(self, one: AblateRegion) -> tuple[routing.Region, list[Tensor] | None]:
        regions = chosen_regions(self.agent, [one.region])
        chosen = regions[one.region]
        if one.control:
            generator = torch.Generator().manual_seed(one.seed)
            with as_config_errors(routing.RoutingError):
                drawn = routing.random_like(regions, one.region, self.agent.model, generator)
            chosen = replace(drawn, name=one.region)
        if one.mode == "zero":
            return chosen, None
        means, _ = record_means(self.agent, self.config, {one.region: chosen})
        return chosen, list(means[one.region])


class EditList:
    """Edits that are prepared for one agent: vectors are made, means recorded, names checked.

    Example:
        `with EditList(Ingredients(agent), read_edits(plain))(): logits = agent.policy(obs)`

    Args:
        ingredients: The agent, with vectors, norms, regions and means for its edits.
        edits: Edits, in the order in which they are made. An edit that is off does nothing.

    Raises:
        ConfigError: If there is no such module or region, or a vector cannot be made. Numbers of
            channels and cells are checked when the network runs.
        CheckpointError: If a vector's file is missing.
    """

    def __init__(self, ingredients: Ingredients, edits: Sequence[AnyEdit]) -> None:
        self.agent, self._ingredients = ingredients.agent, ingredients
        self.coefficients: dict[int, float] = {}
        """Factor of each vector that is added, by the edit's place in the list."""
        self.sites: list[Site] = []
        """Sites that are edited."""
        self._contexts: list[Callable[[], AbstractContextManager[None]]] = []
        for number, one in enumerate(edits):
            if one.on:
                self._prepare(number, one)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Return a context in which the network runs with the edits."""
        with ExitStack() as stack:
            for context in self._contexts:
                stack.enter_context(context())
            yield

    def _prepare(self, number: int, one: AnyEdit) -> None:
        model = self.agent.model
        if isinstance(one, AblateRegion):
            region, means = self._ingredients.region(one)
            self.sites += [part.site for part in region.parts]
            regions, modes = {region.name: region}, {region.name: one.mode}
            recorded = None if means is None else {region.name: means}
            ablated = functools.partial(routing.ablate, model, regions, modes, means=recorded)
            self._contexts.append(ablated)
            return
        self.sites.append(find_sites(model, [one.site])[one.site])
        edits = {one.site: self._edit(number, one)}
        self._contexts.append(functools.partial(intervene, model, edits))

    def _edit(self, number: int, one: AddVector | ProjectOut | ClampCells | ScaleChannels) -> Edit:
        if isinstance(one, ClampCells):
            return clamp(one.channels, one.cells, one.value)
        if isinstance(one, ScaleChannels):
            return scale(one.factor, one.channels)
        vector = self._ingredients.vector(one.vector, one.site)
        length = float(vector.double().norm())
        if not length:
            raise ConfigError(f"edits[{number}]: the vector is zero, so there is nothing to add")
        if one.control:
            generator = torch.Generator().manual_seed(one.seed)
            vector = random_like(vector[None], generator)[0]
        if isinstance(one, ProjectOut):
            return project_out(vector)
        coeff = one.strength
        if one.unit == "norm":
            coeff *= self._ingredients.norm(one.site) / length
        self.coefficients[number] = coeff
        return add(vector, coeff)
