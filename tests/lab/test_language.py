"""What the lab says of a language model is what the library says."""

import numpy as np
import pytest
import torch

from chisel.analysis.interventions import intervene, record
from chisel.analysis.language import (
    activation_addition,
    add_at_tokens,
    continue_text,
    site_table,
)
from chisel.configs import ConfigError
from chisel.lab.agents import Shelf
from chisel.lab.answers import Answerer
from chisel.models.language import load_language_model
from tests.lab.talking import PLAIN, ROOT, answers, session
from tests.models.language import tiny

PAIR = {"plus": "love you", "minus": "hate"}
PROMPT = "I love the film because"
TRY = {"pair": PAIR, "layer": 1, "strengths": [1.0, 4.0], "prompts": ["I was so", "the dog was"]}
TRY |= {"wanted": ["glad", "good"], "unwanted": ["sad"], "controls": 3, "seed": 2}


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def folder(request, tmp_path_factory):
    return tiny.folder(tmp_path_factory.mktemp("tiny") / request.param, request.param)


@pytest.fixture(scope="module")
def talker(folder):
    return Answerer(Shelf([folder, ROOT / "agents" / PLAIN]))


def ask(talker, folder, **message):
    ((head, arrays),) = answers(talker, id=1, agent=folder.name, **message)
    return head, arrays


def vector(lm, layer):
    return activation_addition(lm, site_table(lm.model), f"block.{layer}.in", *PAIR.values()).vector


def test_a_lab_opens_with_a_language_model_and_says_what_it_is(talker, folder):
    head, _ = answers(talker, kind="hello", token="", version=1)[0]
    assert head["session"]["slots"][0]["agent"] == folder.name
    facts, _ = ask(talker, folder, kind="open")
    assert facts["maze"] is None
    assert facts["language"]["layers"] == 3


def test_texts_are_those_of_generate(talker, folder, tmp_path):
    asked = {"kind": "continue", "pair": PAIR, "prompt": PROMPT, "layer": 1, "tokens": 8}
    lm = load_language_model(folder)
    plain, _ = ask(talker, folder, **asked, strength=3.0, vector="none")
    assert plain["text"] == continue_text(str(folder), PROMPT, tokens=8).text
    found = activation_addition(lm, site_table(lm.model), "block.1.in", *PAIR.values())
    found.save(tmp_path / "vector.safetensors")
    steered, _ = ask(talker, folder, **asked, strength=3.0, vector="pair")
    steer = f"{tmp_path}/vector.safetensors:3"
    assert steered["text"] == continue_text(str(folder), PROMPT, tokens=8, steer=steer).text
    drawn = [
        ask(talker, folder, **asked, strength=3.0, vector="random", seed=seed)[0]["text"]
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1]


@pytest.fixture(scope="module")
def routed():
    return Answerer(Shelf([ROOT / "agents/language-routed/seed-0", ROOT / "agents" / PLAIN]))


def go_on(talker, **more):
    asked = {"kind": "continue", "pair": PAIR, "layer": 1, "strength": 1.0, "tokens": 30}
    asked |= {"vector": "none", "prompt": "long ago", "agent": "language-routed/seed-0"}
    return answers(talker, id=1, **asked, **more)[0][0]


def test_a_text_without_a_region_is_that_of_generate_and_random_units_are_others(routed):
    path = str(ROOT / "agents/language-routed/seed-0")
    without = go_on(routed, region="forget")["text"]
    assert without == continue_text(path, "long ago", tokens=30, ablate="forget").text
    assert without != go_on(routed)["text"]
    drawn = [go_on(routed, region="forget", control=True, seed=seed)["text"] for seed in (0, 0)]
    assert drawn[0] == drawn[1] != without
    with pytest.raises(ConfigError, match="no such region; did you mean 'forget'"):
        go_on(routed, region="forgt")
    facts = answers(routed, id=1, kind="open", agent="language-routed/seed-0")[0][0]
    assert facts["language"]["regions"] == ["forget", "retain"]


def test_a_layer_is_tried_as_by_hand(talker, folder):
    """Log-odds of the words after each prompt, from the logits themselves."""
    lm = load_language_model(folder)
    site = site_table(lm.model).site("block.1.in")
    wanted, unwanted = (
        [lm.ids(f" {word}")[0] for word in TRY[key]] for key in ("wanted", "unwanted")
    )

    def score(edits):
        odds = []
        for prompt in TRY["prompts"]:
            with torch.inference_mode(), intervene(lm.model, edits):
                logits = lm.logits(lm.tokens([prompt]))[0, -1].double()
            odds.append(logits[wanted].logsumexp(0) - logits[unwanted].logsumexp(0))
        return float(torch.stack(odds).mean())

    _, found = ask(talker, folder, kind="try", **TRY)
    before = score({})
    for shift, strength in zip(found["shift"], TRY["strengths"], strict=True):
        by_hand = score({site: add_at_tokens(vector(lm, 1), strength)}) - before
        assert shift == pytest.approx(by_hand, abs=1e-4)
    assert found["random"].shape == (2, 3)
    assert np.isfinite(found["loss"]).all()


def test_norms_are_those_of_the_stream(talker, folder):
    lm = load_language_model(folder)
    table = site_table(lm.model)
    _, found = ask(talker, folder, kind="norms", pair=PAIR, prompt=PROMPT)
    sites = [table.stream(layer) for layer in range(4)]
    read = record(lm.model, sites, lambda: lm.logits(lm.tokens([PROMPT])))
    for site, norm in zip(sites, found["stream"], strict=True):
        values = read[site][0, 1:].double()
        if "gpt2" in str(folder):
            values = values - values.mean(1, keepdim=True)
        assert norm == pytest.approx(float(values.norm(dim=1).mean()), rel=1e-5)
    assert found["vector"][1] == pytest.approx(float(vector(lm, 1)[1:].norm(dim=1).mean()))
    assert found["attention"].shape == found["mlp"].shape == (3,)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"kind": "try", **TRY, "layer": 9}, "no site 'block.9.in'"),
        ({"kind": "try", **TRY, "wanted": ["xylophone players"]}, "is a single token"),
        ({"kind": "try", **TRY, "controls": 0}, "1 to 64"),
        ({"kind": "norms", "pair": PAIR, "prompt": ""}, ""),
    ],
)
def test_what_cannot_be_asked_is_said(talker, folder, message, said):
    if said:
        with pytest.raises(ConfigError, match=said):
            ask(talker, folder, **message)
    else:  # the token that begins a text is there, and nothing else is averaged
        _, found = ask(talker, folder, **message)
        assert np.isnan(found["stream"]).all()


def test_a_network_that_was_trained_here_is_steered_like_any_other():
    folder = ROOT / "agents/language-stories/seed-0"
    stories = Answerer(Shelf([folder]))
    (name,) = stories._shelf.names

    def told(**message):
        ((head, arrays),) = answers(stories, id=1, agent=name, **message)
        return head, arrays

    facts = told(kind="open")[0]["language"]
    pair = {"plus": facts["plus"], "minus": facts["minus"]}
    asked = {"pair": pair, "layer": 1}
    words = {key: facts[key] for key in ("prompts", "wanted", "unwanted")}
    head, _ = told(
        kind="continue", **asked, prompt=facts["prompt"], strength=0.0, tokens=6, vector="none"
    )
    assert head["text"] == continue_text(str(folder), facts["prompt"], tokens=6).text
    _, found = told(kind="try", **asked, **words, strengths=[2.0], controls=2)
    assert np.isfinite([found["shift"], found["loss"]]).all()
    _, norms = told(kind="norms", pair=pair, prompt=facts["prompt"])
    assert (norms["stream"] > 0).all()
    with pytest.raises(ConfigError, match="is a language model, no agent"):
        answers(stories, kind="start", id=1, session=session((name,)))


def test_agents_and_language_models_are_told_apart(talker, folder):
    with pytest.raises(ConfigError, match="is no language model"):
        answers(talker, kind="norms", id=1, agent=PLAIN, pair=PAIR, prompt=PROMPT)
    board = {"maze": ["M"], "facing": "left"}
    asked = {"board": board, "slots": [{"agent": folder.name}]}
    with pytest.raises(ConfigError, match="is a language model, no agent"):
        answers(talker, kind="show", rev=1, session=asked)
