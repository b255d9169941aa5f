"""An ablation is read as it was written."""

import pytest

from chisel.analysis.ablation.option import name_of, parse_modes
from chisel.models import load_agent, save_agent


def test_a_checkpoint_without_routes_has_no_regions(run_folder, tmp_path):
    agent = load_agent(run_folder)
    assert agent.regions is None
    assert load_agent(save_agent(tmp_path / "shipped", agent)).regions is None


@pytest.mark.parametrize(
    ("text", "modes", "name"),
    [
        ("corner", {"corner": "zero"}, "corner"),
        ("corner:mean", {"corner": "mean"}, "corner-mean"),
        ("a,b:zero,c:resample", {"a": "zero", "b": "zero", "c": "resample"}, "a+b+c-resample"),
        ("a:0.5,b:-1", {"a": 0.5, "b": -1.0}, "a-0.5+b--1"),
    ],
)
def test_modes_are_read_as_written(text, modes, name):
    assert parse_modes(text) == modes
    assert name_of(modes) == name


def test_different_ablations_have_different_names():
    texts = ["a", "a:mean", "a:0.5", "a:0.25", "a:resample", "a,b", "a,b:mean", "a:mean,b"]
    names = [name_of(parse_modes(text)) for text in texts]
    assert len(set(names)) == len(names)
