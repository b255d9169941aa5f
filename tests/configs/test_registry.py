"""Components are found by name, once, and other packages can add theirs."""

import sys
from pathlib import Path

import pytest

from chisel import configs
from chisel.configs import ConfigError, registry
from tests import plugins

PLUGIN = """
from dataclasses import dataclass
from chisel.configs.registry import Component

@dataclass(frozen=True)
class PondConfig:
    name: str = "pond"
    num_envs: int = 4
    depth: float = 1.5

pond = Component("pond_package:make_pond", "a pond", PondConfig)
no_component = 3
no_schema = Component("pond_package:make_pond", "a pond")
hidden = Component("pond_package:make_pond", "a pond", type("Pond", (PondConfig,), {}))

def make_pond(config, *, seed):
    return config.depth
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Installs a package with given entry points, as pip would, for one test."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(entry_points: str) -> None:
        (tmp_path / "pond_package.py").write_text(PLUGIN)
        plugins.install(tmp_path, "pond", entry_points)

    yield install
    sys.modules.pop("pond_package", None)


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in registry.GROUPS for name in registry.names(kind)]
)
def test_every_registered_name_leads_to_a_function(kind: registry.Kind, name: str) -> None:
    assert callable(registry.resolve(kind, name))
    assert registry.get(kind, name).summary


def test_an_unknown_name_is_compared_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="unknown study 'vectorfield'; did you mean 'vector-f"):
        registry.resolve("study", "vectorfield")


def test_another_package_adds_an_environment(installed, tmp_path: Path) -> None:
    installed("[chisel.envs]\npond = pond_package:pond\n")
    (tmp_path / "mine.yaml").write_text(
        "extends: maze/smoke\nenv: {name: pond, num_envs: 8, depth: 2}\n"
    )
    assert "pond" in registry.names("env")
    config = configs.load(str(tmp_path / "mine.yaml"))
    assert (config.env.depth, config.env.num_envs) == (2.0, 8)
    assert registry.resolve("env", "pond")(config.env, seed=0) == 2.0
    with pytest.raises(ConfigError, match=r"env\.dept; did you mean env\.depth\?"):
        configs.load(str(tmp_path / "mine.yaml"), ["env.dept=1"])
    with pytest.raises(ConfigError, match=r"env\.depth = nan"):
        configs.load(str(tmp_path / "mine.yaml"), ["env.depth=nan"])


def test_a_name_cannot_be_registered_twice(installed) -> None:
    installed("[chisel.envs]\nmaze = pond_package:pond\n")
    with pytest.raises(ConfigError, match="'maze' is registered twice, by Chisel itself and by po"):
        configs.load("maze/smoke")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no_such_package:pond", "cannot be loaded"),
        ("pond_package:lake", "cannot be loaded"),
        ("pond_package:no_component", r"must be a configs\.registry\.Component"),
        ("pond_package:no_schema", "its schema must be a dataclass with name"),
        ("pond_package:hidden", "its schema must be at the top of a module"),
    ],
)
def test_a_broken_package_is_named_and_breaks_nothing_else(
    installed, target: str, message: str
) -> None:
    installed(f"[chisel.models]\nbroken = {target}\n")
    with pytest.raises(ConfigError, match=message):
        configs.load("maze/smoke", ["model.name=broken"])
    assert configs.load("maze/smoke").model.name == "impala"


@pytest.mark.parametrize("room", ["configs.registry", "models"])
def test_a_package_for_version_01_is_told_the_new_import(installed, tmp_path: Path, room) -> None:
    installed(
        "[chisel.models]\nold = old_package:component\n[chisel.studies]\nold = pond_package:old"
    )
    (tmp_path / "old_package.py").write_text(f"from {room} import something\n")
    (tmp_path / "pond_package.py").write_text(
        PLUGIN + '\nold = Component("old_package:run", "a study whose module is old")\n'
    )
    name = room.partition(".")[0]
    says = f"'old' cannot be loaded: it imports {name}, which is called chisel.{name} since 0.2$"
    with pytest.raises(ConfigError, match=says):
        configs.load("maze/smoke", ["model.name=old"])
    with pytest.raises(ConfigError, match=says):
        registry.resolve("study", "old")


def test_a_corpus_in_the_group_of_version_01_is_told_the_new_group(installed) -> None:
    installed("[chisel.data]\npond = pond_package:pond\n")
    says = (
        "pond_package:pond is registered in the group chisel.data, which is called chisel.corpora"
    )
    with pytest.raises(ConfigError, match=says):
        configs.load("digits/halves", ["corpus.name=pond"])
    with pytest.raises(ConfigError, match=says):
        registry.get("corpus", "pond")
    assert configs.load("digits/halves").corpus.name == "digits"


def test_a_plug_in_may_name_its_own_options_as_version_01_named_ours(installed, tmp_path) -> None:
    installed("[chisel.envs]\npond = pond_package:pond\n")
    levels = "    levels: Levels = field(default_factory=Levels)\n"
    plugin = PLUGIN.replace("    depth: float = 1.5\n", levels)
    plugin = plugin.replace("import dataclass\n", "import dataclass, field\n")
    nested = "@dataclass(frozen=True)\nclass Levels:\n    bank: int = 1\n\n"
    plugin = plugin.replace(
        "@dataclass(frozen=True)\nclass Pond", f"{nested}@dataclass(frozen=True)\nclass Pond"
    )
    (tmp_path / "pond_package.py").write_text(plugin)
    (tmp_path / "mine.yaml").write_text(
        "extends: maze/smoke\nenv: {name: pond, num_envs: 8, levels: {bank: 2}}\n"
    )
    assert configs.load(str(tmp_path / "mine.yaml")).env.levels.bank == 2
    assert configs.load(str(tmp_path / "mine.yaml"), ["env.levels.bank=3"]).env.levels.bank == 3
