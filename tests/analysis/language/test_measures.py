"""Scores, losses and controls are those of a computation by hand."""

import numpy as np
import pytest
import torch

from chisel.analysis.interventions import intervene
from chisel.analysis.language import (
    RANDOM,
    Gauge,
    Measured,
    Sweep,
    Tried,
    add_at_tokens,
    control_p,
    random_range,
    site_table,
    slopes,
)
from chisel.configs import ConfigError
from tests.models.language import tiny

PROMPTS = ["the film was", "a dog was so glad and"]
WANTED, UNWANTED = ["good", "glad", "I love"], ["bad", "sad"]
TEXTS = ["a dog ran home . and a dog was good", "I love you because you are so glad and good ."]
VECTOR = torch.linspace(-2, 2, 16)


def gauge_of(lm, length=8):
    return Gauge(lm, PROMPTS, WANTED, UNWANTED, TEXTS, length)


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_scores_and_losses_are_those_of_single_texts(kind, models):
    lm = models[kind]
    gauge = gauge_of(lm)
    assert gauge.left_out == ["I love"]
    before = gauge.measure()
    assert before.kl == pytest.approx(0, abs=1e-6)
    edits = {site_table(lm.model).site("block.1.in"): add_at_tokens(VECTOR)}
    after = gauge.measure(edits)
    for found, edit in ((before, {}), (after, edits)):
        with torch.no_grad(), intervene(lm.model, edit):
            scores, losses = [], []
            for prompt in PROMPTS:
                p = lm.logits(lm.tokens([prompt]))[0, -1].double().softmax(0)
                odds = [
                    sum(p[lm.ids(f" {w}")[0]] for w in words)
                    for words in (["good", "glad"], UNWANTED)
                ]
                scores.append(float((odds[0] / odds[1]).log()))
            for text in TEXTS:
                ids = [*lm.begin, *lm.ids(text)][:8]
                logs = lm.model(torch.tensor([ids])).logits[0].double().log_softmax(1)
                losses += [-float(logs[t, ids[t + 1]]) for t in range(len(ids) - 1)]
        assert found.scores == pytest.approx(scores, abs=1e-4)
        assert found.loss == pytest.approx(np.mean(losses), abs=1e-4)
    assert after.kl > 0


def test_kl_is_from_the_predictions_without_the_intervention(models):
    lm = models["llama"]
    gauge, ids = gauge_of(lm), []
    gauge.measure()
    edits = {site_table(lm.model).site("block.1.in"): add_at_tokens(VECTOR)}
    terms = []
    for text in TEXTS:
        ids = torch.tensor([[*lm.begin, *lm.ids(text)][:8]])
        with torch.no_grad():
            p = lm.model(ids).logits[0, :-1].double().log_softmax(1)
            with intervene(lm.model, edits):
                q = lm.model(ids).logits[0, :-1].double().log_softmax(1)
        terms += (p.exp() * (p - q)).sum(1).tolist()
    assert gauge.measure(edits).kl == pytest.approx(np.mean(terms), abs=1e-4)
    skipped = [term for n, term in enumerate(terms) if n % 7 >= 3]
    assert gauge.measure(edits, skip=3).kl == pytest.approx(np.mean(skipped), abs=1e-4)


def test_a_prompt_before_the_texts_is_not_scored_itself(models):
    lm = models["gpt2"]
    gauge = gauge_of(lm)
    gauge.measure()
    found = gauge.measure(prefix="I love you")
    losses = []
    for text in TEXTS:
        lead = [*lm.begin, *lm.ids("I love you")]
        ids = lead + lm.ids(text)[: 8 - len(lm.begin)]
        with torch.no_grad():
            logs = lm.model(torch.tensor([ids])).logits[0].double().log_softmax(1)
        losses += [-float(logs[t, ids[t + 1]]) for t in range(len(lead) - 1, len(ids) - 1)]
    assert found.loss == pytest.approx(np.mean(losses), abs=1e-4)


def test_words_of_several_tokens_alone_are_refused(models):
    with pytest.raises(ConfigError, match="none of I love is a single token"):
        Gauge(models["llama"], PROMPTS, ["I love"], UNWANTED, TEXTS, 8)


def test_every_strength_has_the_reversed_sign_and_all_controls_of_equal_length(models):
    lm = models["llama"]
    sweep, done, added = Sweep(gauge_of(lm), site_table(lm.model)), [], []
    real = Sweep.attempt

    class Watching(Sweep):
        def attempt(self, before, layer, strength, name, vector, draw=0):
            added.append((name, strength * vector))
            return real(self, before, layer, strength, name, vector, draw)

    sweep = Watching(sweep.gauge, sweep.table)
    sweep.before()
    draws = torch.Generator().manual_seed(0)
    tried = sweep.layer(1, [0.5, 2.0], {"CAA": VECTOR}, 20, draws, lambda: done.append(1))
    assert len(tried) == len(done) == 2 * (1 + 1 + 20)
    assert len(random_range(tried, 1, 0.5)) == 20
    for (name, vector), one in zip(added, tried, strict=True):
        assert float(vector.norm()) == pytest.approx(one.strength * float(VECTOR.norm()), rel=1e-5)
        if name == "CAA, reversed":
            torch.testing.assert_close(vector, -one.strength * VECTOR)
    controls = [one for one in tried if one.vector == RANDOM]
    assert {one.draw for one in controls if not np.isnan(one.measured.loss)} == {0, 1, 2}


def tried(scores, strength, before=(0.0, 0.0)):
    def measured(of):
        return Measured(np.array(of, float), 0.1, 1.0, 0.0)

    return Tried(1, strength, "CAA", 0, measured(scores), measured(before))


def test_p_counts_the_vector_itself_among_the_controls():
    assert control_p(tried([2.0, 2.0], 1), [0.0] * 19) == 1 / 20
    assert control_p(tried([2.0, 2.0], 1), [0.0] * 18 + [3.0]) == 2 / 20
    assert control_p(tried([-2.0, -2.0], 1), [0.0] * 18 + [3.0]) == 1 / 20


def test_slopes_are_least_squares_through_all_strengths():
    up, down = tried([1.1, -0.4], 0.5), tried([-0.9, 0.2], -0.5)
    expected = [np.polyfit([0, 0.5, -0.5], [0, a, b], 1)[0] for a, b in ((1.1, -0.9), (-0.4, 0.2))]
    np.testing.assert_allclose(slopes([up, down]), expected)
