"""Gradient routing in a training run: labels in, the losses and the log that come with it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chisel import routing
from chisel.configs import ConfigError, RoutingConfig, RunConfig, hint
from chisel.models import ActorCritic
from chisel.trainers.onpolicy.collector import Policy
from chisel.trainers.onpolicy.losses import divergence
from chisel.trainers.routed.labels import UNKNOWN, EpisodeLabeler
from chisel.trainers.runs import seeding
from chisel.trainers.runs.distributed import mean_over_ranks

FORK = "embedder"
"""The module whose output feeds both heads."""

_SPARSE = "l1 "
"""Begins the keys of activations that are kept sparse."""

ROUTE_CLIP = 0.2
"""Where `routes/*/clipfrac` counts a ratio as clipped: PPO's usual `clip_coef`."""


class Routes:
    """The router of a network, and everything a trainer does around it.

    Args:
        model: the network; hooks are attached to it, so this comes before compiling.
        options: the run's routing.
        labels: the labels of this process's episodes.
        resolved: regions as an earlier checkpoint stored them, which then hold.
        example: observations `[B, C, H, W]`, by which sizes of regions are looked up.

    Raises:
        ConfigError: regions, rules or gate don't fit the network.
    """

    def __init__(
        self,
        model: ActorCritic,
        options: RoutingConfig,
        labels: EpisodeLabeler,
        resolved: Mapping[str, Any] | None = None,
        example: Tensor | None = None,
    ) -> None:
        self.options, self.labels = options, labels
        asked = asdict(options) | {"rules": ordered_rules(options.rules, labels.names)}
        self._seen: dict[str, Tensor] = {}
        try:
            self.router = routing.attach(
                model,
                {**asked, **(resolved or {})},
                fork=FORK if options.terms else None,
                example=example,
            )
        except routing.RoutingError as error:
            raise ConfigError(f"routing: {error}") from error
        _require_reachable(options, labels.names)
        self._watch(model)
        self._kept_out = _kept_out(options, labels.names)
        if (options.alone_coef or options.values == "routed") and not self._kept_out:
            key = "alone_coef" if options.alone_coef else "values"
            raise ConfigError(f"routing.{key}: no rule keeps a label out of a region (weight 0)")
        self._drop = routing.RegionDropout(
            model,
            {name: self.router.regions[name] for name in {**options.drop, **self._kept_out}},
        )
        self._dropped: dict[str, Tensor] = {}
        self.columns = (
            "labels",
            *(["weights"] if _weighs(options) else []),
            *map(_dropped, options.drop),
        )

    def _watch(self, model: ActorCritic) -> None:
        """Keep what the extra losses look at: the gate before its mask, activations behind theirs.

        So a label teaches the gate that its reward doesn't move, and sparsity stays out of regions
        that rest.
        """
        if self.options.gate_coef:
            gate, experts = _gate_of(model)
            missing = [name for name in self.labels.names if name not in experts]
            if missing:
                raise ConfigError(
                    f"routing.gate_coef: the gate chooses among {', '.join(experts)}, so there "
                    f"must be no label {missing[0]!r}"
                )
            self._expert = torch.tensor([experts.index(name) for name in self.labels.names])
            gate.register_forward_hook(self._keeper("gate"), prepend=True)
        if self.options.l1:
            parts = [part for part in self.router.regions.sites() if part.at == "output"]
            if not parts:
                raise ConfigError(
                    "routing.l1: no region is at a module's output, where activations could be "
                    "sparse; leave it out"
                )
            for name in dict.fromkeys(part.module for part in parts):
                module = model.get_submodule(name)
                module.register_forward_hook(self._keeper(f"{_SPARSE}{name}"))

    def _keeper(self, key: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
            if torch.is_grad_enabled():
                self._seen[key] = output

        return keep

    def optimizer(self, model: nn.Module, *, lr: float, eps: float) -> torch.optim.Optimizer:
        """Adam; with `freeze` one that leaves regions alone that got no gradient."""
        if not self.options.freeze:
            return torch.optim.Adam(model.parameters(), lr=lr, eps=eps, fused=True)
        return routing.RoutedAdam(
            model.named_parameters(), lr=lr, eps=eps, owned=self.router.owned()
        )

    @property
    def _judges_by_part(self) -> bool:
        """Whether labelled steps are compared with the values of their part of the network."""
        return self.options.values == "routed" and self.router.strength > 0

    def untouched(self, optimizer: torch.optim.Optimizer) -> list[str]:
        """Regions that own parameters and never got a gradient; empty before the first step."""
        if not isinstance(optimizer, routing.RoutedAdam):
            return []
        return optimizer.untouched()

    def begin(self, env_steps: int) -> None:
        """Before a rollout: the schedule, an empty label book, and who runs without what."""
        self.router.strength = strength_at(self.options, env_steps)
        self.labels.begin()
        draws, upto = self.labels.draw(), 0.0
        for name, share in self.options.drop.items():  # at most one in each environment
            upto, since = upto + share * (env_steps >= self.options.drop_start), upto
            self._dropped[name] = torch.from_numpy((draws >= since) & (draws < upto))
        self._drop.use(self._dropped)

    def finish(self, columns: dict[str, Tensor], policy: Policy) -> None:
        """After a rollout: add the columns that the updates need, and see to the values.

        Args:
            columns: the rollout's; `values` may change.
            policy: observations `[N, …]` in the environment's layout to logits and values.
        """
        self._drop.clear()
        dones = columns["dones"]
        labels = self.labels.column(*dones.shape).to(dones.device)
        columns["labels"] = labels
        if self._judges_by_part:
            for obs, values, known in zip(columns["obs"], columns["values"], labels, strict=True):
                self._drop.use(self._outside(known, self._dropped))
                values.copy_(torch.where(known >= 0, policy(obs)[1].float(), values))
            self._drop.clear()
        for name, flags in self._dropped.items():
            columns[_dropped(name)] = flags.to(dones.device).expand(*dones.shape)
        if "weights" in self.columns:
            columns["weights"] = self._learnt_from(labels).float()

    def _learnt_from(self, labels: Tensor) -> Tensor:
        """Which steps bool `[T, N]` are in the loss."""
        known, everywhere = labels >= 0, torch.ones_like(labels, dtype=torch.bool)
        chosen = {"train": everywhere, "drop": known, "drop-ended": labels != UNKNOWN}
        learnt = chosen[self.options.unlabelled_steps]
        if self.options.dropped_steps == "labelled":
            for flags in self._dropped.values():
                learnt = learnt & (known | ~flags.to(labels.device))
        return learnt

    def forward(
        self, model: ActorCritic, obs: Tensor, batch: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits for the policy, values, and logits for the entropy, each with its routes."""
        self.router.use(batch["labels"].clamp(min=UNKNOWN))
        dropped = {name: batch[_dropped(name)] for name in self.options.drop}
        self._drop.use(dropped)
        if not self.options.terms:
            logits, values = model(obs)
            self._drop.clear()
            if self._kept_out:
                outside = self._outside(batch["labels"], dropped)
                alone = self._without(model, obs, outside)
                self._seen["whole"], self._seen["alone"] = logits.detach(), alone[0]
                values = alone[1] if self._judges_by_part else values
            return logits, values, logits
        features = model.features(obs)
        self._drop.clear()
        for key in [key for key in self._seen if key.startswith(_SPARSE)]:
            if self.router.is_at_fork(key.removeprefix(_SPARSE)):
                self._seen[key] = self.router.fork(self._seen[key], "sparsity")
        logits, values, entropy = (
            model.heads(self.router.fork(features, term), obs)
            for term in ("policy", "value", "entropy")
        )
        return logits[0], values[1], entropy[0]

    def _without(
        self, model: ActorCritic, obs: Tensor, outside: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Logits and values without the regions outside of which each example is."""
        seen = dict(self._seen)
        self._drop.use(outside)
        output: tuple[Tensor, Tensor] = model(obs)
        self._drop.clear()
        self._seen = seen  # the extra losses are about the whole network
        return output

    def _outside(self, labels: Tensor, dropped: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """By region, the examples `[B]` that ran without it or whose label is kept out of it."""
        outside = {
            name: (labels >= 0) & flags.to(labels.device)[labels.clamp(min=0)]
            for name, flags in self._kept_out.items()
        }
        for name, flags in dropped.items():
            outside[name] = outside.get(name, False) | flags.to(labels.device)
        return outside

    def losses(
        self, batch: dict[str, Tensor], log_ratio: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The gate's loss, that of acting alone, sparsity; and what is logged of each route."""
        labels = batch["labels"]
        logged: dict[str, Tensor] = {}
        total = torch.zeros((), device=labels.device)
        if self.options.gate_coef:
            logged["gate_loss"] = self._gate_loss(labels)
            total = total + self.options.gate_coef * logged["gate_loss"]
        if self.options.alone_coef:
            logged["alone_loss"] = self._alone_loss(labels)
            strength = self.router.strength  # before routing.start there is nothing to act alone
            total = total + strength * self.options.alone_coef * logged["alone_loss"]
        if self.options.l1:
            sites = [value for key, value in self._seen.items() if key.startswith(_SPARSE)]
            logged["l1"] = torch.stack([site.float().abs().mean() for site in sites]).mean()
            total = total + self.options.l1 * logged["l1"]
        self._seen = {}
        with torch.no_grad():
            return total, logged | self._route_metrics(labels, log_ratio)

    def _gate_loss(self, labels: Tensor) -> Tensor:
        """Cross-entropy of the gate on labelled examples, a mean over them; 0 without any."""
        logits = self._seen["gate"].float()
        known = labels >= 0
        wanted = self._expert.to(labels.device)[labels.clamp(min=0)]
        losses = nn.functional.cross_entropy(logits, wanted, reduction="none")
        return mean_over_ranks(losses, known)

    def _alone_loss(self, labels: Tensor) -> Tensor:
        """KL(whole ‖ alone) on labelled examples, a mean over them; 0 without any.

        The coherence loss of Cloud et al. 2024 (appendix A, "tug of war"): parts of a sum, each
        trained on what the others leave over, need not be able to do anything by themselves.
        """
        whole, alone = (
            torch.log_softmax(self._seen[key].float(), dim=-1) for key in ("whole", "alone")
        )
        divergences = (whole.exp() * (whole - alone)).sum(-1)
        return mean_over_ranks(divergences, labels >= 0)

    def _route_metrics(self, labels: Tensor, log_ratio: Tensor | None) -> dict[str, Tensor]:
        """Share, divergence and clip fraction of each label; NaN where it has no example."""
        metrics = {}
        for number, name in enumerate((*self.labels.names, "unlabelled")):
            mine = labels == number if number < len(self.labels.names) else labels < 0
            metrics[f"routes/{name}/share"] = mine.float().mean()
            if log_ratio is not None:
                moved = divergence(log_ratio[mine], ROUTE_CLIP)
                for key in ("approx_kl", "clipfrac"):
                    metrics[f"routes/{name}/{key}"] = moved[key]
        return metrics

    def to_plain(self) -> dict[str, Any]:
        """Resolved regions and rules, as a checkpoint stores them."""
        return self.router.to_plain()

    def get_state(self) -> dict[str, Any]:
        """The label book's."""
        return self.labels.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        self.labels.set_state(state)


def make_routes(
    config: RunConfig,
    model: ActorCritic,
    *,
    num_envs: int,
    rank: int,
    resolved: Mapping[str, Any] | None = None,
    example: Tensor | None = None,
) -> Routes | None:
    """The routes that a config asks for; None if it has no regions and filters nothing."""
    options = config.routing
    if options.labels.source is None:
        return None
    generator = np.random.default_rng(seeding.derive(config, "labels", rank))
    labels = EpisodeLabeler(options.labels, num_envs=num_envs, generator=generator)
    return Routes(model, options, labels, resolved, example)


def _kept_out(options: RoutingConfig, names: tuple[str, ...]) -> dict[str, Tensor]:
    """By region, which labels `[K]` have weight 0 there; nothing if nobody asks."""
    if options.values == "whole" and not options.alone_coef:
        return {}
    flags = {
        region: torch.tensor([options.rules.get(name, {}).get(region, 1.0) == 0 for name in names])
        for region in options.regions
    }
    return {region: labels for region, labels in flags.items() if labels.any()}


def _require_reachable(options: RoutingConfig, names: tuple[str, ...]) -> None:
    """See to it that every region learns from some example.

    Raises:
        ConfigError: One is closed to all that is learnt from.
    """
    tables = [options.rules] + [{**options.rules, **rules} for rules in options.terms.values()]
    for region in options.regions:
        closed = all(
            table.get(name, {}).get(region, 1.0) == 0 for table in tables for name in names
        )
        unlabelled = options.unlabelled_steps != "drop" and options.unlabelled.get(region, 1.0)
        if closed and not unlabelled:
            raise ConfigError(
                f"routing.rules: region {region} is closed to every label, and to examples without "
                "one, so it never learns; give one of them a weight other than 0"
            )


def _weighs(options: RoutingConfig) -> bool:
    """Whether some steps are left out of the loss."""
    return options.unlabelled_steps != "train" or options.dropped_steps != "train"


def _dropped(region: str) -> str:
    """The column that says where a region was dropped."""
    return f"without {region}"


def strength_at(options: RoutingConfig, env_steps: int) -> float:
    """How far the schedule has gone from no routing (0) to the rules (1)."""
    if not options.ramp:
        return float(env_steps >= options.start)
    return min(max((env_steps - options.start) / options.ramp, 0.0), 1.0)


def ordered_rules(rules: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The rules in the order of the labels' numbers.

    Raises:
        ConfigError: a rule is for no label.
    """
    for name in rules:
        if name not in names:
            raise ConfigError(f"routing.rules: no label {name!r}; {hint(name, names)}")
    return {name: rules.get(name, {}) for name in names}


def _gate_of(model: ActorCritic) -> tuple[nn.Module, list[str]]:
    gate = getattr(model.embedder, "gate_net", None)
    experts = getattr(model.embedder, "experts", None)
    if not isinstance(gate, nn.Module) or not isinstance(experts, nn.ModuleDict):
        raise ConfigError(
            "routing.gate_coef: needs a model with a gate, such as model.name=experts"
        )
    return gate, list(experts)
