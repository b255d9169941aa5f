"""What `lm-steering` says of a clamped feature is what clamping it by hand does."""

import pytest
import torch

from chisel.analysis.interventions import intervene
from chisel.analysis.language import (
    clamp_feature,
    separating_feature,
    site_table,
    sparse_autoencoder,
    stream_means,
    text_streams,
)
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
    clamped = {table.site(name): clamp_feature(made, feature, STRENGTH * norm)}
    before = log_odds(lm, contrast)
    with intervene(lm.model, clamped):
        shift = log_odds(lm, contrast) - before
    (row,) = (row for row in found.data["steering"] if row["vector"] == "SAE feature")
    assert row["shift"].value == pytest.approx(shift, abs=1e-4)
    assert abs(shift) > 1e-3
    (slopes,) = found.tables["slopes"].rows
    direction = made.directions[feature]
    cosine = torch.cosine_similarity((plus.last - minus.last).mean(0), direction, dim=0)
    assert slopes["cos SAE feature"] == pytest.approx(float(cosine), abs=1e-4)


def test_it_stands_beside_as_many_random_directions_as_vectors_do(found):
    rows = {row["vector"]: row for row in found.data["steering"]}
    assert rows["SAE feature"]["random"] == rows["CAA"]["random"]
    assert rows["SAE feature"]["random"].n == 20
