"""Runs that version 0.1 trained can be evaluated, studied and started from, but not resumed.

`recorded/` holds one small run of each algorithm as version 0.1 (commit 97e89d9) left it: a maze
agent of PPO, a gridworld agent of AUP, a routed agent of REINFORCE in diamond and ghost, and a
group of two seeds of an autoencoder.
"""

import json
import shutil
from pathlib import Path

import pytest

from chisel import configs, models
from chisel.analysis import studies
from chisel.cli.main import main

RECORDED = Path(__file__).parent / "recorded"
ALGORITHMS = ["ppo", "aup", "reinforce", "autoencoder"]
AUP_SETTINGS = (
    "model.name=impala model.channels=[2,2,2] model.hidden=4 frames=768 env.num_envs=4 "
    "algo.num_steps=32 algo.num_minibatches=2 algo.update_epochs=1 algo.aux.steps=512 "
    "algo.aux.num=3 algo.aux.hidden=8 algo.aux.exploring=0.5 algo.aux.replay=64 "
    "algo.aux.updates=2 algo.aux.batch_size=16 trainer.checkpoint_every=100 trainer.keep_last=1"
)


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """Copies a recorded run to `runs/ALGORITHM` of a folder, in which the test then is."""
    monkeypatch.chdir(tmp_path)

    def copy(algorithm, to=None):
        return shutil.copytree(RECORDED / algorithm, to or f"runs/{algorithm}")

    return copy


def member(run):
    """The run itself, or the first seed of a group."""
    return min(Path(run).glob("seed-*"), default=Path(run))


def checkpoint_of(run):
    (file,) = member(run).glob("checkpoints/*.ckpt")
    return models.read_checkpoint(file)["chisel"]


def files(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


@pytest.mark.parametrize("algorithm", ["ppo", "aup", "reinforce", "autoencoder"])
def test_the_config_of_a_run_and_of_its_checkpoint_convert_to_the_same(algorithm):
    saved = checkpoint_of(RECORDED / algorithm)
    assert saved["format"] == 1
    assert "data" in saved["config"], "recorded by version 0.1"
    of_checkpoint = configs.from_plain(saved["config"])
    of_folder = configs.load(str(member(RECORDED / algorithm) / "config.yaml"))
    assert of_folder == of_checkpoint


def test_every_old_option_keeps_its_value():
    ppo, aup, autoencoder = (
        configs.load(str(member(RECORDED / name) / "config.yaml"))
        for name in ("ppo", "aup", "autoencoder")
    )
    assert ppo.env.levels.set_size == 64
    assert ppo.corpus is None
    assert aup.algo.aux.exploring == 0.5
    assert autoencoder.experiment == "digits/halves"
    assert autoencoder.corpus == configs.DigitsConfig()


EVALUATED = {
    "ppo": (["eval.levels=2"], "studies/eval/eval.json"),
    "reinforce": (["eval.levels=8", "eval.num_envs=4"], "studies/eval/eval.json"),
    "autoencoder": ([], "studies/eval/eval.json"),
}


@pytest.mark.parametrize("algorithm", ["ppo", "reinforce", "autoencoder"])
def test_it_is_evaluated_and_compared(algorithm, recorded):
    run = recorded(algorithm)
    settings, result = EVALUATED[algorithm]
    assert main(["eval", str(run), *settings]) == 0
    assert json.loads((Path(run) / result).read_text())
    assert main(["compare", str(run), "out=compared"]) == 0
    assert (Path("compared") / "compare.json").is_file()


STUDIES = {
    "ppo": ["vector-field", "levels=1"],
    "reinforce": ["leaks", "steps=1"],
}


@pytest.mark.parametrize("algorithm", ["ppo", "reinforce"])
def test_it_is_studied(algorithm, recorded):
    run = recorded(algorithm)
    name, *settings = STUDIES[algorithm]
    assert main(["study", name, f"checkpoint={run}", *settings, "out=studied"]) == 0
    assert list(Path("studied").glob("*.json"))


@pytest.mark.parametrize(
    "study",
    [
        ["localization", "frames=256", "batch=32", "points=1", "levels=8", "controls=0"],
        ["relearning", "region=ghost", "frames=256", "points=1", "levels=8", "controls=0"],
    ],
    ids=lambda study: study[0],
)
def test_a_study_that_plays_or_trains_on_from_its_checkpoint_is_run(study, recorded):
    run = recorded("reinforce")
    name, *settings = study
    assert main(["study", name, f"checkpoint={run}", *settings, "out=studied"]) == 0


def test_auxiliary_values_that_aup_learnt_are_read_by_the_study_that_measures_them(recorded):
    """A finished run of version 0.1 is found under the new names of its settings."""
    recorded("aup", "runs/gridworld/aup-ppo/options-seed-3")
    folder = studies.run(
        "aup-learned",
        worlds="options",
        seeds="3",
        experiments="aup-ppo",
        settings=AUP_SETTINGS,
        train=False,
    )
    (penalties,) = json.loads((folder / "aup-learned.json").read_text())["penalties"]
    assert penalties["pairs"] > 0


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_new_run_starts_from_its_weights_and_is_of_this_version(algorithm, recorded):
    run = member(recorded(algorithm))
    settings = ["name=new", f"init_from={run}", "runs_dir=new", "trainer.max_minutes=1e-9"]
    assert main(["train", f"{run}/config.yaml", *settings]) == 0
    (new,) = Path("new").rglob("checkpoints/*.ckpt")
    saved = models.read_checkpoint(new)["chisel"]
    assert saved["format"] == models.FORMAT
    assert "corpus" in saved["config"]
    assert not saved["config"].keys() & {"data"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("settings", [[], ["frames=9999"]])
def test_to_resume_it_is_refused_and_changes_nothing(algorithm, settings, recorded, capsys):
    run = recorded(algorithm)
    before = files(run)
    assert main(["resume", str(run), *settings]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "resume the run with version 0.1, or start a new one" in line
    assert f"init_from={member(run)}" in line
    assert files(run) == before


def test_the_command_that_the_refusal_names_is_accepted(recorded, capsys):
    main(["resume", str(recorded("reinforce"))])
    _, command, _ = capsys.readouterr().err.split("`")
    assert main(["check", *command.split()[2:]]) == 0
