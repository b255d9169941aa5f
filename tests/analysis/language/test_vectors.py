"""Vectors are added where they should, whatever the padding, and kept with their origin."""

import gguf
import numpy as np
import pytest
import torch

from chisel.analysis.interventions import intervene
from chisel.analysis.language import (
    activation_addition,
    add_at_tokens,
    aligned,
    continue_text,
    pair_agreement,
    probe_direction,
    site_table,
    stream_means,
    text_streams,
    vector_of,
)
from chisel.analysis.steering import load_vector
from chisel.cli.main import main
from chisel.configs import ConfigError
from chisel.models.language import generate, write_control_vectors
from tests.models.language import tiny

VECTOR = torch.linspace(-1, 1, 16)


def block_of(lm, layer):
    return lm.model.get_submodule(site_table(lm.model).site(f"block.{layer}.in").module)


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_adding_at_a_block_is_what_a_hand_written_hook_does(kind, models):
    lm = models[kind]
    tokens = lm.tokens(tiny.TEXTS[:1])

    def hook(_module, args):
        steered = args[0].clone()
        steered[:, 1:] += 3.0 * VECTOR
        return (steered, *args[1:])

    handle = block_of(lm, 1).register_forward_pre_hook(hook)
    expected = lm.model(tokens.ids).logits
    handle.remove()
    site = site_table(lm.model).site("block.1.in")
    with intervene(lm.model, {site: add_at_tokens(VECTOR, 3.0)}):
        found = lm.logits(tokens)
    assert torch.equal(found, expected)
    assert not torch.equal(found, lm.logits(tokens))


@pytest.mark.parametrize("vector", [VECTOR, torch.stack([VECTOR, VECTOR.flip(0), VECTOR * 2])])
@pytest.mark.parametrize("kind", tiny.KINDS)
def test_steering_is_the_same_with_any_padding_and_with_a_cache(kind, vector, models):
    lm = models[kind]
    edits = {site_table(lm.model).site("block.1.in"): add_at_tokens(vector, 2.0)}
    nothing = torch.Generator()
    with intervene(lm.model, edits):
        alone = [generate(lm, lm.tokens([text]), 6, nothing)[0] for text in tiny.TEXTS]
        for side in ("left", "right"):
            for cache in (True, False):
                tokens = lm.tokens(tiny.TEXTS, side=side)
                assert generate(lm, tokens, 6, nothing, cache=cache) == alone


def test_position_0_and_padding_are_left_alone_unless_asked():
    values = torch.zeros(1, 4, 16)
    assert add_at_tokens(VECTOR)(values)[0, :, 0].tolist() == [0, -1, -1, -1]
    assert add_at_tokens(VECTOR, first=True)(values)[0, :, 0].tolist() == [-1, -1, -1, -1]
    front = torch.stack([VECTOR, 2 * VECTOR])
    assert add_at_tokens(front)(values)[0, :, 0].tolist() == [0, -2, 0, 0]
    assert add_at_tokens(front, first=True)(values)[0, :, 0].tolist() == [-1, -2, 0, 0]


def test_the_shorter_prompt_gets_spaces_on_its_right(models):
    lm = models["llama"]
    space = lm.ids(" ")[0]
    tokens = aligned(lm, "love", "hate I because")
    assert tokens.ids[0].tolist() == [*lm.begin, *lm.ids("love"), space, space]
    assert tokens.ids[1].tolist() == [*lm.begin, *lm.ids("hate I because")]


def test_prompts_that_cannot_be_aligned_are_refused(models, monkeypatch):
    lm = models["llama"]
    monkeypatch.setattr(
        type(lm), "ids", lambda _self, text: [3] * (2 if text == " " else len(text))
    )
    with pytest.raises(ConfigError, match="cannot be aligned"):
        aligned(lm, "a", "aa")


def test_activation_addition_is_the_difference_of_two_runs_and_zero_at_the_begin_token(models):
    lm = models["gpt2"]
    table, found = site_table(lm.model), []
    vector = activation_addition(lm, table, "block.2.in", "love", "hate I")
    handle = block_of(lm, 2).register_forward_pre_hook(lambda _m, args: found.append(args[0]))
    for ids in aligned(lm, "love", "hate I").ids:
        lm.model(ids[None])
    handle.remove()
    torch.testing.assert_close(vector.vector, (found[0] - found[1])[0])
    assert vector.vector[0].abs().max() == 0


def test_a_vector_is_kept_with_its_model_site_positions_and_unit(models, tmp_path):
    lm = models["llama"]
    table = site_table(lm.model)
    vector = vector_of(lm, table, "block.1.in", VECTOR, {"unit": "some", "pairs": 3})
    read = load_vector(vector.save(tmp_path / "v.safetensors"))
    assert torch.equal(read.vector, VECTOR)
    assert read.site == table.site("block.1.in")
    assert read.origin == {
        "model": lm.name,
        "sha256": lm.digest,
        "site": "block.1.in",
        "positions": "all but the first",
        "unit": "some",
        "pairs": 3,
    }


def test_a_control_vector_has_a_direction_for_each_block_as_llama_cpp_reads_it(tmp_path):
    write_control_vectors(tmp_path / "v.gguf", {2: VECTOR, 1: -VECTOR}, "llama")
    reader = gguf.GGUFReader(tmp_path / "v.gguf")
    found = {tensor.name: np.array(tensor.data) for tensor in reader.tensors}
    np.testing.assert_array_equal(found["direction.1"], -VECTOR.numpy())
    np.testing.assert_array_equal(found["direction.2"], VECTOR.numpy())
    assert reader.get_field("general.architecture").contents() == "controlvector"
    assert reader.get_field("controlvector.model_hint").contents() == "llama"
    with pytest.raises(ConfigError, match="block 1 or later"):
        write_control_vectors(tmp_path / "w.gguf", {0: VECTOR}, "llama")


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_the_stream_of_texts_is_that_of_each_alone_without_padding_and_position_0(kind, models):
    lm = models[kind]
    table, rows = site_table(lm.model), []
    together = text_streams(lm, table, tiny.TEXTS, ["block.2.in"])["block.2.in"]
    handle = block_of(lm, 2).register_forward_pre_hook(lambda _m, args: rows.append(args[0][0]))
    for text in tiny.TEXTS:
        lm.logits(lm.tokens([text]))
    handle.remove()
    close = {"atol": 1e-5, "rtol": 1e-4}
    torch.testing.assert_close(together.last, torch.stack([row[-1] for row in rows]), **close)
    torch.testing.assert_close(together.every, torch.cat([row[1:] for row in rows]), **close)


def test_means_of_the_stream_leave_out_position_0_and_padding(models):
    lm = models["llama"]
    table, tokens = site_table(lm.model), lm.tokens(tiny.TEXTS)
    mean, norm = stream_means(lm, table, tokens, [2])[2]
    rows = []
    handle = block_of(lm, 2).register_forward_pre_hook(lambda _m, args: rows.append(args[0][0, 1:]))
    for text in tiny.TEXTS:
        lm.logits(lm.tokens([text]))
    handle.remove()
    expected = torch.cat(rows)
    torch.testing.assert_close(mean, expected.mean(0), atol=1e-5, rtol=1e-4)
    assert norm == pytest.approx(float(expected.norm(dim=1).mean()), rel=1e-5)


def test_a_weak_penalty_turns_the_probe_from_the_mean_difference_to_the_separator():
    """Two normals with unequal covariance: the best separator is known in closed form."""
    draws = torch.Generator().manual_seed(0)
    spread = torch.tensor([[3.0, 0.0], [2.9, 0.5]])
    noise = torch.randn(2, 4000, 2, generator=draws) @ spread.T
    shift = torch.tensor([1.0, 0.0])
    wanted, unwanted = noise[0] + shift / 2, noise[1] - shift / 2
    separator = torch.linalg.solve(spread @ spread.T, shift)
    mean = wanted.mean(0) - unwanted.mean(0)
    weak = probe_direction(wanted, unwanted, 1e4)
    strong = probe_direction(wanted, unwanted, 1e-6)
    cosine = torch.nn.functional.cosine_similarity
    assert cosine(weak, separator, dim=0) > 0.99
    assert cosine(strong, mean, dim=0) > 0.99
    assert cosine(weak, mean, dim=0) < 0.9


def test_agreement_is_the_mean_of_all_cosines():
    differences = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    unit = torch.nn.functional.normalize(differences, dim=1)
    pairs = [float(unit[i] @ unit[j]) for i in range(5) for j in range(5) if i != j]
    mean = torch.nn.functional.normalize(differences.mean(0), dim=0)
    with_mean, between = pair_agreement(differences)
    assert with_mean == pytest.approx(float((unit @ mean).mean()), abs=1e-6)
    assert between == pytest.approx(sum(pairs) / len(pairs), abs=1e-6)


def test_the_command_steers_and_ablates_as_the_function_does(models, tmp_path, capsys):
    lm = models["llama"]
    table = site_table(lm.model)
    file = vector_of(lm, table, "block.1.in", VECTOR, {}).save(tmp_path / "v.safetensors")
    words = [str(lm.source), "prompt=I love you", "tokens=4"]
    said = {}
    for extra in (
        [],
        [f"steer={file}:8"],
        ["ablate=block.0.mlp,block.1.heads.0"],
        [f"steer={file}:8", "cache=false"],
        [f"steer={file}:8", "first=true"],
    ):
        assert main(["generate", *words, *extra]) == 0
        said[tuple(extra)] = capsys.readouterr().out
    plain, steered, ablated, uncached, _ = said.values()
    assert plain == f"I love you{continue_text(str(lm.source), 'I love you', tokens=4).text}\n"
    assert len({plain, steered, ablated}) == 3
    assert uncached == steered


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["prompt=I", "tokens=none"], "tokens=none: must be a whole number"),
        (["prompt=I", "token=3"], "did you mean 'tokens'"),
        (["tokens=3"], "prompt is missing"),
        (["prompt=I", "ablate=block.0.out"], "it is the whole stream"),
        (["prompt=I", "ablate=block.0.map"], "no site 'block.0.map'"),
        (["prompt=I", "seed=3"], "are for sampling"),
        (["prompt=I", "first=true"], "there is none"),
        (["prompt=I", "steer=v.safetensors"], "needs FILE:COEFF"),
    ],
)
def test_wrong_options_of_generate_are_refused(options, said, models, capsys):
    assert main(["generate", str(models["llama"].source), *options]) == 2
    assert said in capsys.readouterr().err


def test_a_vector_of_another_network_is_refused(models, tmp_path, capsys):
    lm = models["llama"]
    vector = vector_of(lm, site_table(lm.model), "block.1.in", VECTOR, {})
    file = vector.save(tmp_path / "v.safetensors")
    assert main(["generate", str(models["gpt2"].source), "prompt=I", f"steer={file}:1"]) == 2
    assert "the vector is for" in capsys.readouterr().err
