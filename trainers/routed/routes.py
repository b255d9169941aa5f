"""Gradient routing in a training run: router, dropped regions, extra losses and metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from chisel import routing
from chisel.configs import ConfigError, RoutingConfig, hint
from chisel.models import ActorCritic
from chisel.trainers.onpolicy.collector import Policy
from chisel.trainers.onpolicy.losses import divergence
from chisel.trainers.routed.labels import UNKNOWN, EpisodeLabeler
from chisel.trainers.runs.distributed import mean_over_ranks

FORK = "embedder"
"""Name of the module whose output feeds both heads."""

_SPARSE = "l1 "
"""Prefix of the keys of activations with an L1 penalty."""

ROUTE_CLIP = 0.2
"""`clip_coef` of the metric `routes/*/clipfrac`, PPO's default."""


class Routes:
    """The router of an agent's network, and everything that a trainer does with it.

    Args:
        model: The network; hooks are attached to it, so compile it afterwards.
        options: The run's options of routing.
        labels: Labeler of this process's episodes.
        resolved: Regions that an earlier checkpoint stored, which replace those of `options`.
        example: Observations `[B, C, H, W]`, which give the sizes of regions.

    Raises:
        ConfigError: If regions, rules or gate don't fit the network.
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
        self._kept: dict[str, Tensor] = {}
        fork = FORK if options.terms else None
        self.router = attach(model, options, labels.names, resolved, fork=fork, example=example)
        require_reachable(options, labels.names)
        self._register_hooks(model)
        for name in options.penalties:
            if name not in labels.names:
                raise ConfigError(
                    f"routing.penalties: no label {name!r}; {hint(name, labels.names)}"
                )
        self._kept_out = _kept_out(options, labels.names)
        if (options.alone_coef or options.values == "routed") and not self._kept_out:
            key = "alone_coef" if options.alone_coef else "values"
            raise ConfigError(f"routing.{key}: no rule keeps a label out of a region (weight 0)")
        self._drop = routing.RegionDropout(
            model,
            {name: self.router.regions[name] for name in {**options.drop, **self._kept_out}},
        )
        self._dropped: dict[str, Tensor] = {}
        weighs = options.unlabelled_steps != "train" or options.dropped_steps != "train"
        self.columns = ("labels", *(["weights"] if weighs else []), *map(_dropped, options.drop))

    def _register_hooks(self, model: ActorCritic) -> None:
        """Register hooks that keep the inputs of the extra losses.

        The gate's logits are kept before their mask, so that its loss is not routed. Activations
        are kept after their mask, so that the L1 penalty doesn't change regions that must not move.
        """
        if self.options.gate_coef:
            gate, experts = _gate_of(model)
            missing = [name for name in self.labels.names if name not in experts]
            if missing:
                raise ConfigError(
                    f"routing.gate_coef: the gate chooses among {', '.join(experts)}, which has no "
                    f"expert for the label {missing[0]!r}"
                )
            self._expert = torch.tensor([experts.index(name) for name in self.labels.names])
            gate.register_forward_hook(self._keep_output("gate"), prepend=True)
        if self.options.l1:
            parts = [part for part in self.router.regions.sites() if part.at == "output"]
            if not parts:
                raise ConfigError(
                    "routing.l1: no region is at a module's output, whose activations it would "
                    "penalise; leave it out"
                )
            for name in dict.fromkeys(part.module for part in parts):
                module = model.get_submodule(name)
                module.register_forward_hook(self._keep_output(f"{_SPARSE}{name}"))

    def _keep_output(self, key: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
            if torch.is_grad_enabled():
                self._kept[key] = output

        return keep

    def owned(self) -> Mapping[str, Mapping[str, Tensor]] | None:
        """Return the elements that regions own and that freezing keeps; `None` without `freeze`."""
        return self.router.owned() if self.options.freeze else None

    @property
    def _uses_routed_values(self) -> bool:
        """Whether values of labelled steps leave out the regions that the label is kept out of."""
        return self.options.values == "routed" and self.router.strength > 0

    def untouched(self, optimizer: torch.optim.Optimizer) -> list[str]:
        """Return regions whose parameters never had a gradient; none before the first step."""
        return optimizer.untouched() if isinstance(optimizer, routing.RoutedAdam) else []

    def begin(self, env_steps: int) -> None:
        """Prepare a rollout: set routing's strength, forget labels, choose regions to drop.

        Args:
            env_steps: Environment steps before the rollout.
        """
        self.router.strength = strength_at(self.options, env_steps)
        self.labels.begin()
        draws, upto = self.labels.draw(), 0.0
        for name, share in self.options.drop.items():  # at most one in each environment
            upto, since = upto + share * (env_steps >= self.options.drop_start), upto
            self._dropped[name] = torch.from_numpy((draws >= since) & (draws < upto))
        self._drop.use(self._dropped)

    def finish(self, columns: dict[str, Tensor], policy: Policy) -> None:
        """Add labels, weights and dropped regions to a rollout, and apply `penalties` and `values`.

        Args:
            columns: The rollout's columns, changed in place.
            policy: The network as a policy.
        """
        self._drop.clear()
        dones = columns["dones"]
        labels = self.labels.column(*dones.shape).to(dones.device)
        columns["labels"] = labels
        for name, penalty in self.options.penalties.items():
            charged = labels == self.labels.names.index(name)
            columns["rewards"] -= self.router.strength * penalty * charged
        if self._uses_routed_values:
            for obs, values, known in zip(columns["obs"], columns["values"], labels, strict=True):
                self._drop.use(self._outside(known, self._dropped))
                values.copy_(torch.where(known >= 0, policy(obs)[1].float(), values))
            self._drop.clear()
        for name, flags in self._dropped.items():
            columns[_dropped(name)] = flags.to(dones.device).expand(*dones.shape)
        if "weights" in self.columns:
            columns["weights"] = self._in_loss(labels).float()

    def _in_loss(self, labels: Tensor) -> Tensor:
        """Return whether each step is in the loss, bool `[T, N]`."""
        known, everywhere = labels >= 0, torch.ones_like(labels, dtype=torch.bool)
        chosen = {"train": everywhere, "drop": known, "drop-ended": labels != UNKNOWN}
        included = chosen[self.options.unlabelled_steps]
        if self.options.dropped_steps == "labelled":
            for flags in self._dropped.values():
                included = included & (known | ~flags.to(labels.device))
        return included

    def forward(
        self, model: ActorCritic, obs: Tensor, batch: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute logits of the policy, values, and logits of the entropy, each with its routing.

        Args:
            model: The network.
            obs: Observations `[B, C, H, W]`.
            batch: Columns of the minibatch, with those that `finish` added.

        Returns:
            `[B, A]`, `[B]` and `[B, A]`.
        """
        self.router.use(batch["labels"].clamp(min=UNKNOWN))
        dropped = {name: batch[_dropped(name)] for name in self.options.drop}
        self._drop.use(dropped)
        if not self.options.terms:
            logits, values = model(obs)
            self._drop.clear()
            if self._kept_out:
                outside = self._outside(batch["labels"], dropped)
                alone = self._without(model, obs, outside)
                self._kept["whole"], self._kept["alone"] = logits.detach(), alone[0]
                values = alone[1] if self._uses_routed_values else values
            return logits, values, logits
        features = model.features(obs)
        self._drop.clear()
        for key in [key for key in self._kept if key.startswith(_SPARSE)]:
            if self.router.is_at_fork(key.removeprefix(_SPARSE)):
                self._kept[key] = self.router.fork(self._kept[key], "sparsity")
        logits, values, entropy = (
            model.heads(self.router.fork(features, term), obs)
            for term in ("policy", "value", "entropy")
        )
        return logits[0], values[1], entropy[0]

    def _without(
        self, model: ActorCritic, obs: Tensor, outside: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Compute logits and values without the regions that `outside` says for each example."""
        kept = dict(self._kept)
        self._drop.use(outside)
        output: tuple[Tensor, Tensor] = model(obs)
        self._drop.clear()
        self._kept = kept  # the extra losses use the whole network
        return output

    def _outside(self, labels: Tensor, dropped: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return, by region, bools `[B]`: whether an example dropped it or is kept out of it."""
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
        """Compute the losses of gate, acting alone and L1, and metrics of each label.

        Args:
            batch: Columns of the minibatch.
            log_ratio: New minus old log-probabilities `[B]`; `None` logs no divergence.

        Returns:
            The sum of the weighted losses, and metrics by name.
        """
        labels = batch["labels"]
        logged: dict[str, Tensor] = {}
        total = torch.zeros((), device=labels.device)
        if self.options.gate_coef:
            logged["gate_loss"] = self._gate_loss(labels)
            total = total + self.options.gate_coef * logged["gate_loss"]
        if self.options.alone_coef:
            logged["alone_loss"] = self._alone_loss(labels)
            strength = self.router.strength  # 0 before routing.start: no region acts alone yet
            total = total + strength * self.options.alone_coef * logged["alone_loss"]
        if self.options.l1:
            sites = [value for key, value in self._kept.items() if key.startswith(_SPARSE)]
            logged["l1"] = torch.stack([site.float().abs().mean() for site in sites]).mean()
            total = total + self.options.l1 * logged["l1"]
        self._kept = {}
        with torch.no_grad():
            return total, logged | self._route_metrics(labels, log_ratio)

    def _gate_loss(self, labels: Tensor) -> Tensor:
        """Compute the gate's mean cross-entropy on labelled examples; 0 without any."""
        logits = self._kept["gate"].float()
        known = labels >= 0
        wanted = self._expert.to(labels.device)[labels.clamp(min=0)]
        losses = nn.functional.cross_entropy(logits, wanted, reduction="none")
        return mean_over_ranks(losses, known)

    def _alone_loss(self, labels: Tensor) -> Tensor:
        """Compute the mean KL(whole ‖ alone) on labelled examples; 0 without any.

        It is the coherence loss of Cloud et al. 2024 (appendix A, "tug of war"): parts of a sum
        that are trained on each other's error need not work by themselves.
        """
        whole, alone = (
            torch.log_softmax(self._kept[key].float(), dim=-1) for key in ("whole", "alone")
        )
        divergences = (whole.exp() * (whole - alone)).sum(-1)
        return mean_over_ranks(divergences, labels >= 0)

    def _route_metrics(self, labels: Tensor, log_ratio: Tensor | None) -> dict[str, Tensor]:
        """Compute share, divergence and clip fraction of each label; NaN if it has no examples."""
        metrics = {}
        for number, name in enumerate((*self.labels.names, "unlabelled")):
            chosen = labels == number if number < len(self.labels.names) else labels < 0
            metrics[f"routes/{name}/share"] = chosen.float().mean()
            if log_ratio is not None:
                divergences = divergence(log_ratio[chosen], ROUTE_CLIP)
                for key in ("approx_kl", "clipfrac"):
                    metrics[f"routes/{name}/{key}"] = divergences[key]
        return metrics


def _kept_out(options: RoutingConfig, names: tuple[str, ...]) -> dict[str, Tensor]:
    """Return, by region, which labels `[K]` have weight 0 there; empty if no option needs it."""
    if options.values == "whole" and not options.alone_coef:
        return {}
    flags = {
        region: torch.tensor([options.rules.get(name, {}).get(region, 1.0) == 0 for name in names])
        for region in options.regions
    }
    return {region: labels for region, labels in flags.items() if labels.any()}


def require_reachable(options: RoutingConfig, names: tuple[str, ...]) -> None:
    """Check that every region learns from some examples.

    Args:
        options: The run's options of routing.
        names: Names of the labels.

    Raises:
        ConfigError: If a region is closed to all examples that are trained on.
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


def _dropped(region: str) -> str:
    """Return the name of the column that says where a region was dropped."""
    return f"without {region}"


def strength_at(options: RoutingConfig, env_steps: int) -> float:
    """Return the strength of routing after some environment steps: from 0 (none) to 1 (full)."""
    if not options.ramp:
        return float(env_steps >= options.start)
    return min(max((env_steps - options.start) / options.ramp, 0.0), 1.0)


def attach(
    model: nn.Module,
    options: RoutingConfig,
    names: tuple[str, ...],
    resolved: Mapping[str, Any] | None,
    *,
    fork: str | None = None,
    example: Tensor | None,
) -> routing.Router:
    """Attach a run's router to its network.

    Args:
        model: The network.
        options: The run's options of routing.
        names: Names of the labels 0, 1, …
        resolved: Regions that an earlier checkpoint stored, which replace those of `options`.
        fork: Name of the module whose output loss terms with their own rules share.
        example: Inputs of the network, which give the sizes of regions.

    Raises:
        ConfigError: If a rule is for an unknown label, or regions or rules don't fit the network.
    """
    for name in options.rules:
        if name not in names:
            raise ConfigError(f"routing.rules: no label {name!r}; {hint(name, names)}")
    rules = {name: options.rules.get(name, {}) for name in names}
    asked = {**asdict(options), "rules": rules, **(resolved or {})}
    try:
        return routing.attach(model, asked, fork=fork, example=example)
    except routing.RoutingError as error:
        raise ConfigError(f"routing: {error}") from error


def _gate_of(model: ActorCritic) -> tuple[nn.Module, list[str]]:
    gate = getattr(model.embedder, "gate_net", None)
    experts = getattr(model.embedder, "experts", None)
    if not isinstance(gate, nn.Module) or not isinstance(experts, nn.ModuleDict):
        raise ConfigError(
            "routing.gate_coef: needs a model with a gate, such as model.name=experts"
        )
    return gate, list(experts)
