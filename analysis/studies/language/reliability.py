"""The study `steering-reliability`: count how often contrast pairs give a vector that steers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from chisel.analysis.interventions import Edit
from chisel.analysis.language import (
    PENALTIES,
    RANDOM,
    ConceptGauge,
    ConceptTarget,
    ConceptTexts,
    DrawScore,
    Moved,
    StoryModel,
    concept_pairs,
    gates_figure,
    gates_of,
    gates_table,
    learnt_stories,
    most_separating,
    probe_direction,
    scores_frame,
    site_table,
)
from chisel.analysis.results import (
    Count,
    DataTable,
    Networks,
    ProgressCallback,
    Result,
    Seed,
    Within,
    counted,
    labelled,
)
from chisel.configs import ConfigError, hint
from chisel.corpora.stories import (
    Stories,
    confound_angle,
    story_generator,
    story_pairs,
    words_by_side,
)
from chisel.models import Loaded

MEANS, SAE = "means", "SAE feature"
Read = Literal["evidence", "last"]


@dataclass(frozen=True)
class _Options:
    concept: str
    confound: str
    pairs: Sequence[int]
    agreements: Sequence[float]
    noises: Sequence[float]
    draws: int
    read: Read
    layer: int | None
    strengths: Sequence[float]
    prompts: int
    controls: int
    rise: float
    many: int
    seed: int

    def cells(self) -> Iterator[tuple[int, float, float, int]]:
        """Iterate over pairs, agreement, noise and number of each draw."""
        return itertools.product(self.pairs, self.agreements, self.noises, range(self.draws))


class _Side(NamedTuple):
    """Activations on the stories of one side of the pairs."""

    values: Tensor
    """Mean of the stream over the words that are read `[N, units]`."""
    features: Tensor
    """Mean of the autoencoder's features over these words `[N, F]`."""


class _Direction(NamedTuple):
    """The result of a method."""

    vector: Tensor
    """Direction `[units]`."""
    edit: Callable[[float], Edit]
    """Function from the strength, in mean norms of the stream, to the edit; a negative strength is
    the reverse."""


def run(
    checkpoint: tuple[Networks, ...],
    *,
    concept: str = "mood",
    confound: str = "weather",
    pairs: tuple[Count, ...] = (1, 4, 32, 128, 256),
    agreements: tuple[Annotated[float, Within(0.5, 1)], ...] = (0.5, 0.65, 0.85),
    noises: tuple[Annotated[float, Within(0, 0.5)], ...] = (0.0, 0.2, 0.4),
    draws: Count = 3,
    read: Read = "evidence",
    layer: Annotated[int, Within(0)] | None = None,
    strengths: tuple[Annotated[float, Within(1e-6)], ...] = (0.0625, 0.125, 0.25, 0.5),
    prompts: Annotated[int, Within(2)] = 24,
    controls: Annotated[int, Within(20)] = 20,
    rise: Annotated[float, Within(0)] = 0.1,
    many: Count = 1024,
    carries: Annotated[float, Within(-1000, 1)] = 0.25,
    seed: Seed = 0,
    progress: ProgressCallback,
) -> Result:
    """Draw many samples of contrast pairs, and count how often a vector made from them steers.

    The pairs of a draw are stories that differ in the concept. Two faults are planted: a confound,
    which is correlated with the concept, and noise, which exchanges the two stories of a pair. Each
    draw gives several directions: the difference in means; probes from strong to weak
    regularisation; the feature of a sparse autoencoder that separates the pairs best, which is
    clamped; and a random direction, to calibrate the gates. Their length is a share of the stream's
    mean norm, which is chosen on half of the prompts by the loss over whole texts.

    The other half decides three gates, with the grammar's exact probabilities. Control: the
    log-odds of words for the concept over words against it rise more than with any of the random
    directions of the same length. Fluency: the loss at words that do not depend on the concept
    rises by no more than `rise`. Sign: the log-odds rise, and fall with the reverse.

    Args:
        checkpoint: Runs of `language/stories`, checkpoints or folders of seeds, with commas between
            them.
        concept: Latent with two values: mood, weather, pace or sound. The first value is wanted.
        confound: Another such latent.
        pairs: Numbers of pairs of a draw.
        agreements: Probabilities that a story's confound agrees with its concept; 0.5 plants no
            confound. The tables have the angle that follows from it.
        noises: Shares of pairs whose two stories are exchanged.
        draws: Number of draws for each number of pairs, agreement and noise.
        read: Activation that is taken from a story. evidence is the mean of the stream over the
            words that speak for a value of the concept or of the confound, whose counts span the
            plane of the planted angle; the other is the stream before the last word that depends on
            the concept.
        layer: Block whose input is steered; left out, the one at three quarters of the depth.
        strengths: Lengths that are tried, in mean norms of the stream.
        prompts: Number of prompts on which lengths are chosen; the gates use about as many.
        controls: Number of random directions of the control gate.
        rise: Largest rise of the loss for the fluency gate, nats per story.
        many: Number of pairs without confound and noise. Cosines are with their difference.
        carries: Smallest amount of the concept that a network must infer from a story's earlier
            words, as a share of what an exact reader infers; other networks are left out.
        seed: Seed of stories, pairs, features and random directions.
        progress: Shows how many draws are done.

    Returns:
        Shares of draws that pass each gate, by method and number of pairs, angle and noise; a row
        for each draw; and a figure.

    Raises:
        ConfigError: If a network did not learn stories, there is no such latent or layer, or no
            network carries the concept.
        CheckpointError: If a network cannot be loaded.
    """
    if confound == concept:
        raise ConfigError(f"confound={confound}: it is the concept itself")
    options = _Options(
        concept=concept,
        confound=confound,
        pairs=pairs,
        agreements=agreements,
        noises=noises,
        draws=draws,
        read=read,
        layer=layer,
        strengths=strengths,
        prompts=prompts,
        controls=controls,
        rise=rise,
        many=many,
        seed=seed,
    )
    found: dict[str, list[DrawScore]] = {}
    networks: list[dict[str, Any]] = []
    for group in checkpoint:
        for loaded, name in zip(group, group.names, strict=True):
            label = str(Path(group.path) / name)
            network, at = _opened(loaded, options)
            networks.append({"network": label, "carried": network.carried(concept)})
            if network.carried(concept) >= carries:
                found[label] = list(_scores(network, at, options, labelled(progress, label)))
    if not found:
        best = max(one["carried"] for one in networks)
        raise ConfigError(
            f"carries={carries:g}: no network carries {concept} so far; the best has {best:.2f}"
        )
    chance = 1 / (1 + controls)
    tables = {
        name: gates_table(found, name, concept, chance) for name in ("pairs", "angle", "noise")
    }
    title = f"Draws that steer {concept} reliably"
    data = {name: table.rows for name, table in tables.items()} | {
        "all": {name: _by_level(table.rows, name) for name, table in tables.items()},
        "networks": networks,
        "chance_of_control": chance,
    }
    left_out = [one for one in networks if one["network"] not in found]
    if left_out:
        why = f"networks that carry {concept} less than {carries:g}"
        tables["left-out"] = DataTable("Left out", left_out, why)
    return Result(
        data,
        tables,
        {"steering-reliability": gates_figure(found, title)},
        frames={"every-draw": scores_frame(found)},
    )


def _opened(loaded: Loaded[nn.Module], options: _Options) -> tuple[StoryModel, int]:
    """Return a network, and the number of the block whose input is steered."""
    model, grammar = learnt_stories(loaded)
    known = [latent.name for latent in grammar.latents if len(latent.values) == 2]
    for name in ("concept", "confound"):
        value = getattr(options, name)
        if value not in known:
            raise ConfigError(f"{name}={value}: {hint(value, known)}")
    layers = site_table(model).layers
    layer = 3 * layers // 4 if options.layer is None else options.layer
    return StoryModel(model, grammar, [layer], options.seed), layer


def _by_level(rows: Sequence[Mapping[str, Any]], by: str) -> dict[str, dict[str, Any]]:
    """Return the share of draws that pass all gates, by method and level."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        found.setdefault(row["method"], {})[f"{row[by]:.3g}"] = row["all"]
    return found


def _scores(
    network: StoryModel, layer: int, options: _Options, progress: ProgressCallback
) -> Iterator[DrawScore]:
    """Score each draw in one network."""
    bench = _Bench(network, layer, options)
    for cell in counted(list(options.cells()), "draws", progress):
        yield from bench.draw(*cell)


class _Bench:
    """One network, with the samples and directions that its draws share."""

    def __init__(self, network: StoryModel, layer: int, options: _Options) -> None:
        self.network, self.layer, self.options = network, layer, options
        grammar, concept = network.grammar, options.concept
        value = grammar.latent(concept).values[0]
        samples, _ = concept_pairs(
            grammar, concept, value, 2 * options.prompts, story_generator(options.seed, "gates")
        )
        halves = ConceptTarget.of(grammar, concept, value, samples).halves()
        self.choose, self.score = (ConceptGauge(network, layer, half) for half in halves)
        self.directions = torch.Generator().manual_seed(options.seed)
        controls = [self._random() for _ in range(options.controls)]
        self.shifts = {
            strength: [self.score.measure(one.edit(strength)).shift for one in controls]
            for strength in options.strengths
        }
        names = (concept, options.confound)
        sides = [side for name in names for side in words_by_side(grammar, name)]
        self.words = torch.tensor([word for side in sides for word in side])
        generator = story_generator(options.seed, "many pairs")
        plus, minus = self._sides(options.many, 0.5, 0.0, generator, None)
        self.clean = (plus.values - minus.values).mean(0)

    def draw(self, count: int, agreement: float, noise: float, number: int) -> Iterator[DrawScore]:
        """Score every method on one draw."""
        options, key = self.options, [count, round(1e6 * agreement), round(1e6 * noise), number]
        generator = story_generator(options.seed, "pairs", *key)
        plus, minus = self._sides(count, agreement, noise, generator, options.confound)
        angle = confound_angle(self.network.grammar, options.concept, options.confound, agreement)
        for method, found in self._methods(plus, minus).items():
            strength, moved, reverse = self._moved(found)
            controls = self.shifts[strength]
            yield DrawScore(
                method=method,
                pairs=count,
                agreement=agreement,
                angle=angle,
                noise=noise,
                draw=number,
                strength=strength,
                moved=moved,
                reverse=reverse,
                random=max(controls),
                cosine=float(torch.cosine_similarity(found.vector, self.clean, dim=0)),
                gates=gates_of(moved, reverse, controls, options.rise),
            )

    def _sides(
        self,
        count: int,
        agreement: float,
        noise: float,
        generator: np.random.Generator,
        confound: str | None,
    ) -> tuple[_Side, _Side]:
        """Draw pairs and read the stories of each side."""
        drawn = story_pairs(
            self.network.grammar,
            self.options.concept,
            count,
            generator,
            noise=noise,
            confound=confound,
            agreement=agreement,
        )
        return self._read(drawn.plus), self._read(drawn.minus)

    def _read(self, stories: Stories) -> _Side:
        texts = ConceptTexts.of(self.network.grammar, stories, self.options.concept)
        stream = self.network.streams(texts.tokens)[self.layer]
        if self.options.read == "last":
            places = torch.arange(stream.shape[1]) == texts.lasts[:, None]
        else:
            places = torch.isin(texts.tokens[:, :-1], self.words)
        rows, values = places.nonzero()[:, 0], stream[places]

        def mean(found: Tensor) -> Tensor:
            total = torch.zeros(len(stream), found.shape[1]).index_add(0, rows, found)
            return total / places.sum(1, keepdim=True)

        made = self.network.features[self.layer]
        return _Side(mean(values), mean(made.features(values)))

    def _methods(self, plus: _Side, minus: _Side) -> dict[str, _Direction]:
        """Return the direction of each method for a draw."""
        found = {MEANS: self._vector((plus.values - minus.values).mean(0))}
        for penalty in PENALTIES:
            probe = probe_direction(plus.values, minus.values, penalty)
            found[f"probe C={penalty:g}"] = self._vector(probe)
        feature = most_separating(plus.features, minus.features)
        found[SAE] = _Direction(
            self.network.features[self.layer].directions[feature],
            lambda strength: self.network.clamping(self.layer, feature, strength),
        )
        return found | {RANDOM: self._random()}

    def _vector(self, vector: Tensor) -> _Direction:
        return _Direction(
            vector, lambda strength: self.network.addition(self.layer, vector, strength)
        )

    def _random(self) -> _Direction:
        width = self.network.model.config.width
        return self._vector(torch.randn(width, generator=self.directions))

    def _moved(self, found: _Direction) -> tuple[float, Moved, Moved]:
        """Choose the strength on one half; return it, and the edit's changes on the other half.

        The changes are those by the edit, then those by its reverse.
        """
        gains = {
            strength: self.choose.measure(found.edit(strength)).whole
            for strength in self.options.strengths
        }
        best = max(gains, key=gains.__getitem__)
        moved, reverse = (self.score.measure(found.edit(sign * best)) for sign in (1, -1))
        return best, moved, reverse
