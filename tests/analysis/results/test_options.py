"""Options of a study come from its signature and docstring, and are read as they are typed."""

from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chisel.analysis.results import Agents, Count, Result, Seed, Share, Within
from chisel.analysis.results.options import options_help, options_of
from chisel.configs import ConfigError, parse_settings, read_options


def study(
    checkpoint: Agents,
    *,
    split: Literal["validation", "test"] = "test",
    levels: Count = 100,
    level: int | None = None,
    share: Share = 0.5,
    angle: Annotated[float, Within(-180, 180)] = 0.0,
    coeffs: tuple[float, ...] = (-1.0, 1.0),
    goals: tuple[Literal["cheese", "corner"], ...] = ("cheese",),
    layers: tuple[str, ...] = ("all",),
    gates: bool = False,
    name: str = "",
    seed: Seed = 0,
) -> Result:
    """Do nothing.

    It is an example.

    Args:
        checkpoint: An agent.
        split: Split of the levels, the name of which
            goes over two lines.
        levels: Number of levels: all of them.
        layers: Layers.

    Returns:
        Nothing.
    """
    return Result()


OPTIONS = options_of("example", study)


def read(**given):
    return read_options("example", OPTIONS, {"checkpoint": "runs/a", **given})


def test_text_is_converted_to_the_type_of_the_annotation():
    found = read(levels="7", share=".25", coeffs="-2,0.5", gates="true", layers="a, b", level="3")
    expected = {"levels": 7, "share": 0.25, "coeffs": (-2.0, 0.5), "gates": True, "level": 3}
    assert expected.items() <= found.items()
    assert found["layers"] == ("a", "b")
    assert (found["split"], found["goals"], found["env"], found["out"]) == (
        "test", ("cheese",), None, None,
    )  # fmt: skip


def test_none_is_the_default_and_nothing_where_there_is_no_such_option():
    assert read(levels=None, other=None) == read()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"levles": 3}, "no option 'levles'; did you mean 'levels'?"),
        ({"levels": 0}, "levels=0: must be a whole number, at least 1"),
        ({"levels": "2.5"}, "must be a whole number"),
        ({"seed": "-1"}, "seed=-1: must be a whole number, at least 0"),
        ({"share": "1.5"}, "share=1.5: must be a number, from 0 to 1"),
        ({"share": "nan"}, "share=nan: must be a number"),
        ({"angle": "inf"}, "angle=inf: must be a number, from -180 to 180"),
        ({"gates": "yes"}, "gates=yes: must be true or false"),
        ({"split": "tset"}, "split=tset: did you mean 'test'?"),
        ({"goals": "cheese,moon"}, "goals=moon"),
        ({"coeffs": "1,,2"}, "must be numbers, separated by commas"),
        ({"coeffs": "1,1.0"}, "coeffs=1,1.0: 1.0 is given twice"),
        ({"layers": ""}, "must be names, separated by commas"),
        ({"level": "None"}, "leave level out for none"),
        ({"checkpoint": None}, "study example needs checkpoint=VALUE"),
        ({"name": ["a"]}, "must be text, without brackets"),
    ],
)
def test_what_an_option_does_not_take_is_refused_with_what_it_takes(given, message):
    with pytest.raises(ConfigError) as caught:
        read(**given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


texts = st.text(st.characters(min_codepoint=33, max_codepoint=0x17F, exclude_categories=["C"]))
names = texts.map(lambda text: text.replace(",", "") or "x")
values = st.fixed_dictionaries(
    {
        "levels": st.integers(1, 9),
        "coeffs": st.lists(st.floats(-9, 9), min_size=1, unique=True).map(tuple),
        "gates": st.booleans(),
        "name": texts,
        "layers": st.lists(
            texts.map(lambda t: t.replace(",", "") or "x"), min_size=1, unique=True
        ).map(tuple),
        "level": st.none() | st.integers(),
    }
)


def test_what_is_not_given_is_none_of_the_studys_options_either():
    """`checkpoint=None` comes from a call that serves studies without agents, too."""
    values = read_options("example", {"seed": OPTIONS["seed"]}, {"checkpoint": None, "seed": None})
    assert values == {"seed": 0}


@given(values)
def test_what_is_typed_for_any_value_is_read_back_as_that_value(given):
    for name, value in given.items():
        if value is not None:
            typed = f"{name}={OPTIONS[name].typed(value)}"
            assert OPTIONS[name].read(parse_settings([typed])[name]) == value


def test_help_has_every_option_with_its_type_default_and_meaning():
    text = options_help("example", study)
    assert text.startswith("usage: chisel study example checkpoint=CHECKPOINT [key=value …]\n")
    assert "Do nothing.\n\nIt is an example.\n" in text
    assert (
        "  levels=100  (a whole number, at least 1)\n      Number of levels: all of them." in text
    )
    assert (
        "  split=test  (validation or test)\n      Split of the levels, the name of which goes"
        in text
    )
    assert "  coeffs=-1.0,1.0  (numbers, separated by commas)" in text
    assert "  env  (text)\n      For published weights" in text
    assert "  threads  (a whole number, at least 1)\n      Number of torch's CPU threads;" in text
    assert "  style=paper  (paper or slides or dark)\n      What figures are for" in text
    assert "  width  (a number, from 60 to 400)\n      Width of figures in mm" in text
    assert text.rstrip().endswith("Folder for the results, instead of the usual one.")
    assert all(f"\n  {name}" in text for name in OPTIONS)


def test_a_type_that_no_command_line_can_give_is_refused():
    def odd(*, what: dict[str, int]) -> Result:
        return Result()

    with pytest.raises(ConfigError, match="study odd: what is annotated dict"):
        options_of("odd", odd)


def test_a_name_that_belongs_to_every_study_is_refused():
    def threaded(*, threads: int = 1) -> Result:
        return Result()

    with pytest.raises(ConfigError, match="study odd: threads belongs to every study; rename"):
        options_of("odd", threaded)
