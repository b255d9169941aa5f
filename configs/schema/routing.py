"""Options of gradient routing; the room `routing` applies them to a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class LabelsConfig:
    """Options of labels: their source, and the faults that are added to them."""

    source: str | None = None
    """Name of a registered label (`chisel list`), a function of an episode or an example. Null:
    there are no labels."""
    share: float = 1.0
    """Share of the labels that are kept, drawn for each episode; the others become unknown."""
    recall: dict[str, float] = field(default_factory=dict)
    """Share of the episodes with each label that are labelled, by label; 1 for labels that are not
    listed."""
    precision: float = 1.0
    """Share of the given labels that are right; a wrong label is drawn from the others."""
    correlation: float = 0.0
    """Probability that the label of an environment's next episode has the same fault (kept, missed
    or wrong) as the last; otherwise the fault is drawn anew."""
    delay: int = 0
    """Steps between an episode's end and its label. A label that arrives after the end of its
    rollout is lost. Steps of the episode in earlier rollouts are never labelled."""
    shuffled: bool = False
    """Permute the labels of each rollout's episodes at random: a control."""


@dataclass(frozen=True)
class RoutingConfig:
    """Options of gradient routing: which labels' gradients reach which regions of the network."""

    regions: dict[str, Any] = field(default_factory=dict)
    """Parts of each region, by the region's name. A part has `module`, and may have `at`, `units`,
    `axis`, `element` and `consumers`."""
    rules: dict[str, dict[str, float]] = field(default_factory=dict)
    """Weight of the gradient by label and region; 1 for regions that are not listed."""
    unlabelled: dict[str, float] = field(default_factory=dict)
    """Weight of the gradient of unlabelled examples by region; 1 for regions that are not
    listed."""
    terms: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    """Rules for single loss terms (policy, value, entropy), which replace `rules` for that term."""
    labels: LabelsConfig = field(default_factory=LabelsConfig)
    """Options of labels."""
    unlabelled_steps: Literal["train", "drop", "drop-ended"] = "train"
    """Treatment of unlabelled steps: `train` on them, `drop` them from the loss (data filtering, a
    baseline), or drop only those whose episode has ended (`drop-ended`)."""
    penalties: dict[str, float] = field(default_factory=dict)
    """Amount by label that is subtracted from the reward of each step known to have that label: a
    baseline. It grows from 0 with the rules (`start`, `ramp`)."""
    values: Literal["whole", "routed"] = "whole"
    """Values that serve as baseline of labelled episodes: those of the `whole` network, or, from
    `start` on, those without the regions that the label is kept out of (`routed`)."""
    start: int = 0
    """Environment steps before which nothing is routed or penalised; those before an agent begins
    (`algo.aux`) count."""
    ramp: int = 0
    """Environment steps after `start` over which weights change linearly from 1 to those of the
    rules, and penalties grow to their full amount."""
    freeze: bool = True
    """Keep elements of a region unchanged in steps in which they get no gradient, also against
    momentum and weight decay."""
    unprotected: list[str] = field(default_factory=list)
    """Regions that are allowed to own no parameter, so that routing cannot keep them unchanged.
    Other such regions are refused."""
    gate_coef: float = 0.0
    """Weight of the loss that trains the gate to predict the label, in models with one expert per
    label."""
    alone_coef: float = 0.0
    """Weight of a KL divergence on labelled examples: between the policy of the whole network and
    the policy without the regions that the label is kept out of. It trains the rest to act alone,
    and grows from 0 with the rules (`start`, `ramp`)."""
    l1: float = 0.0
    """Weight of the mean absolute activation of routed outputs, which discourages copies of a
    feature in several regions."""
    drop: dict[str, float] = field(default_factory=dict)
    """Share of the environments whose rollouts and updates run without a region, by region. Each
    environment drops at most one region. For sequences: share of those with another label than the
    region's."""
    drop_start: int = 0
    """Environment steps before which no region is dropped."""
    dropped_steps: Literal["train", "labelled"] = "train"
    """Steps that are trained on while a region is dropped: all (`train`), or only the `labelled`
    ones, so that the rest of the network isn't rewarded for the other label's goal."""
