"""A page with a training, a study of it and a table, in a folder like a repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from chisel.configs import Page, read_page

YAML = """\
entries:
  agents: {train: maze/smoke, seeds: [0, 1], minutes: 2, recorded: agents/small}
  cut: {study: ablation, of: agents, settings: levels=9, minutes: 3, figures: {cut.png: a.png}}
  worlds: {study: power-orbits, minutes: 1}
tables:
  shares:
    of: cut / ablation
    unit: seeds
    rows: |
      | without | P(a) | P(b) |
      |---|---|---|
      | “one” | {< / value / ^}: {< / change / ^ as +.00 (+.0)} | " |
      | random | {random:* / change / ^ / min as +.00} … {random:* / change / ^ / max as +.00} | " |
"""
MARKDOWN = """\
# Mine

<!-- results: shares -->
(nothing yet)
<!-- end -->

Words.
"""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    monkeypatch.chdir(tmp_path)
    folder = Path("docs/reproductions")
    folder.mkdir(parents=True)
    Path("docs/figures").mkdir()
    (folder / "mine.yaml").write_text(YAML)
    (folder / "mine.md").write_text(MARKDOWN)
    return read_page("mine")
