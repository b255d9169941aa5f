"""The report holds every figure and table, escapes all text, and needs no network."""

import base64
import inspect
import json
import re
from html.parser import HTMLParser

import pytest

from chisel.analysis import studies
from chisel.analysis.report import Findings, Panel, Section, findings, page
from chisel.analysis.report.collect import is_answer
from chisel.analysis.results import study_command
from chisel.analysis.studies import report
from chisel.configs import ConfigError, registry
from chisel.models import load_agent, save_agent
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
        assert tag not in {"script", "link", "iframe"}
        assert attrs.get("href", "#").startswith("#")
        assert attrs.get("src", "data:").startswith("data:")
    assert not re.search(r"url\(|@import", text)


def test_all_inserted_text_is_escaped(tmp_path):
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


def test_the_contents_lead_to_every_part_once(tmp_path):
    sections = [Section(title, []) for title in ("one", "<two>", "one")]
    text = page("t", NOTHING, sections, {}, {})
    seen = Tags(text).seen
    targets = [attrs["href"].removeprefix("#") for tag, attrs in seen if tag == "a"]
    assert targets == [attrs["id"] for tag, attrs in seen if "id" in attrs]
    assert len(set(targets)) == 4
    assert re.findall(r"<li><a[^>]*>(.*?)</a>", text) == ["one", "&lt;two&gt;", "one", "Configs"]


def test_the_report_has_each_study_once_and_quotes_test_layouts_alone():
    names = [entry.name for entry in report.ENTRIES]
    assert len(names) == len(set(names))
    for entry in report.ENTRIES:
        parameters = inspect.signature(registry.resolve("study", entry.name)).parameters
        assert set(entry.options) <= set(parameters)
        if "split" in parameters:
            assert entry.options.get("split", parameters["split"].default) == "test"


def test_a_large_data_file_is_named_but_not_shown(tmp_path):
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
def test_results_of_the_same_checkpoint_and_options_are_taken_and_others_made_anew(run_folder):
    fields = run_folder / "studies" / "vector-field" / "fields.json"
    studies.run("report", checkpoint=run_folder, only="vector-field")
    first = fields.stat().st_mtime_ns
    studies.run("report", checkpoint=run_folder, only="vector-field")
    assert fields.stat().st_mtime_ns == first
    fields.write_text(fields.read_text().replace(load_agent(run_folder).digest, "0" * 64))
    studies.run("report", checkpoint=run_folder, only="vector-field")
    assert load_agent(run_folder).digest in fields.read_text()


def write_results(folder, command, digest):
    folder.mkdir(parents=True, exist_ok=True)
    data = {"sha256": digest, "command": command}
    (folder / "fields.json").write_text(json.dumps(data))


@pytest.mark.usefixtures("small")
def test_results_with_other_options_are_neither_taken_nor_overwritten(run_folder, monkeypatch):
    digest, asked = load_agent(run_folder).digest, []

    def study(name, checkpoint, out, **options):
        parameters = inspect.signature(registry.resolve("study", name)).parameters
        defaults = {k: p.default for k, p in parameters.items() if k not in ("checkpoint", "out")}
        asked.append(out.name)
        write_results(out, study_command(name, defaults | options, checkpoint), digest)

    monkeypatch.setattr(report.studies, "run", study)
    home = run_folder / "studies" / "vector-field"
    write_results(home, "chisel study vector-field checkpoint=x levels=40 split=train", digest)
    before = (home / "fields.json").read_bytes()
    for _ in range(2):
        report.run(checkpoint=run_folder, only="vector-field")
        assert (home / "fields.json").read_bytes() == before
        assert asked == ["vector-field-report"]
    report.run(checkpoint=run_folder, only="vector-field", again=True)
    assert asked == ["vector-field-report"] * 2
    text = (run_folder / "studies" / "report" / "report.html").read_text()
    assert "levels=1 " in text
    assert "levels=40" not in text


@pytest.mark.parametrize(
    ("command", "taken"),
    [
        ("chisel study a checkpoint=elsewhere split=test levels=5 out=there", True),
        ("chisel study a checkpoint=x levels=5", False),
        ("chisel study a checkpoint=x levels=50 split=test", False),
        ("chisel study a checkpoint=x levels=5 split=test seed=1", False),
        ("chisel study b checkpoint=x levels=5 split=test", False),
    ],
)
def test_results_are_taken_only_with_the_very_same_options(tmp_path, command, taken):
    write_results(tmp_path, command, "abc")
    asked = "chisel study a checkpoint=x levels=5 split=test"
    assert is_answer(tmp_path, ["abc"], asked) == taken
    assert not is_answer(tmp_path, ["abd"], asked)
    assert not is_answer(tmp_path / "nothing", ["abc"], asked)


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


def test_findings_have_figures_tables_and_data_apart(tmp_path):
    for name in ("b.png", "a.gif", "x.csv", "notes.txt"):
        (tmp_path / name).write_text("")
    found = findings(tmp_path)
    assert [file.name for file in found.figures] == ["a.gif", "b.png"]
    assert [file.name for file in found.data] == ["x.csv"]
    assert isinstance(found, Findings)
