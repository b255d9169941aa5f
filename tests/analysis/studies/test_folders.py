"""Results of every study have a folder to themselves, with nothing of an earlier result."""

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from chisel import models
from chisel.analysis import studies
from chisel.analysis.evaluation import evaluate
from chisel.analysis.results.files import replace_results
from chisel.analysis.results.folders import home_of
from chisel.models import load_agent, save_agent
from tests.analysis.conftest import make_run


def test_a_runs_newest_checkpoint_has_the_plain_folder_and_one_before_it_another(tmp_path):
    folder = tmp_path / "run" / models.CHECKPOINTS
    folder.mkdir(parents=True)
    files = [folder / models.checkpoint_name(n) for n in (8, 64)]
    for file in files:
        file.touch()
    home = tmp_path / "run" / "studies"
    assert home_of(files[1], "ab" * 32, "x") == home / "x"
    assert home_of(files[1], "ab" * 32, "x", "levels-9") == home / "x-levels-9"
    assert home_of(files[0], "ab" * 32, "x") == home / "x-iter-00000008"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("agents/maze/weights.safetensors", "maze"),
        ("agents/maze/seed-3/weights.safetensors", "maze-seed-3"),
        ("published.pth", "published"),
    ],
)
def test_weights_that_are_no_runs_have_folders_by_name_and_digest(source, name):
    for digest in ("12345678" + "0" * 56, "87654321" + "0" * 56):
        found = home_of(Path(source), digest, "vector-field")
        assert found == Path("studies/vector-field") / f"{name}-{digest[:8]}"


def test_results_of_two_agents_and_of_two_options_share_no_folder(tmp_path, monkeypatch):
    """Each folder's pictures say the digest that its JSON says."""
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        run = make_run(tmp_path / f"run-{seed}", overrides=[f"init_seed={seed}"])
        save_agent(Path("agents") / "maze" / f"seed-{seed}", load_agent(run))
    asked = [{"checkpoint": f"agents/maze/seed-{seed}", "levels": 1} for seed in (0, 1)]
    asked.append(asked[0] | {"orientation": "right"})
    folders = [studies.run("vector-field", **one) for one in asked]
    assert len(set(folders)) == 3
    for folder, one in zip(folders, asked, strict=True):
        found = json.loads((folder / "vector-field.json").read_text())
        assert found["runs"][0]["sha256"] == load_agent(one["checkpoint"]).digest
        assert found["study"]["name"] == "vector-field"
        assert found["study"]["options"]["orientation"] == one.get("orientation", "left")
        assert found["study"]["files"] == sorted(file.name for file in folder.iterdir())
        for picture in folder.glob("*.png"):
            assert found["runs"][0]["sha256"].encode() in picture.read_bytes()


def test_evaluations_of_two_agents_lie_apart_and_their_commands_find_the_agents(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    run = make_run(tmp_path / "run")
    newest = load_agent(run).source
    before = newest.with_name(models.checkpoint_name(1))
    models.write_checkpoint(before, models.read_checkpoint(newest) | {"epoch": 0})
    shipped = save_agent(Path("agents") / "maze", load_agent(run))
    found = {}
    for one in (run, before, shipped):
        done = evaluate(one, overrides=["eval.levels=2", "eval.num_envs=2"])
        command, agent = done.origin["command"], load_agent(one)
        assert load_agent(shlex.split(command)[2]).digest == agent.digest
        assert json.loads(done.data.read_text())["sha256"] == agent.digest
        found[one] = done.data.parent
    assert found[run] == run / "studies" / "eval"
    assert found[before] == run / "studies" / "eval-iter-00000001"
    assert found[shipped].parent == Path("studies/eval")


@pytest.mark.usefixtures("papers")
def test_nothing_of_an_earlier_result_stays_in_its_folder(run_folder, tmp_path):
    out = tmp_path / "out"
    studies.run("vector-field", checkpoint=run_folder, levels=2, out=out)
    (out / "notes.txt").write_text("mine")
    (out / "mine.png").write_bytes(b"mine")
    studies.run("vector-field", checkpoint=run_folder, levels=1, out=out)
    drawn = {"00-anywhere.png", "00-as-trained.png", "contact-sheet.png"}
    drawn |= {name.replace(".png", end) for name in drawn for end in (".pdf", ".svg")}
    kept = {"notes.txt", "mine.png"}
    names = {file.name for file in out.iterdir() if file.suffix not in (".csv", ".json")}
    assert names == drawn | kept
    assert (out / "vector-field.json").is_file()


def write(folder, study, **files):
    with replace_results(folder, study, {}):
        for name, text in files.items():
            (folder / name.replace("_", ".")).write_text(text)


def test_results_of_another_study_in_the_same_folder_stay(tmp_path):
    write(tmp_path, "a", a_json="{}", a_png="1", more_png="1")
    write(tmp_path, "b", b_json="{}", b_png="1")
    write(tmp_path, "a", a_json="{}", a_png="2")
    assert {file.name for file in tmp_path.iterdir()} == {"a.json", "a.png", "b.json", "b.png"}


def test_half_a_result_is_removed_and_what_was_there_before_is_not(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")

    def interrupted():
        with replace_results(tmp_path, "a", {}):
            (tmp_path / "a.json").write_text("{}")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("named", ["../kept.txt", "sub/kept.txt", "..", ""])
def test_files_that_a_result_cannot_have_written_are_never_removed(tmp_path, named):
    folder = tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    for kept in (tmp_path / "kept.txt", folder / "sub" / "kept.txt"):
        kept.touch()
    (folder / "a.json").write_text(json.dumps({"study": {"name": "a", "files": [named]}}))
    write(folder, "a", b_json="{}")
    assert (tmp_path / "kept.txt").exists()
    assert (folder / "sub" / "kept.txt").exists()


def test_git_ignores_results_but_no_code(tmp_path):
    shutil.copy(Path(__file__).parents[3] / ".gitignore", tmp_path)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    paths = ["studies/a.json", "agents/maze/studies/a.json", "analysis/studies/a.py"]
    paths.append("trainers/studies/a.py")
    done = subprocess.run(
        ["git", "check-ignore", *paths], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == paths[:2]
