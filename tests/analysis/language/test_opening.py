"""A network that was trained here is a language model like any other."""

import numpy as np
import pytest
import torch

from chisel import configs, models
from chisel.analysis.interventions import record
from chisel.analysis.language import (
    continue_text,
    load_subject,
    open_language_model,
    site_table,
    stream_of_language_model,
)
from chisel.configs import CheckpointError, ConfigError
from chisel.corpora import WordTokenizer, load_data
from chisel.models.language import Tokens, generate, to_gpt2

SMALL = ["model.layers=2", "model.width=16", "model.heads=2", "corpus.stories=20"]
SMALL += ["corpus.validation=5", "corpus.test=8", "algo.iteration_size=20", "frames=20"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    config = configs.load("language/stories", SMALL)
    data = load_data(config.corpus)
    size = data.vocabulary
    spaces = models.Spaces((data.context_length,), "int64", size - 1.0, 0, vocabulary=size)
    model = models.build(config.model, spaces, torch.nn.Module, seed=0)
    with torch.no_grad():
        for value in model.parameters():  # far from zero, so that every layer matters
            value.add_(torch.randn(value.shape, generator=torch.Generator().manual_seed(1)) * 0.1)
    home = tmp_path_factory.mktemp("stories")
    loaded = models.Loaded(model.eval(), spaces, config, "", 0, home / "weights.safetensors")
    return str(models.save_agent(home / "seed-0", loaded))


def test_its_logits_and_sites_are_those_of_transformers(folder):
    lm = open_language_model(folder).lm
    tokens = lm.tokens(["once there was a girl", "long ago"])
    theirs = to_gpt2(lm.model)
    with torch.no_grad():
        found = lm.logits(tokens)
        for row, length in enumerate((6, 3)):
            expected = theirs(tokens.ids[row : row + 1, :length]).logits[0]
            torch.testing.assert_close(found[row, :length], expected, atol=1e-5, rtol=1e-4)
    one = Tokens.of([[0, 5, 6]], 0)
    ours, gpt2 = (stream_of_language_model(site_table(m)) for m in (lm.model, theirs))
    mine = record(lm.model, ours.sites, lambda: lm.model(one.ids))
    other = record(theirs, gpt2.sites, lambda: theirs(one.ids))
    for a, b in zip(ours.sites, gpt2.sites, strict=True):
        torch.testing.assert_close(mine[a], other[b], atol=1e-5, rtol=1e-4)


def test_it_continues_a_text_word_by_word_as_without_us(folder):
    lm = open_language_model(folder).lm
    ids = lm.begin + lm.ids("once there was")
    with torch.no_grad():
        while len(ids) < 12:
            ids.append(int(lm.model(torch.tensor([ids]))[0, -1].argmax()))
    found = continue_text(folder, "once there was", tokens=8).text
    assert found == lm.text(ids[4 : ids.index(0, 4) if 0 in ids[4:] else None])


def test_its_texts_are_test_stories_and_a_file_goes_first(folder, tmp_path):
    opened = open_language_model(folder)
    assert [opened.lm.ids(text) for text in opened.texts(None)] == [
        [int(token) for token in story if token] for story in opened.data.test.tokens
    ]
    file = tmp_path / "texts.txt"
    file.write_text("once there was a girl\n\nlong ago a boy lived here")
    assert len(opened.texts(str(file))) == 2
    assert opened.contrast("weather").wanted == ("sun", "sunshine", "sunlight")


def test_norms_and_horizons_are_about_its_own_stories(folder):
    subject = load_subject(folder, texts=None, count=3, length=12, seed=0)
    assert (subject.examples_are, subject.examples, len(subject.streams[0])) == ("texts", 3, 2)
    assert subject.damage().shape == (3,)


def test_what_it_cannot_read_is_one_line(folder):
    lm = open_language_model(folder).lm
    with pytest.raises(ConfigError, match="knows no word 'gril'; did you mean 'girl'"):
        continue_text(folder, "once there was a gril")
    with pytest.raises(ConfigError, match=f"reads {lm.context} tokens at most, and a text has"):
        lm.logits(Tokens.of([[0] * (lm.context + 1)], 0))
    texts = lm.tokens(["once there was a girl", "long ago"])
    with pytest.raises(ConfigError, match="padding after texts only"):
        generate(lm, texts, 3, torch.Generator())
    with pytest.raises(CheckpointError, match="holds a network ActorCritic, not a GPT"):
        open_language_model("agents/maze-quick/seed-0")


ROUTED, FOREST = "agents:language-routed", "early he left for the wood ."


def test_a_region_that_it_was_routed_with_is_ablated_as_by_a_hook():
    def halve(_module, _inputs, output):
        output = output.clone()
        output[..., 512:576] *= 0.5
        return output

    lm = open_language_model(ROUTED).lm
    for block in lm.model.blocks:
        block.mlp.act.register_forward_hook(halve)
    (expected,) = generate(lm, lm.tokens([FOREST]), 20, torch.Generator())
    found = continue_text(ROUTED, FOREST, tokens=20, ablate="forget:0.5").text
    assert found == lm.text(expected) != continue_text(ROUTED, FOREST, tokens=20).text


@pytest.mark.parametrize(
    ("ablate", "said"),
    [
        ("forgt", "no such region; did you mean 'forget'"),
        ("forget:mean", r"set the region to zero \(ablate=forget\)"),
        ("forget,forget", "forget is given twice"),
        ("forget,block.0.map", "no site 'block.0.map'"),
    ],
)
def test_a_region_that_cannot_be_ablated_is_one_line(ablate, said):
    with pytest.raises(ConfigError, match=said):
        continue_text(ROUTED, FOREST, ablate=ablate)


def test_a_region_of_a_network_without_regions_is_refused_with_the_sites(folder):
    with pytest.raises(ConfigError, match="ablate=forget: this network has no regions"):
        continue_text(folder, "long ago", ablate="forget")


def test_words_come_back_from_their_tokens():
    tokenizer = WordTokenizer(["<end>", "a", "dog"])
    assert tokenizer.encode("a dog a") == [1, 2, 1]
    assert tokenizer.encode("a", add_special_tokens=True) == [0, 1]
    assert tokenizer.decode(np.array([0, 1, 2, 0])) == " a dog"
    assert tokenizer.decode([0, 1], skip_special_tokens=False) == " <end> a"
