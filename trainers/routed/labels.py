"""Label episodes and their steps, with the imperfections that an experiment asks for.

A label is known only when its episode ends, so the labels of a rollout's steps are computed when
the rollout is complete. Steps of an episode that has not ended yet are `UNFINISHED`; steps of an
episode without a known label are `UNKNOWN`. Both count as unlabelled examples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.configs import ConfigError, LabelsConfig, hint, registry
from chisel.corpora import HALVES, half_of
from chisel.corpora.stories import TOPICS

UNKNOWN = -1
UNFINISHED = -2

Facts = dict[str, NDArray[Any]]
"""Facts of ended episodes by name, as arrays `[E, ...]`."""

_KEPT, _RECALLED, _RIGHT, _OTHER = range(4)


@dataclass(frozen=True)
class Label:
    """A way to label episodes or steps; register it under the kind `label`.

    Attributes:
        names: Names of the labels 0, 1, …
        read: Function from facts of ended episodes to their labels, int64 `[E]`; `UNKNOWN` for an
            episode without one.
        of: What has a label: an `episode`; each `step`, whose label is read from the step's infos;
            or the `rest` of an episode: each step has the largest label from there to the end.
    """

    names: tuple[str, ...]
    read: Callable[[Facts], NDArray[np.int64]]
    of: Literal["episode", "step", "rest"] = "episode"

    def __call__(self, facts: Facts) -> NDArray[np.int64]:
        """Return the labels of episodes, int64 `[E]`."""
        return self.read(facts)


def _outcome(facts: Facts) -> NDArray[np.int64]:
    """Return labels from outcomes, which count from 1; outcome 0 has no label."""
    return np.asarray(facts["outcome"], dtype=np.int64) - 1


def _fact(name: str) -> Callable[[Facts], NDArray[np.int64]]:
    """Return a function that uses a fact as the number of the label."""
    return lambda facts: np.asarray(facts[name], dtype=np.int64)


def _maze_end(facts: Facts) -> NDArray[np.int64]:
    return np.where(facts["outcome"] == 0, 2, _outcome(facts))


def _overseen_outcome(facts: Facts) -> NDArray[np.int64]:
    return np.where(facts["overseen"], _outcome(facts), UNKNOWN)


def _overseen_end(facts: Facts) -> NDArray[np.int64]:
    return np.where(facts["outcome"] == 0, 2, _overseen_outcome(facts))


def _digit_half(facts: Facts) -> NDArray[np.int64]:
    return half_of(np.asarray(facts["digit"], dtype=np.int64))


def _topic(facts: Facts) -> NDArray[np.int64]:
    same = np.asarray(facts["topic"])[:, None] == np.array(TOPICS)
    found: NDArray[np.int64] = np.argmax(same, axis=1)
    return found


maze_goal = Label(("cheese", "corner"), _outcome)
"""Which goal of the maze ended the episode."""

maze_end = Label(("cheese", "corner", "nothing"), _maze_end)
"""Which goal of the maze ended the episode; time-outs are labelled `nothing`."""

overseen_goal = Label(("diamond", "ghost"), _overseen_outcome)
"""Which object of the oversight gridworld ended the episode, if that cell was overseen."""

overseen_end = Label(("diamond", "ghost", "nothing"), _overseen_end)
"""Which object ended the episode; time-outs are `nothing`, and objects that were not overseen are
unknown."""

cheese_region = Label(("elsewhere", "corner"), _fact("in_region"))
"""Whether the cheese lay in the top-right region, however the episode ended."""

digit_half = Label(HALVES, _digit_half)
"""Which half of the digits an image shows: 0 to 4, or 5 to 9."""

story_topic = Label(("retain", "forget"), _fact("flagged"))
"""Whether a story is labelled as one of the topic to forget, as `corpus.recall` and
`corpus.precision` say."""

story_topics = Label(TOPICS, _topic)
"""The topic of a story."""

disturbing_step = Label(("clean", "disturbing"), _fact("disturbs"), "step")
"""Whether a step changed what doing nothing would have left."""

disturbing_way = Label(("clean", "disturbing"), _fact("disturbs"), "rest")
"""Whether a step, or a later step of its episode, was disturbing."""

disturbing_episode = Label(("clean", "disturbing"), _fact("side_effect"))
"""Whether an episode had a side effect."""


class EpisodeLabeler:
    """Notes the ends of a rollout's episodes, and labels the steps of each.

    Labels of single steps are also known only when the episode has ended, and then for all of its
    steps or none.

    Imperfections are drawn for each episode, in the order in which episodes end: whether the label
    is kept (`share`), whether it is recognised (`recall`), and whether it is right (`precision`).

    Args:
        options: Name of the source, which must be given, and imperfections.
        num_envs: Number of this process's environments.
        generator: Generator of the imperfections.

    Raises:
        ConfigError: If the source is unknown or not a `Label`, or `recall` names an unknown label.
    """

    def __init__(
        self,
        options: LabelsConfig,
        *,
        num_envs: int,
        generator: np.random.Generator,
    ) -> None:
        label = registry.resolve("label", str(options.source))
        if not isinstance(label, Label):
            raise ConfigError(f"label {options.source!r} is a {type(label).__name__}, not a Label")
        self.label, self.options, self.generator = label, options, generator
        self.names = label.names
        for name in options.recall:
            if name not in self.names:
                raise ConfigError(
                    f"routing.labels.recall: no label {name!r}; {hint(name, self.names)}"
                )
        self._recall = np.array([options.recall.get(name, 1.0) for name in self.names])
        self._draws = generator.random((num_envs, 4))
        self._began = np.zeros(num_envs, np.int64)
        self._steps: list[NDArray[np.int64]] = []
        self._ends: list[tuple[int, int, int, NDArray[np.int64]]] = []
        """Of each end: environment, first step, last step, and labels, `[1]` or one per step."""

    def begin(self) -> None:
        """Forget the last rollout."""
        self._ends, self._steps = [], []
        self._began[:] = 0

    def draw(self) -> NDArray[np.float64]:
        """Draw a number in [0, 1) for every environment, from the generator of the labels."""
        return self.generator.random(len(self._draws))

    def note(self, t: int, infos: dict[str, Any]) -> None:
        """Read the labels of a step, and of the episodes that ended in it.

        Args:
            t: Number of the step in the rollout.
            infos: The environment's infos of the step.

        Raises:
            ConfigError: If the environment doesn't report a fact that the source reads.
        """
        if self.label.of != "episode":
            self._steps.append(self._read(infos))
        if "episode" not in infos:
            return
        rows = np.flatnonzero(infos["_episode"])
        if self.label.of == "episode":
            facts = {key: np.asarray(values)[rows] for key, values in infos["episode"].items()}
            labels = list(self._read(facts)[:, None])
        else:
            labels = [self._of_steps(row, t) for row in rows.tolist()]
        self._note_ends(t, rows, labels)

    def note_rollout(self, steps: NDArray[np.intp], rows: NDArray[np.intp], facts: Facts) -> None:
        """Read the labels of all episodes that ended in a rollout at once; see `note`.

        Args:
            steps: Steps in which the episodes ended, ascending, int `[E]`.
            rows: Numbers of their environments, ascending within a step, int `[E]`.
            facts: Their facts.

        Raises:
            ConfigError: If the environment doesn't report a fact that the source reads.
        """
        labels = self._read(facts)[:, None]
        for part in np.split(np.arange(len(steps)), np.flatnonzero(np.diff(steps)) + 1):
            self._note_ends(int(steps[part[0]]), rows[part], list(labels[part]))

    def _note_ends(self, t: int, rows: NDArray[np.intp], labels: list[NDArray[np.int64]]) -> None:
        """Keep the labels, made imperfect, of the episodes that ended in step `t`."""
        fresh = self.generator.random((len(rows), 5))
        anew = fresh[:, 4] >= self.options.correlation
        self._draws[rows] = np.where(anew[:, None], fresh[:, :4], self._draws[rows])
        sizes = [len(part) for part in labels]
        given = self._imperfect(np.concatenate(labels), self._draws[rows].repeat(sizes, axis=0))
        for row, part in zip(rows.tolist(), np.split(given, np.cumsum(sizes)[:-1]), strict=True):
            self._ends.append((row, int(self._began[row]), t, part))
        self._began[rows] = t + 1

    def _read(self, facts: Facts) -> NDArray[np.int64]:
        try:
            return self.label(facts)
        except KeyError as error:
            raise ConfigError(
                f"routing.labels.source = {self.options.source}: reads {error}, which this "
                "environment doesn't report"
            ) from error

    def _of_steps(self, row: int, t: int) -> NDArray[np.int64]:
        """Return the labels `[L]` of an episode's steps in this rollout; it ended in step `t`."""
        labels = np.array([of_step[row] for of_step in self._steps[self._began[row] : t + 1]])
        if self.label.of == "rest":
            labels = np.maximum.accumulate(labels[::-1])[::-1]
        return labels

    def _imperfect(
        self, labels: NDArray[np.int64], draws: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Return labels `[E]` made imperfect by the draws `[E, 4]` of their environments."""
        known = (labels >= 0) & (draws[:, _KEPT] < self.options.share)
        known &= draws[:, _RECALLED] < self._recall[labels]
        wrong = known & (draws[:, _RIGHT] >= self.options.precision)
        shift = 1 + np.floor(draws[:, _OTHER] * (len(self.names) - 1)).astype(np.int64)
        given = np.where(wrong, (labels + shift) % len(self.names), labels)
        return np.where(known, given, UNKNOWN)

    def column(self, num_steps: int, num_envs: int) -> Tensor:
        """Return the labels of all steps of the rollout whose ends were noted, int64 `[T, N]`."""
        column = np.full((num_steps, num_envs), UNFINISHED, np.int64)
        for (row, began, t, _), labels in zip(self._ends, self._labels(), strict=True):
            late = t + self.options.delay >= num_steps
            column[began : t + 1, row] = UNKNOWN if late else labels
        return torch.from_numpy(column)

    def _labels(self) -> list[NDArray[np.int64]]:
        """Return the labels of each end; with `shuffled`, permuted among all ends or steps."""
        labels = [labels for *_, labels in self._ends]
        if not self.options.shuffled or not labels:
            return labels
        joined = np.concatenate(labels)
        known = joined >= 0
        joined[known] = self.generator.permutation(joined[known])
        return np.split(joined, np.cumsum([len(part) for part in labels])[:-1])

    def get_state(self) -> dict[str, Any]:
        """Return the generator's state and the last draws, which is all state between rollouts."""
        return {
            "generator": self.generator.bit_generator.state,
            "draws": self._draws.tolist(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        self.generator.bit_generator.state = state["generator"]
        self._draws = np.array(state["draws"], dtype=np.float64)
