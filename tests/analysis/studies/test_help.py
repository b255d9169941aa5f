"""Help on a study is complete, and the same whether its module is imported or only read."""

import pytest

from chisel import configs
from chisel.analysis.results import options_help, options_of
from chisel.configs import registry

STUDIES = registry.names("study")


@pytest.mark.parametrize("study", STUDIES)
def test_what_is_read_without_importing_is_what_importing_gives(study):
    assert configs.study_options(study) == options_of(study, registry.resolve("study", study))
    imported = options_help(study, registry.resolve("study", study), 90)
    assert configs.study_help(study, 90) == imported


@pytest.mark.parametrize("study", STUDIES)
def test_help_has_every_option_with_its_default_its_values_and_a_meaning(study):
    text = " ".join(configs.study_help(study, 80).split())
    for option in options_of(study, registry.resolve("study", study)).values():
        shown = option.name
        if not option.needed and option.default not in (None, ""):
            shown += f"={configs.as_typed(option.default)}"
        assert f"{shown} ({option.takes}) " in text
        assert option.meaning, f"{study}: {option.name} has no meaning under Args"
        assert all(str(value) in text for value in option.allowed)


def test_each_study_is_in_the_group_of_what_it_needs():
    groups = configs.studies_by_need()
    assert sorted(name for names in groups.values() for name in names) == STUDIES
    for need, names in groups.items():
        for name in names:
            options = options_of(name, registry.resolve("study", name))
            world = registry.get("study", name).world
            assert ("model" in options) == (need == "that need a language model"), (name, need)
            assert ("checkpoint" in options) == ("agent of" in need), (name, need)
            if "model" not in options:
                assert (world is None) == ("any world" in need or "nothing" in need)
