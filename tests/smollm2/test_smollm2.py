"""What holds of a real language model, SmolLM2-135M; run by `make test-lm`, which fetched it."""

import os
import time

import pytest
import torch
from transformers import AutoModelForCausalLM

from chisel.analysis.interventions import intervene
from chisel.analysis.language import (
    activation_addition,
    add_at_tokens,
    growth,
    measure_norms,
    site_table,
    stream_of_language_model,
)
from chisel.corpora import load_contrast, load_texts
from chisel.models.language import generate, load_language_model

VARIABLE = "CHISEL_SMOLLM2"


@pytest.fixture(scope="module")
def lm():
    if not os.environ.get(VARIABLE):
        pytest.skip("needs SmolLM2: chisel models fetch smollm2 --yes, then make test-lm")
    return load_language_model("smollm2")


def test_logits_are_those_of_transformers_bit_for_bit(lm):
    tokens = lm.tokens(["The capital of France is"])
    theirs = AutoModelForCausalLM.from_pretrained(lm.source, dtype=torch.float32)
    with torch.no_grad():
        assert torch.equal(lm.logits(tokens), theirs(tokens.ids).logits)


def test_steering_is_what_a_hand_written_hook_does_and_costs_little(lm, capsys):
    table = site_table(lm.model)
    vector = activation_addition(lm, table, "block.6.in", "Love", "Hate").vector
    assert vector.shape == (3, 576), "Hate is two tokens, so Love gets a space"
    tokens = lm.tokens(load_texts(None)[:2], most=48)

    def hook(_module, args):
        steered = args[0].clone()
        steered[:, 1:3] += 5.0 * vector[1:]
        return (steered, *args[1:])

    block = lm.model.get_submodule(table.site("block.6.in").module)
    edits = {table.site("block.6.in"): add_at_tokens(vector, 5.0)}
    with torch.no_grad():
        handle = block.register_forward_pre_hook(hook)
        expected = lm.model(tokens.ids).logits
        handle.remove()
        with intervene(lm.model, edits):
            assert torch.equal(lm.logits(tokens), expected)
        times = {False: 0.0, True: 0.0}
        for _ in range(5):  # side by side, since the machine may be busy
            for steered in times:
                start = time.process_time()
                with intervene(lm.model, edits if steered else {}):
                    lm.logits(tokens)
                times[steered] += time.process_time() - start
    with capsys.disabled():
        print(f"\nCPU seconds of 5 forward passes: {times[False]:.2f}, steered {times[True]:.2f}")


def test_text_is_the_same_with_and_without_cache_and_padding(lm):
    texts, draws = ["The capital of France is", "I hate you because you are"], torch.Generator()
    alone = [generate(lm, lm.tokens([text]), 6, draws)[0] for text in texts]
    assert "Paris" in lm.text(alone[0])
    for side in ("left", "right"):
        assert generate(lm, lm.tokens(texts, side=side), 6, draws) == alone
    assert generate(lm, lm.tokens(texts), 6, draws, cache=False) == alone


def test_the_norm_grows_by_about_eight_percent_a_layer(lm):
    table, tokens = site_table(lm.model), lm.tokens(load_texts(None)[:6], most=64)
    found = measure_norms(
        lm.model, stream_of_language_model(table), lambda: lm.logits(tokens), tokens.positions
    )
    rate, explained = growth(found.stream.mean(1, keepdim=True), 5, 28)
    assert 1.06 < float(rate) < 1.10
    assert float(explained) > 0.9
    assert (found.first[15] > 20_000).all(), "attention is parked at position 0"


@pytest.mark.parametrize("behaviour", ["mood", "agreement"])
def test_pairs_are_many_and_their_words_single_tokens(lm, behaviour):
    contrast = load_contrast(behaviour)
    assert len(set(contrast.pairs)) >= 128
    for words in (contrast.wanted, contrast.unwanted):
        single = [word for word in words if len(lm.ids(f" {word}")) == 1]
        assert len(single) >= 5
