"""Options of gradient routing; what they mean for a network is in the room `routing`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class LabelsConfig:
    """Where an episode's label comes from, and how imperfect it is made."""

    source: str | None = None
    """A registered label, which reads it off the facts about an ended episode."""
    share: float = 1.0
    """Share of the labels that are kept, drawn per episode; the others are unknown."""
    recall: dict[str, float] = field(default_factory=dict)
    """By label: the share of its episodes that are recognised; 1 where not named."""
    precision: float = 1.0
    """Share of the given labels that are right; a wrong one is any other label."""
    correlation: float = 0.0
    """How much an environment's next episode repeats what befell its label (kept, missed, wrong):
    0 draws anew, towards 1 faults come in long runs."""
    delay: int = 0
    """Steps after an episode's end at which its label is known; too late for its rollout, never.
    Steps of an episode that were taken in an earlier rollout stay unlabelled in any case."""
    shuffled: bool = False
    """Deal the labels of a rollout's episodes out at random among them: a control."""


@dataclass(frozen=True)
class RoutingConfig:
    """Which labels' gradients reach which regions of the network. No region: no routing."""

    regions: dict[str, Any] = field(default_factory=dict)
    """By name: a list of parts: `module`, and maybe `at`, `units`, `axis`, `consumers`."""
    rules: dict[str, dict[str, float]] = field(default_factory=dict)
    """By label: the weight of its gradient in each region; 1 where not named."""
    unlabelled: dict[str, float] = field(default_factory=dict)
    """The same for examples without a label."""
    terms: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    """By loss term (policy, value, entropy): rules that replace those above for that term."""
    labels: LabelsConfig = field(default_factory=LabelsConfig)
    unlabelled_steps: Literal["train", "drop", "drop-ended"] = "train"
    """`drop` leaves examples without a label out of the loss: filtering, a baseline; `drop-ended`
    only those whose episode ended without one, while unfinished episodes are trained on."""
    values: Literal["whole", "routed"] = "whole"
    """What labelled episodes are compared with: the value that the whole network expects, or, from
    `start` on, the one that it expects without the regions that their label is kept out of."""
    start: int = 0
    """Environment steps before which nothing is routed."""
    ramp: int = 0
    """Environment steps over which weights then go from 1 to those of the rules."""
    freeze: bool = True
    """Elements of a region that got no gradient don't move: neither momentum nor decay."""
    unprotected: list[str] = field(default_factory=list)
    """Regions of which that need not hold, because no parameter acts through their units alone."""
    gate_coef: float = 0.0
    """Weight of the loss that teaches a gate the labels (models with one expert per label)."""
    alone_coef: float = 0.0
    """Weight of the divergence, on labelled examples, from the whole policy of the one without the
    regions that their label's gradient is kept out of: what is left learns to act alone. Grows
    from 0 with the rules (`start`, `ramp`)."""
    l1: float = 0.0
    """Weight of the mean absolute activation of routed outputs, which keeps copies apart."""
    drop: dict[str, float] = field(default_factory=dict)
    """By region: the share of the environments whose rollouts and updates run without it; each
    runs without one region at most."""
    drop_start: int = 0
    """Environment steps before which nothing is dropped: first there must be something to keep."""
    dropped_steps: Literal["train", "labelled"] = "train"
    """Where a region is dropped, learn from all steps, or from `labelled` ones alone: what is left
    of the network would else be rewarded for the other label's goal, too."""
