"""Options of gradient routing; the room `routing` applies them to a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class LabelsConfig:
    """Where the labels of episodes come from, and how imperfect they are made."""

    source: str | None = None
    """Name of a registered label, a function of how an episode ended. Null: there are no labels."""
    share: float = 1.0
    """Share of the labels that are kept, drawn for each episode; the others become unknown."""
    recall: dict[str, float] = field(default_factory=dict)
    """Share of each label's episodes that are recognised; 1 for labels that are not named."""
    precision: float = 1.0
    """Share of the given labels that are right; a wrong label is drawn from the others."""
    correlation: float = 0.0
    """Probability that an environment's next episode has the same fault of its label (kept, missed
    or wrong) as the last one; otherwise the fault is drawn anew."""
    delay: int = 0
    """Steps between an episode's end and its label. A label that comes after the end of its rollout
    is lost, and steps of an episode in earlier rollouts stay unlabelled in any case."""
    shuffled: bool = False
    """Permute the labels of each rollout's episodes at random: a control."""


@dataclass(frozen=True)
class RoutingConfig:
    """Which labels' gradients reach which regions of the network."""

    regions: dict[str, Any] = field(default_factory=dict)
    """List of parts of each region, by its name. A part has `module`, and may have `at`, `units`,
    `axis`, `element` and `consumers`."""
    rules: dict[str, dict[str, float]] = field(default_factory=dict)
    """Weight of each label's gradient in each region; 1 for regions that are not named."""
    unlabelled: dict[str, float] = field(default_factory=dict)
    """Weight of the gradient of unlabelled examples in each region; 1 for regions that are not
    named."""
    terms: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    """Rules by loss term (policy, value, entropy), which replace those above for that term."""
    labels: LabelsConfig = field(default_factory=LabelsConfig)
    """Where labels come from."""
    unlabelled_steps: Literal["train", "drop", "drop-ended"] = "train"
    """What is done with unlabelled examples: `train` on them; `drop` them from the loss (data
    filtering, a baseline); `drop-ended` drops only those whose episode has ended."""
    penalties: dict[str, float] = field(default_factory=dict)
    """What is taken from the reward of each step that is known to have a label, by label: a
    baseline."""
    values: Literal["whole", "routed"] = "whole"
    """Baseline of labelled episodes: the value that the `whole` network predicts, or (`routed`) the
    one that it predicts, from `start` on, without the regions that the label is kept out of."""
    start: int = 0
    """Environment steps before which nothing is routed."""
    ramp: int = 0
    """Environment steps after `start` over which weights go from 1 to those of the rules."""
    freeze: bool = True
    """Keep elements of a region that got no gradient where they are, also against momentum and
    weight decay."""
    unprotected: list[str] = field(default_factory=list)
    """Regions that need not be kept still, because no parameter acts through their units alone."""
    gate_coef: float = 0.0
    """Weight of the loss that teaches the gate the labels, in models with one expert per label."""
    alone_coef: float = 0.0
    """Weight of the KL divergence, on labelled examples, between the policy of the whole network
    and that without the regions that the label is kept out of, so that the rest learns to act
    alone. It grows from 0 with the rules (`start`, `ramp`)."""
    l1: float = 0.0
    """Weight of the mean absolute activation of routed outputs, which discourages copies of a
    feature in several regions."""
    drop: dict[str, float] = field(default_factory=dict)
    """Share of the environments whose rollouts and updates run without a region, by region. Each
    environment runs without one region at most. With sequences: share of those that are labelled
    otherwise."""
    drop_start: int = 0
    """Environment steps before which no region is dropped."""
    dropped_steps: Literal["train", "labelled"] = "train"
    """Steps that are learnt from where a region is dropped: all (`train`), or only the `labelled`
    ones, so that the rest of the network isn't rewarded for the other label's goal."""
