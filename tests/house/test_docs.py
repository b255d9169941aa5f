"""What the documents say can be typed, exists, and is complete."""

import re
import shlex
from itertools import chain
from pathlib import Path

import pytest

import configs
from configs import ImpalaConfig, MazeConfig, PPOConfig, RunConfig
from tests.house.rooms import ROOT

PAGES = sorted(chain(ROOT.glob("*.md"), ROOT.glob("docs/**/*.md")))
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]

COMMAND = re.compile(r"chisel (?:train|check) ([^`\n|#&]+)")
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)[^)]*\)")
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", NAMES)
def test_commands_on_a_page_are_valid(name: str) -> None:
    for typed in COMMAND.findall((ROOT / name).read_text()):
        words = shlex.split(typed.strip())
        placeholders = any("…" in word or "$" in word for word in words)
        if words[0] in configs.experiments() and not placeholders:
            for settings in configs.expand_seeds(words[1:]):
                configs.load(words[0], settings)


@pytest.mark.parametrize("name", NAMES)
def test_experiments_on_a_page_are_valid(name: str, tmp_path: Path) -> None:
    for block in BLOCK.findall((ROOT / name).read_text()):
        if re.search(r"^(env|extends):", block, re.MULTILINE):
            file = tmp_path / "experiment.yaml"
            file.write_text(block)
            configs.load(str(file))


@pytest.mark.parametrize("name", NAMES)
def test_links_on_a_page_lead_somewhere(name: str) -> None:
    page = ROOT / name
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_option_is_explained() -> None:
    page = (ROOT / "docs" / "hyperparameters.md").read_text()
    config = RunConfig(experiment="x", env=MazeConfig(), model=ImpalaConfig(), algo=PPOConfig())

    def keys(node: dict[str, object], prefix: str = "") -> list[str]:
        found = []
        for key, value in node.items():
            nested = isinstance(value, dict)
            found += keys(value, f"{prefix}{key}.") if nested else [f"{prefix}{key}"]
        return found

    missing = [key for key in keys(configs.to_plain(config)) if f"`{key}`" not in page]
    assert [key for key in missing if not key.endswith(".name")] == []
