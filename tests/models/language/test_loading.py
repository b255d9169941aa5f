"""Models load offline with transformers' own numerics, and faults are one line."""

import json
import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM

from chisel.configs import CheckpointError, ConfigError
from chisel.models.language import Tokens, load_language_model, token_positions
from tests.models.language import tiny


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_logits_are_those_of_transformers_bit_for_bit(kind, folders, models):
    lm = models[kind]
    tokens = lm.tokens(tiny.TEXTS[:1])
    theirs = AutoModelForCausalLM.from_pretrained(folders[kind], local_files_only=True)
    with torch.no_grad():
        assert torch.equal(lm.logits(tokens), theirs(tokens.ids).logits)


def test_a_gguf_file_has_the_weights_that_were_put_in(tmp_path):
    file, original = tiny.gguf_file(tmp_path / "tiny.gguf")
    lm = load_language_model(file)
    assert lm.name == "tiny"
    tokens = lm.tokens(["I love a dog"])
    assert lm.begin == [0]
    assert lm.text(tokens.ids[0].tolist()) == "I love a dog"
    with torch.no_grad():
        torch.testing.assert_close(lm.logits(tokens), original(tokens.ids).logits)
    theirs = AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file=file.name, dtype=torch.float32, local_files_only=True
    )
    with torch.no_grad():
        assert torch.equal(lm.logits(tokens), theirs(tokens.ids).logits)


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_padding_on_either_side_changes_no_logits(kind, models):
    lm = models[kind]
    with torch.no_grad():
        alone = [lm.logits(lm.tokens([text]))[0] for text in tiny.TEXTS]
        for side in ("left", "right"):
            tokens = lm.tokens(tiny.TEXTS, side=side)
            together = lm.logits(tokens)
            for row, expected in enumerate(alone):
                found = together[row][tokens.mask[row]]
                torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)


def test_positions_count_the_tokens_of_each_text():
    left = Tokens.of([[5, 6, 7], [8]], 0, "left")
    assert left.positions.tolist() == [[0, 1, 2], [-1, -1, 0]]
    right = Tokens.of([[5, 6, 7], [8]], 0)
    assert right.positions.tolist() == [[0, 1, 2], [0, -1, -1]]
    assert right.last.tolist() == [2, 0]
    assert left.last.tolist() == [2, 2]
    assert token_positions(torch.zeros(2, 3, 4)).tolist() == [[0, 1, 2], [0, 1, 2]]


def test_texts_without_tokens_are_refused():
    with pytest.raises(ConfigError, match="no tokens"):
        Tokens.of([[1], []], 0)


def without(folder, target, *names):
    shutil.copytree(folder, target)
    for name in names:
        (target / name).unlink()
    return target


def test_what_cannot_be_loaded_is_refused_in_one_line(folders, tmp_path):
    llama = folders["llama"]
    pickled = without(llama, tmp_path / "pickled", "model.safetensors")
    torch.save({}, pickled / "pytorch_model.bin")
    bare = without(llama, tmp_path / "bare", "model.safetensors")
    mute = without(llama, tmp_path / "mute", "tokenizer.json")
    damaged = without(llama, tmp_path / "damaged")
    (damaged / "model.safetensors").write_bytes(b"nothing")
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.gguf").write_bytes(b"GGUF but not really")
    for path, said in {
        tmp_path / "nowhere": "there is no .*nowhere: give a folder",
        tmp_path / "empty": "has no config.json",
        bare: "has no weights",
        pickled: r"only pickled weights \(pytorch_model.bin\)",
        mute: "has no tokenizer",
        damaged: "cannot read .*damaged",
        tmp_path / "bad.gguf": "cannot read .*bad.gguf",
    }.items():
        with pytest.raises(CheckpointError, match=said) as raised:
            load_language_model(path)
        assert "\n" not in str(raised.value)


def test_another_models_tokenizer_is_refused(folders, tmp_path):
    other = without(folders["llama"], tmp_path / "other", "tokenizer.json", "tokenizer_config.json")
    tiny.tokenizer(["more", "words"]).save_pretrained(other)
    with pytest.raises(CheckpointError, match="with 45 tokens, but its model knows 43"):
        load_language_model(other)


def test_an_added_token_that_the_model_does_not_know_is_refused_where_it_is_used(folders, tmp_path):
    other = without(folders["llama"], tmp_path / "other", "tokenizer.json", "tokenizer_config.json")
    larger = tiny.tokenizer()
    larger.add_tokens(["<picture>"])
    larger.save_pretrained(other)
    lm = load_language_model(other)
    assert lm.ids("I love")
    with pytest.raises(ConfigError, match="does not know the token '<picture>'"):
        lm.ids("I love <picture>")


def test_weights_that_are_missing_are_not_drawn_at_random(folders, tmp_path):
    deeper = without(folders["llama"], tmp_path / "deeper")
    config = json.loads((deeper / "config.json").read_text())
    config["num_hidden_layers"] += 1
    config.pop("layer_types", None)
    (deeper / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="lacks weights"):
        load_language_model(deeper)


def test_too_little_memory_is_noticed_before_weights_are_read(folders, monkeypatch):
    class Little:
        available = 1000

    monkeypatch.setattr("psutil.virtual_memory", lambda: Little)
    with pytest.raises(CheckpointError, match=r"needs .* GB of memory .* 0\.0 GB are free"):
        load_language_model(folders["llama"])
