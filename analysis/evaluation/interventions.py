"""Prepare the interventions of `ablate=` and `steer=` for a network that is evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from chisel import routing
from chisel.analysis.ablation import Ablation, chosen_regions, name_of, parse_modes
from chisel.analysis.evaluation.evaluator import AnyLoaded, Player, evaluator_of, other_games
from chisel.analysis.steering import Steering, steering_of
from chisel.configs import ConfigError, RunConfig

MEAN_LEVELS = 128
"""Number of levels with observations for means, in worlds with splits."""


@dataclass(frozen=True)
class Interventions:
    """The interventions on a network while it is evaluated."""

    ablation: Ablation | None = None
    steering: Steering | None = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Return a context that ablates, and then adds vectors, so that these stay whole."""
        with ExitStack() as stack:
            for one in (self.ablation, self.steering):
                if one is not None:
                    stack.enter_context(one())
            yield

    @property
    def whole_batches(self) -> bool:
        """Whether an example needs other examples in its batch."""
        return self.ablation is not None and self.ablation.whole_batches

    @property
    def name(self) -> str:
        """End of a file's name; empty without interventions."""
        ablated = f"-ablate-{name_of(self.ablation.modes)}" if self.ablation else ""
        return ablated + (f"-steer-{self.steering.name}" if self.steering else "")

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        plain: dict[str, Any] = {}
        for one in (self.ablation, self.steering):
            plain |= one.to_plain() if one is not None else {}
        return plain


def interventions_of(
    loaded: AnyLoaded, config: RunConfig, *, ablate: str | None = None, steer: str | None = None
) -> Interventions:
    """Read interventions on a network, and record the means that an ablation needs.

    Args:
        loaded: The network.
        config: Config under which the network is evaluated.
        ablate: Regions, `REGION[:MODE],…` (see `parse_modes`).
        steer: Vectors, `FILE:COEFF,…` (see `parse_steer`).

    Raises:
        ConfigError: If an intervention cannot be read, there is no such region, a vector does not
            fit, or there is nothing to resample from.
        CheckpointError: If there is no such file.
    """
    return Interventions(
        None if ablate is None else ablation_of(loaded, config, parse_modes(ablate)),
        None if steer is None else steering_of(loaded, steer),
    )


def ablation_of(
    loaded: AnyLoaded, config: RunConfig, modes: Mapping[str, routing.Mode]
) -> Ablation:
    """Prepare the ablation of regions of a network; means are recorded while it plays.

    Raises:
        ConfigError: If the network has no such region, or if a single game has nothing to resample
            from.
    """
    regions = chosen_regions(loaded, modes)
    ablation = Ablation(loaded.model, regions, modes, config.eval.seed)
    if ablation.whole_batches and min(config.eval.num_envs, config.eval.levels) < 2:
        raise ConfigError("ablate: resample needs several games; set eval.num_envs to 2 or more")
    if "mean" not in modes.values():
        return ablation
    wanted = {name: regions[name] for name, mode in modes.items() if mode == "mean"}
    means, states = record_means(loaded, config, wanted)
    return replace(ablation, means=means, mean_states=states)


def record_means(
    loaded: AnyLoaded, config: RunConfig, regions: Mapping[str, routing.Region]
) -> tuple[routing.Means, int]:
    """Record mean activations of regions over a network's observations in other games.

    Returns:
        The means that `routing.ablate` takes, and the number of observations.
    """
    evaluator, states = evaluator_of(config), 0
    situation, other = evaluator.situations[0], other_games(evaluator, config, MEAN_LEVELS)
    whole = evaluator.players(loaded, other, situation)[0]

    def policy(obs: torch.Tensor) -> Any:
        nonlocal states
        states += len(obs)
        return whole.policy(obs)

    player, key = Player(whole.name, policy, greedy=whole.greedy), (other.eval.seed,)
    with evaluator.open(loaded, other, situation, paired=True) as games:
        means = routing.record_means(loaded.model, regions, lambda: games.play(player, key))
    return means, states
