"""Text is the same with and without cache and padding, and sampling keeps to its distribution."""

import pytest
import torch

from chisel.configs import ConfigError
from chisel.models.language import Sampling, generate
from tests.models.language import tiny


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_cache_and_padding_change_no_token(kind, models):
    lm, nothing = models[kind], torch.Generator()
    alone = [generate(lm, lm.tokens([text]), 8, nothing)[0] for text in tiny.TEXTS]
    for side in ("left", "right"):
        for cache in (True, False):
            tokens = lm.tokens(tiny.TEXTS, side=side)
            assert generate(lm, tokens, 8, nothing, cache=cache) == alone


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_greedy_text_is_that_of_transformers(kind, models):
    lm = models[kind]
    tokens = lm.tokens(tiny.TEXTS[:1])
    theirs = lm.model.generate(tokens.ids, max_new_tokens=8, do_sample=False, pad_token_id=2)
    new = theirs[0, tokens.ids.shape[1] :].tolist()
    expected = new[: new.index(1)] if 1 in new else new
    assert generate(lm, tokens, 8, torch.Generator()) == [expected]


def test_tokens_are_drawn_from_the_likeliest_ones_only():
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log().expand(4000, 4)
    draws = torch.Generator().manual_seed(0)
    chosen = Sampling(1.0, 0.7).choose(logits, torch.zeros(4000, 4), draws)
    shares = chosen.bincount(minlength=4) / 4000
    assert shares[2:].sum() == 0
    assert shares[0] == pytest.approx(0.625, abs=0.03)


def test_a_penalty_is_taken_off_for_each_time_that_a_token_came():
    logits, counts = torch.tensor([[2.0, 1.5]]), torch.tensor([[2.0, 0.0]])
    assert Sampling(frequency_penalty=0.2).choose(logits, counts, torch.Generator()) == 0
    assert Sampling(frequency_penalty=0.3).choose(logits, counts, torch.Generator()) == 1


@pytest.mark.parametrize(
    "numbers", [{"temperature": -1}, {"top_p": 0}, {"frequency_penalty": float("nan")}]
)
def test_numbers_out_of_range_are_refused(numbers):
    with pytest.raises(ConfigError, match=next(iter(numbers))):
        Sampling(**numbers)
