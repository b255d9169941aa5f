"""The yardstick sees what is planted, whatever kind of file it is in, and accepts listed names."""

import json
import shutil
import subprocess

import pytest
import torch
from safetensors.torch import save_file

from benchmarks import same_results
from benchmarks.same_results import Tree, compare, main
from benchmarks.same_results_cases import STUDIES, TRAININGS, Case, cases
from benchmarks.same_results_compare import (
    RENAMED,
    RENAMED_WORDS,
    Names,
    folder_differences,
)
from chisel import configs
from chisel.configs import registry

RANKS = [{"generator": b"\x01", "episodes": (1.0, 2.0)}]
CHECKPOINT = "runs/a/checkpoints/iter-00000002.ckpt"


def checkpoint(weights, **about):
    return {
        "state_dict": {"model.cut.weight": weights},
        "optimizer_states": [{"state": {0: {"step": torch.tensor(2.0)}}}],
        "chisel": {
            "git": "abc",
            "ranks": RANKS,
            **about,
        },
    }


def write(folder):
    """What a command leaves: a checkpoint, a log, a result, a vector and a figure."""
    path = folder / CHECKPOINT
    path.parent.mkdir(parents=True)
    torch.save(checkpoint(torch.arange(6.0).reshape(2, 3)), path)
    log = "iteration,losses/skill,time/update_s\n1,0.5,0.1\n2,nan,0.1\n"
    (folder / "runs/a/metrics.csv").write_text(log)
    found = {"skill": {"value": 0.0, "n": 3}, "best": "skill", "command": "x", "rows": [1, True]}
    (folder / "study.json").write_text(json.dumps(found))
    save_file({"mean": torch.ones(2)}, folder / "vector.safetensors")
    (folder / "study.png").write_bytes(b"a figure")
    return folder


def read(folder):
    return json.loads((folder / "study.json").read_text())


def edit_json(**changes):
    return lambda folder: (folder / "study.json").write_text(json.dumps(read(folder) | changes))


def edit_log(before, after):
    def edit(folder):
        log = folder / "runs/a/metrics.csv"
        log.write_text(log.read_text().replace(before, after))

    return edit


def turn_one_bit(folder):
    path = folder / CHECKPOINT
    payload = torch.load(path, weights_only=True)
    payload["state_dict"]["model.cut.weight"].view(torch.int32)[1, 2] ^= 1
    torch.save(payload, path)


def save_other(weights=None, **about):
    weights = torch.arange(6.0).reshape(2, 3) if weights is None else weights
    return lambda folder: torch.save(checkpoint(weights, **about), folder / CHECKPOINT)


def rename_in_log_and_json(folder):
    edit_log("losses/skill", "losses/R2")(folder)
    found = read(folder)
    found["R2"] = found.pop("skill")
    found["best"] = "R2"
    (folder / "study.json").write_text(json.dumps(found))


@pytest.fixture
def both(tmp_path):
    return write(tmp_path / "old"), write(tmp_path / "new")


def differences(both, names=None):
    found = folder_differences(*both, names or Names())
    return [(one.file, one.key.partition("[")[0], one.old, one.new) for one in found]


JSON, LOG, MISSING = "study.json", "runs/a/metrics.csv", "missing"
PLANTED = {
    "a bit of a weight": (
        turn_one_bit,
        (CHECKPOINT, "state_dict:model.cut.weight", "5.0", "5.000000476837158"),
    ),
    "the sign of zero": (
        save_other(torch.tensor([[-0.0, 1, 2], [3, 4, 5]])),
        (CHECKPOINT, "state_dict:model.cut.weight", "0.0", "-0.0"),
    ),
    "a tensor's type": (
        save_other(torch.arange(6.0).reshape(2, 3).double()),
        (
            CHECKPOINT,
            "state_dict:model.cut.weight",
            "torch.float32 (2, 3)",
            "torch.float64 (2, 3)",
        ),
    ),
    "a generator's state": (
        save_other(ranks=[{"generator": b"\x02", "episodes": (1.0, 2.0)}]),
        (CHECKPOINT, "chisel:ranks:0:generator", r"b'\x01'", r"b'\x02'"),
    ),
    "a number": (
        edit_json(skill={"value": 1e-300, "n": 3}),
        (JSON, "skill:value", "0.0", "1e-300"),
    ),
    "an integer that was a float": (
        edit_json(skill={"value": 0, "n": 3}),
        (JSON, "skill:value", "0.0", "0"),
    ),
    "one that was true": (edit_json(rows=[1, 1]), (JSON, "rows:1", "True", "1")),
    "a shorter list": (edit_json(rows=[1]), (JSON, "rows", "2 items", "1 items")),
    "a new key": (edit_json(more=None), (JSON, "more", MISSING, "None")),
    "a cell": (edit_log("1,0.5", "1,0.50"), (LOG, "rows:0:losses/skill", "'0.5'", "'0.50'")),
    "a row": (edit_log("2,nan,0.1\n", ""), (LOG, "rows", "2 items", "1 items")),
    "a vector": (
        lambda folder: save_file({"mean": torch.zeros(2)}, folder / "vector.safetensors"),
        ("vector.safetensors", "mean", "1.0", "0.0"),
    ),
    "no figure": (
        lambda folder: (folder / "study.png").unlink(),
        ("study.png", "", "study.png", MISSING),
    ),
    "one more file": (
        lambda folder: (folder / "b.png").touch(),
        ("b.png", "", MISSING, "b.png"),
    ),
}


@pytest.mark.parametrize(("plant", "expected"), PLANTED.values(), ids=PLANTED)
def test_a_planted_difference_is_named_with_both_values(both, plant, expected):
    assert differences(both) == []
    plant(both[1])
    assert differences(both) == [expected]


def test_times_commits_commands_and_pictures_are_not_compared(both):
    edit_json(command="y", versions={"python": "3"})(both[0])
    edit_json(command="z", versions={})(both[1])
    edit_log(",0.1", ",0.2")(both[1])
    edit_log("time/update_s", "time/other_s")(both[1])
    save_other(git="def")(both[1])
    (both[1] / "study.png").write_bytes(b"the same, drawn otherwise")
    assert differences(both) == []


def test_renamed_keys_columns_and_values_are_accepted_only_if_they_are_listed(both):
    rename_in_log_and_json(both[1])
    assert {one[:2] for one in differences(both)} == {
        (LOG, "columns:1"),
        *((LOG, f"rows:{row}:losses/{name}") for row in (0, 1) for name in ("skill", "R2")),
        *((JSON, key) for key in ("skill", "R2", "best")),
    }
    listed = Names({"skill": "R2", "losses/skill": "losses/R2"})
    assert differences(both, listed) == []
    assert differences((both[0], both[0]), listed), "what is listed must be renamed"
    edit_json(best="R2", R2={"value": 0.5, "n": 3})(both[1])
    assert differences(both, listed) == [(JSON, "R2:value", "0.0", "0.5")]


def test_parts_of_a_weights_name_and_of_a_files_name_can_be_renamed(both):
    old, new = both
    payload = torch.load(old / CHECKPOINT, weights_only=True)
    payload["state_dict"] = {"model.split.weight": payload["state_dict"]["model.cut.weight"]}
    torch.save(payload, new / CHECKPOINT)
    (new / "study.png").rename(new / "picture.png")
    assert differences(both, Names({"cut": "split", "study.png": "picture.png"})) == []


def test_another_name_of_an_experiment_is_accepted_in_paths_and_values_and_no_other_word_is(both):
    old, new = both
    for folder, name in ((old, "a/b"), (new, "a/c")):
        edit_json(checkpoint=f"runs/{name}/run", experiment=name, levels=3)(folder)
        (folder / "runs/a/metrics.csv").rename(folder / "runs/a" / f"{name[-1]}")
    assert differences(both)
    names = Names(words={"a/b": "a/c", "levels": "games"})
    assert differences(both, names) == []


@pytest.mark.parametrize(
    "tensor",
    [
        torch.tensor(2.0),
        torch.empty(0, 3),
        torch.ones(4, 1, 1, 1).to(memory_format=torch.channels_last),
        torch.ones(4, 4)[:1, ::4],
        torch.ones(2).bfloat16(),
        torch.tensor([True]),
    ],
    ids=lambda tensor: f"{tensor.dtype} {tuple(tensor.shape)}",
)
def test_tensors_of_any_type_and_stride_are_compared(both, tensor):
    for folder, saved in zip(both, (tensor, tensor.clone()), strict=True):
        torch.save(checkpoint(saved), folder / CHECKPOINT)
    assert differences(both) == []


def test_two_keys_that_become_one_are_a_difference(both):
    for folder in both:
        edit_json(other=1)(folder)
    told = differences(both, Names({"other": "best"}))
    assert "two of them renamed to the same" in {one[3] for one in told}


def test_commands_are_translated_word_by_word():
    names = Names(words={"digits/split": "digits/halves", "levels": "games", "split": "part"})
    line = "train digits/split levels=3 split=test eval.levels=2 out=runs/digits/split/a"
    translated = "train digits/halves games=3 part=test eval.levels=2 out=runs/digits/halves/a"
    assert names.typed(line) == translated


def test_every_study_algorithm_and_world_has_a_case():
    others = {"edits", "lm-steering"}  # of a session of the lab, and of a real language model
    assert set(STUDIES) == set(registry.names("study")) - others
    found = []
    for line in TRAININGS.values():
        experiment, *settings = Names(RENAMED, RENAMED_WORDS).typed(line).split()
        settings = [one for one in settings if one != "seed=0,1"]
        found.append(configs.load(experiment, settings))
    assert {one.algo.name for one in found} == set(registry.names("algo"))
    worlds = {one.env.name for one in found if one.env is not None}
    assert worlds == set(registry.names("env"))
    assert {one.model.name for one in found} == set(registry.names("model"))
    names = [case.name for case in cases()]
    assert len(set(names)) == len(names)


MAIN = """
import json, sys
from pathlib import Path
import chisel.numbers_ as number
word, value = sys.argv[1:]
if value == "fail":
    sys.exit("chisel: that is wrong")
Path("out").mkdir()
Path("out/found.json").write_text(json.dumps({word: value, "number": number.NUMBER}))
"""


def make_tree(root, *, number=1):
    """A project whose command writes down what it was told; its rooms are `cli` and `numbers_`."""
    links = root / "typing_links/chisel"
    links.mkdir(parents=True)
    for room in ("cli", "numbers_"):
        (root / room).mkdir()
        (root / room / "__init__.py").write_text(f"NUMBER = {number}\n")
        (links / room).symlink_to(f"../../{room}")
    (root / "pyproject.toml").touch()
    (root / "cli/main.py").write_text(MAIN)
    (root / "chisel").mkdir()
    (root / "chisel/__init__.py").touch()
    (links / "__init__.py").symlink_to("../../chisel/__init__.py")
    return Tree(root.resolve(), "")


CASE = Case("say", ("levels=3 x",))


def test_each_tree_runs_its_own_code_and_the_new_one_the_words_that_are_listed(
    tmp_path, monkeypatch
):
    old, new = make_tree(tmp_path / "a"), make_tree(tmp_path / "b")
    assert compare(CASE, old, new, tmp_path / "one").verdict == "equal"
    monkeypatch.setitem(same_results.RENAMED_WORDS, "levels", "games")
    outcome = compare(CASE, old, new, tmp_path / "two")
    assert outcome.verdict == "differs", "the key is not in the map of words alone"
    assert json.loads((tmp_path / "two/old/say/out/found.json").read_text())["levels=3"] == "x"
    assert json.loads((tmp_path / "two/new/say/out/found.json").read_text())["games=3"] == "x"
    monkeypatch.setitem(same_results.RENAMED, "levels=3", "games=3")
    assert compare(CASE, old, new, tmp_path / "three").verdict == "equal"
    other = make_tree(tmp_path / "c", number=2)
    assert compare(CASE, old, other, tmp_path / "four").verdict == "differs"


def test_a_command_that_fails_and_a_room_from_elsewhere_are_failures(tmp_path):
    old, new = make_tree(tmp_path / "a"), make_tree(tmp_path / "b")
    failed = compare(Case("no", ("say fail",)), old, new, tmp_path / "one")
    assert failed.verdict == "failed"
    assert failed.errors["old"].endswith("exit 1: chisel: that is wrong")
    main_file = new.root / "cli/main.py"
    installed = f"sys.path.append({str(old.root)!r})\nimport numbers_ as number\n"
    main_file.write_text(
        main_file.read_text().replace("import chisel.numbers_ as number", installed)
    )
    failed = compare(CASE, old, new, tmp_path / "two")
    assert list(failed.errors) == ["new"]
    assert "numbers_ was loaded from" in failed.errors["new"]


def test_revisions_are_compared_in_worktrees_that_are_gone_afterwards(
    tmp_path, monkeypatch, capsys
):
    git = shutil.which("git")
    if git is None:
        pytest.skip("needs git")
    root = tmp_path / "project"
    make_tree(root)

    def run(*words):
        settings = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run([git, "-C", root, *settings, *words], check=True, capture_output=True)

    run("init")
    run("add", "-A")
    run("commit", "-m", "one")
    (root / "numbers_/__init__.py").write_text("NUMBER = 2\n")
    run("commit", "-am", "two")
    monkeypatch.setattr(same_results, "HERE", root)
    monkeypatch.setattr(same_results, "cases", lambda pattern="*": [CASE])
    told = tmp_path / "told.json"
    assert main(["HEAD~1", str(root), "--json", str(told), "--keep", str(tmp_path / "kept")]) == 1
    (one,) = json.loads(told.read_text())["cases"]
    assert one["verdict"] == "differs"
    assert one["differences"] == [
        {"file": "out/found.json", "key": "number", "old": "1", "new": "2"}
    ]
    assert "out/found.json number" in " ".join(capsys.readouterr().out.split())
    assert (tmp_path / "kept/new/say/out/found.json").is_file()
    assert main(["HEAD", str(root)]) == 0
    assert len(run("worktree", "list").stdout.splitlines()) == 1
    with pytest.raises(SystemExit, match="give a revision, or the folder"):
        main(["nothing-of-that-name"])
