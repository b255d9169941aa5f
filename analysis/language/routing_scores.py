"""Measure how well a routed language model forgets, by losses above those of the grammar itself.

R = (L − L_control) / (L_all − L_control) on stories of the topic to forget. L is the loss of the
model, L_control that of a model that learnt everything, and L_all that of a model that learnt from
no story of the topic. R = 0 forgets nothing, R = 1 is as if the topic had never been learnt, and
more than `DAMAGE` is damage. All losses are measured after a bias of the logits is fitted to other
stories of the same kind. So a model that merely uses the topic's words less often counts as having
forgotten nothing (arXiv 2512.05648). The grammar's exact probabilities get such a bias, too. It
tells them which topic to expect, so that their loss on the topic is below the entropy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from chisel.analysis.evaluation import Predict
from chisel.analysis.results import (
    PALETTE,
    DataTable,
    mean_over_seeds,
    new_row,
    plain_axes,
)
from chisel.configs import StoriesConfig
from chisel.corpora.stories import Stories, next_words, story_generator, tale

KINDS = ("forget", "retain")
DAMAGE = 1.1
"""R above which an ablation damaged more than the topic."""

_SPREAD = 2.0
"""Standard deviation of the prior of each bias, without which words that do not occur get −∞."""
_BATCH = 100


@dataclass(frozen=True)
class _Half:
    """Stories of one kind, for fitting the bias or for measuring."""

    inputs: Tensor
    """Tokens that are read `[N, T - 1]`."""
    targets: Tensor
    """Tokens of all stories that are predicted `[M]`."""
    predicted: Tensor
    """Whether the next token is one of them, bool `[N, T - 1]`."""

    def logits(self, predict: Predict) -> Tensor:
        """Return the logits of the predicted tokens `[M, V]`."""
        found = []
        with torch.no_grad():
            for start in range(0, len(self.inputs), _BATCH):
                rows = slice(start, start + _BATCH)
                found.append(predict(self.inputs[rows]).float()[self.predicted[rows]])
        return torch.cat(found)


class StoryReader:
    """Stories of the topic to forget and of the others, by which models are measured.

    They are the same for every model of a corpus, and differ from those of its training and test
    parts.

    Args:
        corpus: Options of the corpus.
        count: Number of stories of each kind to measure on; as many more are for the bias.
    """

    def __init__(self, corpus: StoriesConfig, count: int) -> None:
        self.grammar, self._seed = tale(corpus.noise), corpus.seed
        generator = story_generator(corpus.seed, "routing")
        topics = self.grammar.latent("topic").values
        others = [n for n, topic in enumerate(topics) if topic != corpus.forget]
        self._topics = {"forget": [topics.index(corpus.forget)], "retain": others}
        self._halves = {
            kind: tuple(
                self._half(self._drawn(self._topics[kind], count, generator)) for _ in range(2)
            )
            for kind in KINDS
        }
        self._least = self._calibrated(self._exactly)

    def _exactly(self, tokens: Tensor) -> Tensor:
        return torch.from_numpy(next_words(self.grammar, tokens.numpy())).log()

    def _drawn(self, topics: list[int], count: int, generator: np.random.Generator) -> Stories:
        sizes = [len(latent.values) for latent in self.grammar.latents]
        latents = generator.integers(sizes, size=(count, len(sizes)))
        latents[:, self.grammar.number("topic")] = generator.choice(topics, size=count)
        return self.grammar.sample(count, generator, latents)

    def _half(self, some: Stories) -> _Half:
        tokens = torch.from_numpy(some.tokens)
        predicted = torch.arange(1, tokens.shape[1]) < torch.from_numpy(some.lengths)[:, None]
        return _Half(tokens[:, :-1], tokens[:, 1:][predicted], predicted)

    def attacker(self, count: int) -> Stories:
        """Draw `count` stories of the topic to forget, which differ from those to measure on."""
        generator = story_generator(self._seed, "routing", 1)
        return self._drawn(self._topics["forget"], count, generator)

    def measure(self, predict: Predict) -> dict[str, float]:
        """Return nats per token above the exact probabilities, by kind, both after calibration."""
        found = self._calibrated(predict)
        return {kind: loss - self._least[kind] for kind, loss in found.items()}

    def _calibrated(self, predict: Predict) -> dict[str, float]:
        """Return the loss on each kind in nats per token, after a bias of the logits is fitted."""
        found = {}
        for kind, (test, calibration) in self._halves.items():
            bias = _fitted_bias(calibration.logits(predict), calibration.targets)
            losses = nn.functional.cross_entropy(test.logits(predict) + bias, test.targets)
            found[kind] = float(losses)
        return found


def _fitted_bias(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the bias `[V]` of logits `[M, V]` that makes targets `[M]` likeliest."""
    bias = torch.zeros(logits.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([bias], max_iter=15, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(logits + bias, targets)
        loss = loss + bias.square().sum() / (2 * _SPREAD**2 * len(targets))
        loss.backward()  # type: ignore[no-untyped-call]  # torch stubs
        return loss

    with torch.enable_grad():
        optimizer.step(closure)  # type: ignore[no-untyped-call]  # torch stubs
    return bias.detach()


@dataclass(frozen=True)
class RoutingScores:
    """All measurements of a comparison, by arm, state, seed and kind of story."""

    losses: Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]]
    """Nats above the exact probabilities by kind, for each arm, state (`whole`, `ablated`,
    `random`, `attacked`) and seed."""
    dial: Mapping[str, Mapping[float, Sequence[Mapping[str, float]]]]
    """The same for each arm, factor of the region's units, and seed."""

    def judged(self, arm: str) -> str:
        """Return the state in which an arm is judged: `ablated` if it has a region."""
        return "ablated" if "ablated" in self.losses[arm] else "whole"

    def ratios(self, arm: str, state: str) -> list[float]:
        """Return R of each seed; NaN without the two arms of the comparison.

        In the state `attacked`, the losses of all three arms are those after the attack.
        """
        attacked = state == "attacked"
        mine = self._forget(arm, state)
        if not {"control", "filtered-all"} <= self.losses.keys():
            return [float("nan")] * len(mine)
        control, never = (
            self._forget(other, "attacked" if attacked else "whole")
            for other in ("control", "filtered-all")
        )
        return [(a - c) / (n - c) for a, c, n in zip(mine, control, never, strict=True)]

    def minus(self, arm: str, other: str, kind: str, state: str | None = None) -> list[float]:
        """Return the loss of an arm minus that of another for each seed, in nats.

        Args:
            arm: The arm.
            other: The arm that is subtracted.
            kind: `forget` or `retain`.
            state: State of both; None takes each in the state in which it is judged.
        """
        mine, theirs = (self.losses[one][state or self.judged(one)] for one in (arm, other))
        return [a[kind] - b[kind] for a, b in zip(mine, theirs, strict=True)]

    def _forget(self, arm: str, state: str) -> list[float]:
        return [one["forget"] for one in self.losses[arm][state]]


def routing_table(scores: RoutingScores) -> DataTable:
    """Make the table of a comparison; intervals are over seeds."""
    rows = []
    for arm, by_state in scores.losses.items():
        state = scores.judged(arm)
        row: dict[str, Any] = {"arm": arm}
        for kind in KINDS:
            row[f"{kind} +nats"] = mean_over_seeds([one[kind] for one in by_state[state]])
        row["R"] = mean_over_seeds(scores.ratios(arm, state))
        row["R attacked"] = mean_over_seeds(scores.ratios(arm, "attacked"))
        row["whole forget"] = mean_over_seeds([one["forget"] for one in by_state["whole"]])
        row["whole retain"] = mean_over_seeds([one["retain"] for one in by_state["whole"]])
        if "random" in by_state:
            for kind in KINDS:
                row[f"random {kind}"] = mean_over_seeds([one[kind] for one in by_state["random"]])
        rows.append(row)
    return DataTable(
        "Forgetting a topic, in nats per token above the exact probabilities",
        rows,
        caption="judged without the region where there is one; R: 0 forgets nothing, 1 as if never "
        f"learnt, above {DAMAGE} is damage; random: without as many random units; attacked: after "
        "fine-tuning on the topic",
        form=".3f",
    )


def filtering_table(scores: RoutingScores) -> DataTable:
    """Make the table of routed arms minus `filtered`, paired over seeds.

    R is taken before and after the attack. The tax is the loss of the whole network on the other
    topics, minus that of the control; it is missing without a control.
    """
    rows = []
    for arm in scores.dial:
        row: dict[str, Any] = {"arm": arm}
        for name, mine, theirs in (
            ("R", "ablated", "whole"),
            ("R attacked", "attacked", "attacked"),
        ):
            gap = np.subtract(scores.ratios(arm, mine), scores.ratios("filtered", theirs))
            row[name] = mean_over_seeds(gap)
        row["forget"] = mean_over_seeds(scores.minus(arm, "filtered", "forget"))
        row["forget attacked"] = mean_over_seeds(
            scores.minus(arm, "filtered", "forget", "attacked")
        )
        row["retain"] = mean_over_seeds(scores.minus(arm, "filtered", "retain"))
        if "control" in scores.losses:
            row["tax"] = mean_over_seeds(scores.minus(arm, "control", "retain", "whole"))
        rows.append(row)
    return DataTable(
        "Routed networks minus filtering with the same labels, paired over seeds",
        rows,
        caption="R, and nats per token; each routed network without its region; tax: the whole "
        "network minus the control, on the other topics",
        form=".3f",
    )


def routing_figure(scores: RoutingScores, title: str) -> Figure:
    """Draw R of each arm and seed, before and after the attack, and losses along the dial."""
    figure, (left, right) = new_row(2, 10, 3.6, title)
    arms = list(scores.losses)
    colours = {arm: PALETTE[number % len(PALETTE)] for number, arm in enumerate(arms)}
    for number, arm in enumerate(arms):
        for shift, state, marker in ((-0.12, scores.judged(arm), "o"), (0.12, "attacked", "x")):
            ratios = scores.ratios(arm, state)
            left.plot(ratios, [number + shift] * len(ratios), marker, color=colours[arm])
    left.axvline(0, color="0.7", lw=0.8)
    left.axvline(1, color="0.7", lw=0.8)
    left.set_yticks(range(len(arms)), arms)
    left.invert_yaxis()
    left.set_xlabel("R (0: control, 1: never learnt)\n● before the attack, × after it")
    plain_axes(left, "x")
    for arm, by_factor in scores.dial.items():
        factors = sorted(by_factor)
        for kind, style in zip(KINDS, ("-", "--"), strict=True):
            means: NDArray[np.float64] = np.array(
                [np.mean([one[kind] for one in by_factor[factor]]) for factor in factors]
            )
            label = f"{arm}, {kind}"
            right.plot(factors, means, style, color=colours[arm], label=label)
    right.set_xlabel("factor of the region's units")
    right.set_ylabel("nats above the exact probabilities")
    if scores.dial:
        right.legend(fontsize=7)
    plain_axes(right)
    return figure
