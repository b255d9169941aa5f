"""The report holds every figure and table, escapes what it is told, and needs no network."""

import base64
import json
import re
from html.parser import HTMLParser

import pytest

from analysis import studies
from analysis.report import Findings, Panel, Section, findings, page
from analysis.studies import report
from configs import ConfigError
from models import load_agent, save_agent
from tests.analysis.conftest import make_run

NOTHING = {"title": "", "caption": "", "columns": [], "rows": []}
HOSTILE = '<script>alert("&")</script>{x}'


class Tags(HTMLParser):
    """All tags with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.seen = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def pictures(text):
    """What the page's images hold."""
    found = [attrs["src"] for tag, attrs in Tags(text).seen if tag == "img"]
    return [base64.b64decode(source.partition(";base64,")[2]) for source in found]


def assert_offline(text):
    for tag, attrs in Tags(text).seen:
        assert tag not in {"script", "link", "iframe", "a"}
        assert "href" not in attrs
        assert attrs.get("src", "data:").startswith("data:")
    assert not re.search(r"url\(|@import", text)


def test_everything_that_comes_in_is_escaped(tmp_path):
    (tmp_path / "x<y>.png").write_bytes(b"picture")
    (tmp_path / "a<b>.json").write_text(json.dumps({"command": HOSTILE}))
    table = {"title": HOSTILE, "caption": HOSTILE, "columns": [HOSTILE], "rows": [[HOSTILE]]}
    (tmp_path / "tables.json").write_text(json.dumps({"tables": [table]}))
    panel = Panel(HOSTILE, findings(tmp_path), HOSTILE)
    text = page(HOSTILE, table, [Section(HOSTILE, [panel])], {HOSTILE: HOSTILE}, {"a": HOSTILE})
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 10
    assert_offline(text)
    assert pictures(text) == [b"picture"]


def test_large_data_is_only_named(tmp_path):
    (tmp_path / "big.csv").write_text("1,2\n" * 50_000)
    found = findings(tmp_path)
    assert found.command is None
    text = page("t", NOTHING, [Section("s", [Panel("p", found)])], {}, {})
    assert "big.csv: 200 kB" in text
    assert len(text) < 5_000


@pytest.fixture
def small(monkeypatch):
    """A report of two studies that are quick, and one that does not exist."""
    entries = (
        report.Entry("vector-field", {"levels": 1}),
        report.Entry("over-training", {"levels": 2}, groups=True),
        report.Entry("mind-reading"),
    )
    monkeypatch.setattr(report, "ENTRIES", entries)


@pytest.mark.usefixtures("procgen", "small")
def test_a_report_has_all_figures_tables_digest_and_config_and_says_what_is_missing(tmp_path):
    run = make_run(tmp_path / "a&b" / "run")
    (run / "studies" / "mine").mkdir(parents=True)
    (run / "studies" / "mine" / "own.png").write_bytes(b"mine")
    agent = load_agent(run)
    (run / "studies" / "mine" / "own.json").write_text(json.dumps({"sha256": agent.digest}))
    folder = studies.run("report", checkpoint=run)
    assert folder == run / "studies" / "report"
    text = (folder / "report.html").read_text()
    assert_offline(text)
    assert agent.digest in text
    assert "experiment: maze/quick" in text
    assert "a&amp;b" in text
    assert "this version has no study mind-reading" in text
    assert "train with trainer.keep_every" in text
    drawn = [file.read_bytes() for file in (run / "studies").glob("*/*.png")]
    assert len(drawn) == 4
    assert sorted(pictures(text)) == sorted(drawn)


@pytest.mark.usefixtures("procgen", "small")
def test_results_of_the_same_checkpoint_are_taken_and_those_of_another_made_anew(run_folder):
    fields = run_folder / "studies" / "vector-field" / "fields.json"
    studies.run("report", checkpoint=run_folder, only="vector-field")
    first = fields.stat().st_mtime_ns
    studies.run("report", checkpoint=run_folder, only="vector-field")
    assert fields.stat().st_mtime_ns == first
    fields.write_text(fields.read_text().replace(load_agent(run_folder).digest, "0" * 64))
    studies.run("report", checkpoint=run_folder, only="vector-field")
    assert load_agent(run_folder).digest in fields.read_text()


@pytest.mark.usefixtures("procgen", "small")
def test_seeds_and_shipped_agents_stand_side_by_side(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        make_run(tmp_path / "group" / f"seed-{seed}", overrides=[f"init_seed={seed}"])
    folder = studies.run("report", checkpoint="group")
    text = (folder / "report.html").read_text()
    assert folder.relative_to("group") == folder.__class__("studies/report")
    heads = re.findall(r"<h3>(.*?)</h3>", text)
    # The field is drawn for each seed; what takes groups is run once for all.
    assert heads[:3] == ["group/seed-0", "group/seed-1", "group"]
    shipped = [save_agent(tmp_path / f"shipped-{n}", load_agent(f"group/seed-{n}")) for n in (0, 1)]
    both = ",".join(map(str, shipped))
    folder = studies.run("report", checkpoint=both, only="vector-field", out="here")
    assert len(pictures((folder / "report.html").read_text())) == 6


def test_an_unknown_study_is_refused_with_the_nearest(run_folder):
    with pytest.raises(ConfigError, match="did you mean 'vector-field'"):
        studies.run("report", checkpoint=run_folder, only="vector-fields")


def test_findings_tell_figures_tables_and_data_apart(tmp_path):
    for name in ("b.png", "a.gif", "x.csv", "notes.txt"):
        (tmp_path / name).write_text("")
    found = findings(tmp_path)
    assert [file.name for file in found.figures] == ["a.gif", "b.png"]
    assert [file.name for file in found.data] == ["x.csv"]
    assert isinstance(found, Findings)
