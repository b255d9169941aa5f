"""A comparison of language models loses nothing when it is stopped, and trains nothing twice."""

import pytest

from chisel import trainers
from chisel.configs import read_page
from chisel.trainers.studies import lm_routing

TINY = "frames=20 algo.iteration_size=10 algo.batch_size=10 corpus.stories=20 model.layers=1 "
TINY += "model.width=16 corpus.validation=2 trainer.threads=1 trainer.progress=false"
FAST = {"stories": 4, "controls": 1, "attack_stories": 4, "attack_steps": 2}
YAML = f"""\
entries:
  one: {{study: lm-routing, settings: "seeds=0,1 arms=gram {{}} settings='{TINY}'", minutes: 1,
         runs: 2, shares: stories}}
  both: {{study: lm-routing, settings: "seeds=0,1 arms=control,gram {{}} settings='{TINY}'",
          minutes: 1, runs: 2, shares: stories}}
"""


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Names of the runs in the order in which they are measured."""
    monkeypatch.chdir(tmp_path)
    names, real = [], lm_routing._measure

    def watch(folder, **options):
        names.append(folder.name)
        return real(folder, **options)

    monkeypatch.setattr(lm_routing, "_measure", watch)
    return names


def run(**options):
    fixed = {"seeds": (0, 1), "arms": ("gram",), "settings": TINY}
    return lm_routing.run(**{**fixed, **FAST, **options})


def test_what_was_measured_is_kept_and_read_again_with_the_same_numbers(measured):
    first = run()
    assert measured == ["gram-0.5-1-seed-0", "gram-0.5-1-seed-1"]
    again = run()
    assert len(measured) == 2
    assert again.data["losses"] == first.data["losses"]
    run(stories=5)
    assert len(measured) == 4


def test_after_a_stop_the_same_command_measures_only_the_rest(measured, monkeypatch):
    real, left = lm_routing._measure, [1]

    def stopping(folder, **options):
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return real(folder, **options)

    monkeypatch.setattr(lm_routing, "_measure", stopping)
    with pytest.raises(KeyboardInterrupt):
        run()
    monkeypatch.setattr(lm_routing, "_measure", real)
    assert len(run().data["losses"]["gram"]["whole"]) == 2
    assert measured == ["gram-0.5-1-seed-0", "gram-0.5-1-seed-1"]


def test_entries_of_a_page_share_their_runs(measured, tmp_path):
    options = " ".join(f"{key}={value}" for key, value in FAST.items())
    (tmp_path / "page.yaml").write_text(YAML.replace("{}", options))
    page = read_page("page.yaml")
    assert trainers.reproduce(page, tmp_path / "out", names=["one", "both"]) == []
    assert measured == [f"{arm}-seed-{n}" for arm in ("gram-0.5-1", "control") for n in (0, 1)]
    runs = tmp_path / "out" / "stories-runs" / "language"
    assert sorted(one.name for one in runs.glob("*/*-seed-*")) == sorted(measured)
    assert trainers.reproduce(page, tmp_path / "out", names=["one", "both"]) == []
    assert len(measured) == 4
