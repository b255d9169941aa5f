"""The study `lm-steering`: steer a language model by layer and strength, beside controls."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
import torch
from torch import Tensor

from chisel.analysis.language import (
    PENALTIES,
    REVERSED,
    Gauge,
    PromptSlopes,
    SiteTable,
    Sweep,
    TextStream,
    Tried,
    activation_addition,
    clamp_feature,
    effect_of,
    effect_row,
    flat_row,
    open_language_model,
    pair_agreement,
    pairs_table,
    probe_direction,
    prompt_slopes,
    separating_feature,
    shown_attempts,
    site_table,
    sparse_autoencoder,
    steering_figure,
    stream_means,
    text_streams,
    vector_of,
)
from chisel.analysis.results import (
    Count,
    DataTable,
    ProgressCallback,
    Result,
    Seed,
    Within,
)
from chisel.analysis.steering import SteeringVector
from chisel.configs import ConfigError
from chisel.corpora import Contrast
from chisel.models.language import LanguageModel, write_control_vectors

CAA, ACT_ADD, SAE = "CAA", "ActAdd", "SAE feature"
_PAIRS = (1, 4, 32, 128, 256)
_SLOPES = "Slope of the score over strength"
_ENDINGS = {CAA: "", "mean-centred": "-mean-centred"} | {
    f"probe C={c:g}": f"-probe-{c:g}" for c in PENALTIES
}
"""What the names of vectors' files have behind the behaviour, by method."""
Layers = tuple[Annotated[int, Within(0)], ...]
Strengths = tuple[Annotated[float, Within(1e-6)], ...]


def run(
    model: str,
    *,
    method: Literal["caa", "act-add"] = "caa",
    behaviour: str = "mood",
    layers: Layers | None = None,
    strengths: Strengths | None = None,
    pairs: tuple[Count, ...] | None = None,
    draws: Count | None = None,
    plus: str | None = None,
    minus: str | None = None,
    controls: Annotated[int, Within(20)] = 20,
    texts: str | None = None,
    count: Count = 4,
    length: Annotated[int, Within(4)] = 64,
    first: bool = False,
    seed: Seed = 0,
    progress: ProgressCallback,
) -> Result:
    """Steer a language model at several layers and strengths, beside random directions.

    caa takes the mean difference between texts with a behaviour and without, at their last token,
    and adds it to every token but the first (Rimsky et al. 2023). It is compared with probes from
    strong to weak regularisation; with mean-centring (Jorgensen et al. 2023); with a feature of a
    small sparse autoencoder of the pairs' tokens, the one that separates both sides best, clamped
    to that strength; and with vectors from fewer pairs.

    act-add takes the difference between two prompts and adds it to the first tokens (Turner et al.
    2023). All vectors are compared with their reverse, with at least 20 random directions of the
    same length, and with a prompt that asks for the behaviour. Their cost on unrelated text is
    measured, and the slope of every prompt's score over the smallest strength.

    Args:
        model: A language model: a folder as Hugging Face writes it, a .gguf file, smollm2, or a run
            of `algo.name: language`.
        method: caa or act-add.
        behaviour: Contrast pairs with words to score: mood, agreement, or a YAML file. For a
            network that learnt stories: mood, weather, pace or sound of these stories, or a file.
        layers: Blocks whose input is steered; left out, those at one, two, three and four fifths of
            the depth.
        strengths: Factors of the vector. For caa its length is the mean norm of the stream there;
            for act-add it has its own length. Left out, 0.125, 0.25, 0.5, 1 for caa and 1, 3, 5, 10
            for act-add.
        pairs: For caa, numbers of pairs of vectors from fewer pairs, which are tried at the second
            strength; left out, 1, 4, 32, 128, 256, as far as there are enough pairs.
        draws: For caa, number of samples of pairs for each of these numbers; left out, 4.
        plus: For act-add, the prompt with the wanted property; left out, Love.
        minus: For act-add, the prompt that is subtracted; left out, Hate.
        controls: Number of random directions at each layer and strength.
        texts: A text file with unrelated paragraphs between empty lines, or a folder of such files;
            left out, test stories for a network that learnt stories, else texts that are part of
            Chisel.
        count: Number of unrelated texts.
        length: Number of tokens of each of them.
        first: Whether position 0 is steered, too. Many networks direct attention there that has no
            other target, so a vector there can break the text.
        seed: Seed of random directions and of drawn pairs.
        progress: Shows how many measurements are done.

    Returns:
        Shifts of the score by layer, strength and vector; and the vectors' files.

    Raises:
        ConfigError: If an option does not fit the model, or would have no effect.
        CheckpointError: If the model cannot be loaded.
    """
    inert: dict[str, object] = {"pairs": pairs, "draws": draws}
    if method == "caa":
        inert = {"plus": plus, "minus": minus}
    for name, value in inert.items():
        if value is not None:
            raise ConfigError(f"{name} has no effect with method={method}")
    opened = open_language_model(model)
    lm, contrast, paragraphs = opened.lm, opened.contrast(behaviour), opened.texts(texts)
    table = site_table(lm.model)
    if len(paragraphs) < count:
        raise ConfigError(f"count={count}: there are {len(paragraphs)} texts")
    gauge = Gauge(
        lm, contrast.prompts, contrast.wanted, contrast.unwanted, paragraphs[:count], length
    )
    places = _layers(table, layers)
    sweep = Sweep(gauge, table, first=first)
    job = _Job(lm, contrast, sweep, paragraphs[:count], length, controls, seed, progress)
    if method == "act-add":
        return job.activation_addition(
            places, strengths or (1.0, 3.0, 5.0, 10.0), plus or "Love", minus or "Hate"
        )
    return job.contrastive(places, strengths or (0.125, 0.25, 0.5, 1.0), pairs, draws or 4)


def _layers(table: SiteTable, layers: Sequence[int] | None) -> list[int]:
    if layers is None:
        return sorted({max(n * table.layers // 5, 1) for n in (1, 2, 3, 4)})
    for layer in layers:
        if not 0 <= layer < table.layers:
            raise ConfigError(f"layers={layer}: the blocks are 0 to {table.layers - 1}")
    return sorted(layers)


class _Job:
    """One run of the study, with the model and settings that its steps share."""

    def __init__(
        self,
        lm: LanguageModel,
        contrast: Contrast,
        sweep: Sweep,
        texts: Sequence[str],
        length: int,
        controls: int,
        seed: int,
        progress: ProgressCallback,
    ) -> None:
        self.lm, self.contrast, self.sweep = lm, contrast, sweep
        self.table, self.gauge = sweep.table, sweep.gauge
        self.texts, self.length, self.controls, self.progress = texts, length, controls, progress
        self.generator, self.seed = torch.Generator().manual_seed(seed), seed
        self.before = self.gauge.measure()
        self.asked = self.gauge.measure(prefix=contrast.asks)

    def activation_addition(
        self, layers: Sequence[int], coeffs: Sequence[float], plus: str, minus: str
    ) -> Result:
        """Add the difference of two prompts to the first tokens."""
        tried, files, sizes, found = [], {}, [], []
        for layer in layers:
            name = f"block.{layer}.in"
            vector = activation_addition(self.lm, self.table, name, plus, minus)
            files[f"act-add-block-{layer}.safetensors"] = vector.save
            norm = self._stream([layer])[layer][1]
            longest = float(vector.vector.norm(dim=1).max())
            sizes.append({"layer": layer, "difference / stream": longest / norm})
            sweep = replace(self.sweep, skip=len(vector.vector))
            done = self._counter(f"block {layer}", len(coeffs) * (2 + self.controls))
            own = sweep.layer(
                layer, coeffs, {ACT_ADD: vector.vector}, self.controls, self.generator, done
            )
            tried += own
            found.append(PromptSlopes(layer, prompt_slopes(own, ACT_ADD)))
        about = f"{plus} − {minus}, {self.lm.name}"
        tables = {
            "sizes": DataTable("Largest difference of a token, in norms of the stream", sizes),
            "slopes": DataTable(_SLOPES, [one.row for one in found], form=".2f"),
        }
        more = {"prompts": [plus, minus]}
        return self._result(tried, ACT_ADD, about, tables, files, found, more)

    def contrastive(
        self,
        layers: Sequence[int],
        strengths: Sequence[float],
        numbers: Sequence[int] | None,
        draws: int,
    ) -> Result:
        """Add the mean difference of pairs to all tokens but the first."""
        known = len(self.contrast.pairs)
        numbers = [n for n in _PAIRS if n <= known] if numbers is None else sorted(numbers)
        if max(numbers) > known:
            raise ConfigError(f"pairs: {self.contrast.name} has {known} pairs")
        names = {layer: f"block.{layer}.in" for layer in layers}
        wanted, unwanted = (
            text_streams(self.lm, self.table, texts, list(names.values()))
            for texts in self.contrast.texts
        )
        streams = self._stream(layers)
        sweep, tried, fewer = self.sweep, [], []
        prompts: list[PromptSlopes] = []
        vectors: dict[int, dict[str, SteeringVector]] = {}
        at = sorted(strengths)[min(1, len(strengths) - 1)]
        for layer, name in names.items():
            background, norm = streams[layer]
            here, there = wanted[name], unwanted[name]
            difference = here.last - there.last
            found = _directions(here.last, there.last, background)
            scaled = {key: norm * one / one.norm() for key, one in found.items()}
            vectors[layer] = {
                key: self._vector(name, key, one, norm) for key, one in scaled.items()
            }
            each = 2 * (len(found) + 1) + self.controls
            done = self._counter(f"block {layer}", len(strengths) * each + len(numbers) * draws)
            own = sweep.layer(layer, strengths, scaled, self.controls, self.generator, done)
            clamped, found[SAE] = self._clamped(sweep, layer, strengths, here, there, norm, done)
            own += clamped
            tried += own
            fewer += self._by_pairs(sweep, layer, at, difference, norm, numbers, draws, done)
            prompts.append(
                PromptSlopes(layer, prompt_slopes(own, CAA), _agreement(difference, found))
            )
        files: dict[str, Callable[[Path], object]] = {
            f"{self.contrast.name}{_ENDINGS[key]}-block-{layer}.safetensors": one.save
            for layer, some in vectors.items()
            for key, one in some.items()
        }
        behind = {layer - 1: some[CAA].vector for layer, some in vectors.items() if layer > 1}
        if behind:
            kind = str(getattr(self.lm.model.config, "model_type", "unknown"))
            files[f"{self.contrast.name}.gguf"] = lambda path: write_control_vectors(
                path, behind, kind
            )
        more = {
            "slopes": DataTable(
                f"{_SLOPES}, and agreement of pairs", [one.row for one in prompts], form=".2f"
            ),
            "pairs": pairs_table(fewer, at),
        }
        about = f"{self.contrast.name}, {self.lm.name}"
        data = {"pairs": known, "drawn_at": at}
        return self._result(tried + fewer, CAA, about, more, files, prompts, data)

    def _stream(self, layers: Sequence[int]) -> dict[int, tuple[Tensor, float]]:
        """Return the mean of the stream over unrelated tokens, and its mean norm, by layer."""
        tokens = self.lm.tokens(self.texts, most=self.length)
        return stream_means(self.lm, self.table, tokens, layers)

    def _vector(self, name: str, method: str, vector: Tensor, norm: float) -> SteeringVector:
        pairs = json.dumps(self.contrast.pairs).encode()
        about = {
            "method": "contrastive activation addition" if method == CAA else method,
            "unit": f"the mean norm of the stream there, {norm:.4g}",
            "behaviour": self.contrast.name,
            "pairs": len(self.contrast.pairs),
            "pairs_sha256": hashlib.sha256(pairs).hexdigest(),
        }
        return vector_of(self.lm, self.table, name, vector, about)

    def _clamped(
        self,
        sweep: Sweep,
        layer: int,
        strengths: Sequence[float],
        wanted: TextStream,
        unwanted: TextStream,
        norm: float,
        done: Callable[[], object],
    ) -> tuple[list[Tried], Tensor]:
        """Try a feature of a sparse autoencoder, clamped to values in norms of the stream.

        Its reverse is the feature clamped to the negative value.

        Returns:
            The attempts, and the feature's direction `[units]`.
        """
        every = torch.cat([wanted.every, unwanted.every])
        made = sparse_autoencoder(every, seed=self.seed)
        feature, found = separating_feature(made, wanted.last, unwanted.last), []
        for strength in strengths:
            for name, sign in ((SAE, 1), (f"{SAE}{REVERSED}", -1)):
                edit = clamp_feature(made, feature, sign * strength * norm, first=sweep.first)
                found.append(sweep.attempt_edit(self.before, layer, strength, name, edit))
                done()
        return found, made.directions[feature]

    def _by_pairs(
        self,
        sweep: Sweep,
        layer: int,
        strength: float,
        difference: Tensor,
        norm: float,
        numbers: Sequence[int],
        draws: int,
        done: Callable[[], object],
    ) -> list[Tried]:
        """Try vectors from fewer pairs, several draws of each number."""
        before, found = self.before, []
        for number in numbers:
            for draw in range(draws):
                chosen = torch.randperm(len(difference), generator=self.generator)[:number]
                mean = difference[chosen].mean(0)
                name = f"{CAA}, {number} pairs"
                vector = norm * mean / mean.norm()
                found.append(sweep.attempt(before, layer, strength, name, vector, draw))
                done()
        return found

    def _counter(self, label: str, wanted: int) -> Callable[[], object]:
        finished = iter(range(1, wanted + 1))
        return lambda: self.progress(label, next(finished), wanted)

    def _result(
        self,
        tried: Sequence[Tried],
        method: str,
        about: str,
        tables: Mapping[str, DataTable],
        files: Mapping[str, Callable[[Path], object]],
        slopes: Sequence[PromptSlopes],
        data: Mapping[str, Any],
    ) -> Result:
        asked = Tried(-1, 0.0, "prompt", 0, self.asked, self.before)
        rows = [effect_row(one, tried) for one in shown_attempts(tried, method)]
        rows.append({"vector": f"prompt: {self.contrast.asks}"} | effect_of(asked))
        words = self.gauge.left_out
        caption = (
            "shift of the log-odds of the wanted over the unwanted words (before "
            f"{self.before.scores.mean():.2f}, all of them {self.before.share:.3f} probable); "
            "reversed: shift of the reversed vector; "
            f"random: {self.controls} directions of the same length, mean and range; p: share of "
            "them, the vector included, that move it as far"
        )
        over = f"95 % intervals over {len(self.before.scores)} prompts"
        frames = {
            "every-measurement": pd.DataFrame([flat_row(one) for one in tried]),
            "every-slope": pd.DataFrame(
                {"layer": one.layer, "prompt": prompt, "slope": slope}
                for one in slopes
                for prompt, slope in zip(self.contrast.prompts, one.slopes, strict=True)
            ),
        }
        return Result(
            {
                "model": self.lm.name,
                "sha256": self.lm.digest,
                "behaviour": self.contrast.name,
                "before": effect_of(Tried(-1, 0.0, "", 0, self.before, self.before)),
                "loss_before": self.before.loss,
                "words_of_several_tokens": words,
                "steering": rows,
                **data,
            },
            {"steering": DataTable(f"Steering, {about}", rows, caption, spread=over), **tables},
            {"steering": steering_figure(tried, method, asked, f"Steering, {about}")},
            frames=frames,
            files=files,
        )


def _directions(wanted: Tensor, unwanted: Tensor, background: Tensor) -> dict[str, Tensor]:
    """Return directions by the name of their method, CAA's first."""
    found = {CAA: (wanted - unwanted).mean(0), "mean-centred": wanted.mean(0) - background}
    return found | {f"probe C={c:g}": probe_direction(wanted, unwanted, c) for c in PENALTIES}


def _agreement(difference: Tensor, found: Mapping[str, Tensor]) -> dict[str, float]:
    """Return cosines of the pairs' differences, and of the mean difference with other vectors."""
    with_mean, between = pair_agreement(difference)
    return {"cos pair, mean": with_mean, "cos pair, pair": between} | {
        f"cos {name}": float(torch.cosine_similarity(found[CAA], one, dim=0))
        for name, one in found.items()
        if name != CAA
    }
