"""What `lm-steering` reports and saves is what the same edits by hand give."""

import hashlib
import json

import pytest
import torch

from chisel.analysis.interventions import intervene
from chisel.analysis.language import (
    activation_addition,
    add_at_tokens,
    clamp_feature,
    probe_direction,
    separating_feature,
    site_table,
    sparse_autoencoder,
    stream_means,
    text_streams,
)
from chisel.analysis.steering import load_vector
from chisel.analysis.studies.language.steering import run
from chisel.corpora import load_contrast, load_texts
from chisel.models.language import load_language_model
from tests.analysis.studies.small_language import agent_for

STRENGTH = 0.5


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("steered"))
        agent_for("lm-steering", None)
        yield


@pytest.fixture(scope="module")
def found(here):
    options = {"layers": (2,), "strengths": (STRENGTH,), "pairs": (1,), "draws": 1}
    options |= {"behaviour": "glad.yaml", "texts": "texts.txt", "count": 2, "length": 8}
    return run("tiny", **options, progress=lambda *_: None)


def log_odds(lm, contrast):
    """Log-odds of the wanted over the unwanted words after each prompt, mean."""
    words = [
        [lm.ids(f" {word}")[0] for word in some] for some in (contrast.wanted, contrast.unwanted)
    ]
    rows = [lm.logits(lm.tokens([one]))[0, -1].double() for one in contrast.prompts]
    odds = [row[words[0]].logsumexp(0) - row[words[1]].logsumexp(0) for row in rows]
    return float(torch.stack(odds).mean())


def test_a_clamped_feature_shifts_the_score_as_by_hand(found):
    lm, contrast = load_language_model("tiny"), load_contrast("glad.yaml")
    table, name = site_table(lm.model), "block.2.in"
    plus, minus = (text_streams(lm, table, texts, [name])[name] for texts in contrast.texts)
    made = sparse_autoencoder(torch.cat([plus.every, minus.every]), seed=0)
    feature = separating_feature(made, plus.last, minus.last)
    _, norm = stream_means(lm, table, lm.tokens(load_texts("texts.txt"), most=8), [2])[2]
    before, shifts = log_odds(lm, contrast), []
    for value in (STRENGTH * norm, -STRENGTH * norm):
        with intervene(lm.model, {table.site(name): clamp_feature(made, feature, value)}):
            shifts.append(log_odds(lm, contrast) - before)
    (row,) = (row for row in found.data["steering"] if row["vector"] == "SAE feature")
    assert row["shift"].value == pytest.approx(shifts[0], abs=1e-4)
    assert row["reversed"] == pytest.approx(shifts[1], abs=1e-4)
    assert abs(shifts[0]) > 1e-3
    (slopes,) = found.tables["slopes"].rows
    direction = made.directions[feature]
    cosine = torch.cosine_similarity((plus.last - minus.last).mean(0), direction, dim=0)
    assert slopes["cos SAE feature"] == pytest.approx(float(cosine), abs=1e-4)


def test_it_stands_beside_as_many_random_directions_as_vectors_do(found):
    rows = {row["vector"]: row for row in found.data["steering"]}
    assert rows["SAE feature"]["random"] == rows["CAA"]["random"]
    assert rows["SAE feature"]["random"].n == 20


def test_every_vector_stands_beside_its_reverse(found):
    tried = found.frames["every-measurement"].set_index("vector")["shift"]
    rows = [row for row in found.data["steering"] if "reversed" in row]
    assert len(rows) == 6
    for row in rows:
        assert row["reversed"] == tried[f"{row['vector']}, reversed"]


def test_the_file_of_each_vector_has_its_direction_length_and_pairs(found, tmp_path):
    lm, contrast = load_language_model("tiny"), load_contrast("glad.yaml")
    table, name = site_table(lm.model), "block.2.in"
    plus, minus = (text_streams(lm, table, texts, [name])[name].last for texts in contrast.texts)
    _, norm = stream_means(lm, table, lm.tokens(load_texts("texts.txt"), most=8), [2])[2]
    for ending, direction in (
        ("", (plus - minus).mean(0)),
        ("-probe-10000", probe_direction(plus, minus, 1e4)),
    ):
        file = tmp_path / "one.safetensors"
        found.files[f"glad{ending}-block-2.safetensors"](file)
        vector = load_vector(file)
        expected = norm * direction / direction.norm()
        torch.testing.assert_close(vector.vector, expected, atol=1e-4, rtol=1e-4)
        pairs = json.dumps(contrast.pairs).encode()
        assert vector.origin["pairs_sha256"] == hashlib.sha256(pairs).hexdigest()


def test_activation_addition_has_the_slope_of_every_prompt(here):
    options = {"layers": (1, 2), "strengths": (1.0, 3.0), "plus": "good", "minus": "bad"}
    options |= {"behaviour": "glad.yaml", "texts": "texts.txt", "count": 2, "length": 8}
    made = run("tiny", method="act-add", **options, progress=lambda *_: None)
    lm, contrast = load_language_model("tiny"), load_contrast("glad.yaml")
    table = site_table(lm.model)
    vector = activation_addition(lm, table, "block.2.in", "good", "bad")
    odds = []
    for sign in (-1.0, 1.0):
        with intervene(lm.model, {vector.site: add_at_tokens(vector.vector, sign)}):
            odds.append(log_odds(lm, contrast))
    each = made.frames["every-slope"]
    assert each["slope"][each["layer"] == 2].mean() == pytest.approx(
        (odds[1] - odds[0]) / 2, abs=1e-4
    )
    assert len(each) == 2 * len(contrast.prompts)
    shares = [row["anti-steerable"].value for row in made.tables["slopes"].rows]
    assert shares == [(each["slope"][each["layer"] == n] < 0).mean() for n in (1, 2)]


def test_position_0_is_steered_only_if_asked(here, found):
    options = {"layers": (2,), "strengths": (STRENGTH,), "pairs": (1,), "draws": 1}
    options |= {"behaviour": "glad.yaml", "texts": "texts.txt", "count": 2, "length": 8}
    asked = run("tiny", **options, first=True, progress=lambda *_: None)
    lm, contrast = load_language_model("tiny"), load_contrast("glad.yaml")
    table, name = site_table(lm.model), "block.2.in"
    plus, minus = (text_streams(lm, table, texts, [name])[name].last for texts in contrast.texts)
    _, norm = stream_means(lm, table, lm.tokens(load_texts("texts.txt"), most=8), [2])[2]
    vector = (plus - minus).mean(0)
    before = log_odds(lm, contrast)
    for result, first in ((found, False), (asked, True)):
        edit = add_at_tokens(norm * vector / vector.norm(), STRENGTH, first=first)
        with intervene(lm.model, {table.site(name): edit}):
            shift = log_odds(lm, contrast) - before
        row = next(row for row in result.data["steering"] if row["vector"] == "CAA")
        assert row["shift"].value == pytest.approx(shift, abs=1e-4)
