"""The seeds of a group are trained equally long, whatever interrupts them."""

import json
import shutil
import signal

import pytest

from chisel import configs, models, trainers
from chisel.configs import CheckpointError, ConfigError, Stopped
from chisel.trainers.logging.tracking import Tracking
from tests.system.conftest import identical
from tests.system.test_resume_checks import files

QUICK = ["frames=512", "trainer.progress=false", "trainer.threads=1", "name=group"]


def make(folder, *settings, seeds=(0, 1)):
    common = [*QUICK, f"runs_dir={folder}", *settings]
    return [configs.load("maze/smoke", [*common, f"seed={seed}"]) for seed in seeds]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two finished seeds of two iterations; tests must not change them."""
    return trainers.train_seeds(make(tmp_path_factory.mktemp("groups")))


@pytest.fixture
def group(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "runs/maze/smoke/group")


def planned(group):
    return [plain["frames"] for plain in json.loads((group / "group.json").read_text())["runs"]]


def done(group):
    return [
        models.load_agent(member).env_steps if (member / "checkpoints").is_dir() else 0
        for member in sorted(group.glob("seed-*"))
    ]


@pytest.fixture
def interrupted(monkeypatch):
    """Do something, with Ctrl-C in the first iteration of seed 0; what it says."""

    def ends(act):
        log, pressed = Tracking.log, []

        def press(self, *row):
            log(self, *row)
            if not pressed and self.media.parent.name == "seed-0":
                pressed.append(signal.raise_signal(signal.SIGINT))

        with monkeypatch.context() as patch:
            patch.setattr(Tracking, "log", press)
            with pytest.raises(Stopped) as stopped:
                act()
        return str(stopped.value)

    return ends


def test_a_plan_for_more_frames_outlives_an_interruption(group, interrupted):
    said = interrupted(lambda: trainers.resume(group, ["frames=1280"]))
    assert said.endswith(f"`chisel resume {group}`")
    assert (planned(group), done(group)) == ([1280, 1280], [1024, 512])
    trainers.resume(group)
    assert (planned(group), done(group)) == ([1280, 1280], [1280, 1280])
    assert not identical(group / "seed-0", group / "seed-1")
    summary = json.loads((group / "studies/compare/compare.json").read_text())
    assert summary["lines"][0]["last"]["charts/success"]["n"] == 2


def test_a_group_ended_by_ctrl_c_resumes_to_the_bits_of_one_that_was_not(
    trained, tmp_path, interrupted
):
    said = interrupted(lambda: trainers.train_seeds(make(tmp_path)))
    group = tmp_path / "maze/smoke/group"
    assert said.endswith(f"`chisel resume {group}`")
    assert not (group / "seed-1").exists()
    trainers.resume(group)
    assert all(identical(group / f"seed-{seed}", trained / f"seed-{seed}") for seed in (0, 1))


def test_fewer_frames_than_any_seed_has_done_are_refused_and_change_no_file(group):
    trainers.resume(group / "seed-0")
    before = files(group)
    with pytest.raises(ConfigError, match="has done 512"):
        trainers.resume(group, ["frames=256"])
    assert files(group) == before


def test_one_seed_alone_is_not_trained_longer(group):
    before = files(group)
    with pytest.raises(ConfigError, match=r"equally long.*chisel resume .*group frames=1024`"):
        trainers.resume(group / "seed-1", ["frames=1024"])
    assert files(group) == before


def test_a_seed_planned_for_longer_than_its_group_is_named(group):
    """Groups that were resumed when group.json didn't follow."""
    config = configs.load(str(group / "seed-1/config.yaml"), ["frames=1024"])
    (group / "seed-1/config.yaml").write_text(configs.to_yaml(config))
    before = files(group)
    with pytest.raises(ConfigError, match=r"seed-1.*1,024.*frames=1024"):
        trainers.resume(group)
    assert files(group) == before


@pytest.mark.parametrize(
    "text", ["", '{"runs": [{"fra', "[]", "{}", '{"runs": []}', '{"runs": [3]}', "\x00\xff"]
)
def test_a_damaged_plan_is_one_line_and_changes_no_file(text, group):
    (group / "group.json").write_text(text)
    before = files(group)
    with pytest.raises(CheckpointError, match=r"group\.json is damaged") as torn:
        trainers.resume(group)
    assert "\n" not in str(torn.value)
    assert files(group) == before


def test_a_damaged_seed_is_found_before_another_is_trained(group):
    for path in (group / "seed-1/checkpoints").glob("*.ckpt"):
        path.write_bytes(b"torn")
    before = files(group)
    with pytest.raises(CheckpointError, match="seed-1"):
        trainers.resume(group, ["frames=1024"])
    assert files(group) == before


def test_a_finished_group_stays_as_it_is(group):
    before = files(group)
    trainers.resume(group)
    assert files(group) == before


def test_a_group_that_cannot_begin_leaves_its_name_free(tmp_path, trained):
    fork = f"init_from={trained / 'seed-0'}"
    with pytest.raises(CheckpointError):
        trainers.train_seeds(make(tmp_path, fork, "model.hidden=16"))
    assert not (tmp_path / "maze/smoke/group").exists()


def test_seeds_under_a_clusters_variables_are_an_ordinary_group(tmp_path, trained, monkeypatch):
    for name, value in {"SLURM_NTASKS": "4", "SLURM_JOB_NAME": "j", "SLURM_PROCID": "1"}.items():
        monkeypatch.setenv(name, value)
    group = trainers.train_seeds(make(tmp_path, seeds=(1, 0)))
    assert all(identical(group / f"seed-{seed}", trained / f"seed-{seed}") for seed in (0, 1))
