"""What is learnt beats what is fixed where it learnt; who carries no concept is left out."""

from pathlib import Path

import numpy as np
import pytest
import torch

from chisel import models
from chisel.analysis.interventions import intervene
from chisel.analysis.language import (
    ConceptTarget,
    add_at_tokens,
    concept_pairs,
    site_table,
)
from chisel.analysis.results import load_networks
from chisel.configs import ConfigError
from chisel.corpora.stories import tale
from chisel.trainers.studies import steering_benchmark
from chisel.trainers.studies.learnt_steering import LowRankAdapter, learnt_vector

SHIPPED = Path(__file__).parents[3] / "agents" / "language-stories" / "seed-0"
LAYER = 3


@pytest.fixture(scope="module")
def model():
    return models.load(SHIPPED).model.requires_grad_(False)


@pytest.fixture(scope="module")
def half():
    texts, _ = concept_pairs(tale(), "mood", "sad", 24, np.random.default_rng(0))
    return ConceptTarget.of(tale(), "mood", "sad", texts)


def with_vector(model, vector, strength=1.0):
    site = site_table(model).site(f"block.{LAYER}.in")

    def predict(tokens):
        with intervene(model, {site: add_at_tokens(vector, strength)}):
            return model(tokens)

    return predict


def test_a_learnt_vector_is_at_least_as_good_as_fixed_ones_where_it_learnt(model, half):
    before = half.excess(model).sum()
    plus, minus = concept_pairs(tale(), "mood", "sad", 48, np.random.default_rng(1))
    site, streams = site_table(model).site(f"block.{LAYER}.in"), []
    for texts in (plus, minus):
        kept = []
        with intervene(model, {site: lambda values, kept=kept: kept.append(values) or values}):
            model(texts.tokens[:, :-1])
        streams.append(kept[0][texts.about | texts.elsewhere].mean(0))
    fixed = streams[0] - streams[1]
    fixed = fixed / fixed.norm()
    gains = [before - half.excess(with_vector(model, fixed, size)).sum() for size in (0.5, 1, 2, 4)]
    start = {name: value.clone() for name, value in model.state_dict().items()}
    learnt = learnt_vector(model, site, half.texts, 128, 8.0, steps=40, seed=0)
    assert before - half.excess(with_vector(model, learnt)).sum() > max(*gains, 0)
    assert all(torch.equal(start[name], value) for name, value in model.state_dict().items())


def test_an_adapter_begins_as_the_model_and_learns_what_it_reads(model, half):
    adapter = LowRankAdapter(model, 2, torch.Generator().manual_seed(0))
    tokens = half.texts.tokens[:4, :-1]
    torch.testing.assert_close(adapter.predict(tokens), model(tokens))
    adapter.fit(half.texts, steps=12, seed=0)
    assert half.excess(adapter.predict).sum() < half.excess(model).sum()
    torch.testing.assert_close(adapter.predict(tokens, factor=0.0), model(tokens))


def run(**options):
    small = {"prompts": 3, "pairs": 8, "layers": (3,), "strengths": (0.25,), "steps": 1}
    with_progress = {"continuations": 1, "progress": lambda *_: None}
    networks = load_networks(SHIPPED)
    return steering_benchmark.run(networks, **{**small, **with_progress, **options})


@pytest.fixture(scope="module")
def found():
    return run(concepts=("sea", "loud"))


def test_a_concept_that_a_model_does_not_carry_is_left_out_and_named(found):
    assert [row["concept"] for row in found.tables["concepts"].rows] == ["sea"]
    (refused,) = found.data["refused"]
    assert refused["concept"] == "loud"
    assert refused["carried"] < 0.25


def test_the_two_ends_of_the_scale_are_0_and_1(found):
    rows = {row["method"]: row for row in found.tables["methods"].rows}
    assert rows["unsteered"]["S"].value == 0
    assert rows["the grammar"]["S"].value == 1
    assert rows["the grammar"]["fluency"].value == 2
    assert len(rows) == 11


def test_where_nothing_is_carried_or_there_is_no_such_concept_one_line_says_so():
    with pytest.raises(ConfigError, match=r"carries=0\.9: no network carries a concept so far"):
        run(concepts=("loud",), carries=0.9)
    with pytest.raises(ConfigError, match="concepts=see: did you mean 'sea'"):
        run(concepts=("see",))
    with pytest.raises(ConfigError, match=r"no site 'block\.9\.in'"):
        run(layers=(9,))
