"""Runs are handed to SLURM once, watched, and never started a second time."""

import json
import os
import sys
from pathlib import Path

import pytest

from chisel import configs, trainers
from chisel.cli.main import main
from chisel.configs import ConfigError, SlurmConfig
from chisel.trainers.runs import slurm
from chisel.trainers.runs.members import Member
from chisel.trainers.runs.plans import write_plans

submitit = pytest.importorskip("submitit")

SBATCH = """#!/bin/sh
cp "$1" {home}/script
env > {home}/environment
cat {home}/refusal >&2 && exit 1
number=$(cat {home}/number)
echo $((number + 1)) >{home}/number
echo Submitted batch job $number
"""


@pytest.fixture(autouse=True)
def cluster(tmp_path, monkeypatch):
    """The commands of a SLURM that takes jobs, keeps them in a file, and starts none."""
    home = tmp_path / "cluster"
    home.mkdir()
    for name, text in {
        "sbatch": SBATCH.format(home=home),
        "srun": "#!/bin/sh\n",
        "squeue": f"#!/bin/sh\ncat {home}/queue\n",
    }.items():
        (home / name).write_text(text)
        (home / name).chmod(0o755)
    (home / "queue").write_text("")
    (home / "number").write_text("12")
    monkeypatch.setenv("PATH", str(home), prepend=os.pathsep)
    monkeypatch.setattr(slurm, "POLL_SECONDS", 0.01)
    return home


@pytest.fixture
def grid(tmp_path):
    """A planned grid of five runs: its folder and its runs."""
    plans = configs.load_grid("maze/smoke", ["seed=0,1,2,3,4", "trainer.threads=1"]).runs
    folder = tmp_path / "grid"
    for name in plans:
        (folder / name).mkdir(parents=True)
    write_plans(folder, plans)
    return folder, [Member(name, folder / name, plan) for name, plan in plans.items()]


def watch(members, **options):
    return slurm.SlurmLauncher(SlurmConfig(**options))(members)


def ends(folder, **codes):
    """What the jobs write when their runs end: by job the codes of its runs."""
    for job, ended in codes.items():
        named = {f"seed-{seed}": code for seed, code in ended.items()}
        (folder / f"slurm/{job.removeprefix('job')}.json").write_text(json.dumps(named))


def test_all_runs_are_one_array_of_jobs_with_what_was_asked_for(grid, cluster):
    folder, members = grid
    asked = {"partition": "gpu", "account": "me", "qos": "low", "constraint": "a100|h100"}
    size = {"time": 90, "gpus": "a100:1", "cpus": 6, "mem": "32G", "signal_delay_s": 200}
    events = watch(members, **asked, **size, runs_per_job=2)
    (cluster / "queue").write_text("12_0 RUNNING\n12_1 PENDING\n12_2 PENDING\n")
    assert next(events) == (members[0], None)
    script = (cluster / "script").read_text()
    options = dict(
        line.removeprefix("#SBATCH --").partition("=")[::2]
        for line in script.splitlines()
        if line.startswith("#SBATCH")
    )
    assert options["time"] == "90"
    assert options["array"] == "0-2%3"
    assert options["gpus-per-node"] == "a100:1"
    assert options["cpus-per-task"] == "6"
    assert options["signal"] == "USR2@200"
    assert options["constraint"] == "'a100|h100'"
    assert options["mem"] == "32G"
    assert [options[name] for name in ("partition", "account", "qos")] == ["gpu", "me", "low"]
    assert "requeue" in options
    assert "--cpus-per-task=6" in script.split("srun")[1]
    assert json.loads((folder / "slurm/jobs.json").read_text()) == {
        "12_0": ["seed-0", "seed-1"],
        "12_1": ["seed-2", "seed-3"],
        "12_2": ["seed-4"],
    }


def test_what_is_not_asked_for_is_left_to_the_cluster_but_a_core_for_each_run(grid, cluster):
    next_event = watch(grid[1], runs_per_job=5)
    (cluster / "queue").write_text("12 RUNNING\n")
    next(next_event)
    script = (cluster / "script").read_text()
    assert "--cpus-per-task=5" in script
    for option in ("partition", "account", "qos", "constraint", "gpus", "mem"):
        assert f"--{option}" not in script


def test_starts_and_ends_are_seen_as_slurm_and_the_jobs_files_tell_them(grid, cluster):
    folder, members = grid
    events = watch(members[:3])
    (cluster / "queue").write_text("12_0 RUNNING\n12_1 RUNNING\n12_2 PENDING\n")
    assert [next(events), next(events)] == [(members[0], None), (members[1], None)]
    (members[1].log).write_text("chisel: advantages are not finite\n")
    ends(folder, job12_0={0: 0}, job12_1={1: 4}, job12_2={2: 0})
    (cluster / "queue").write_text("")
    seen = list(events)
    assert seen[0] == (members[2], None)
    outcomes = {one.name: outcome for one, outcome in seen[1:]}
    assert {name: one.code for name, one in outcomes.items()} == {
        "seed-0": 0,
        "seed-1": 4,
        "seed-2": 0,
    }
    assert outcomes["seed-1"].failed
    assert outcomes["seed-1"].message == "advantages are not finite"


def test_a_run_whose_job_is_gone_has_stopped_and_names_the_jobs_log(grid, cluster):
    folder, members = grid
    events = watch(members[:1], time=90)
    (cluster / "queue").write_text("12 RUNNING\n")
    next(events)
    (folder / "slurm/12_0_log.out").write_text("killed")
    (cluster / "queue").write_text("")
    ((_, outcome),) = events
    assert outcome.stopped
    assert "job 12" in outcome.message
    assert "12_0_log.out" in outcome.message
    assert f"chisel resume {folder} launcher=slurm slurm.time=90" in outcome.message


def test_nothing_is_submitted_where_nothing_is_left(cluster):
    assert not list(watch([]))
    assert not (cluster / "script").exists()


def test_a_slurm_that_does_not_answer_for_a_while_changes_nothing(grid, cluster):
    folder, members = grid
    events = watch(members[:1])
    (cluster / "queue").write_text("12 RUNNING\n")
    next(events)
    (cluster / "queue").unlink()
    ends(folder, job12={0: 0})
    ((_, outcome),) = events
    assert outcome.code == 0


def test_runs_that_jobs_still_have_are_watched_and_not_submitted_again(grid, cluster):
    folder, members = grid
    (cluster / "queue").write_text("12_0 RUNNING\n12_1 PENDING\n")  # the third job is gone
    next(watch(members, runs_per_job=2))
    ends(folder, job12_0={0: 4})
    assert next(watch(members))[0] is members[1]
    assert json.loads((folder / "slurm/jobs.json").read_text()) == {
        "12_0": ["seed-0", "seed-1"],
        "12_1": ["seed-2", "seed-3"],
        "12_2": ["seed-4"],
        "13_0": ["seed-0"],
        "13_1": ["seed-4"],
    }


def test_without_the_launcher_they_are_refused_with_what_to_type(grid, cluster, capsys):
    folder, members = grid
    (cluster / "queue").write_text("12 RUNNING\n")
    next(watch(members, runs_per_job=5))
    for words in ([], ["launcher=slurm", "frames=4096"]):
        assert main(["resume", str(folder), *words]) == 2
        err = capsys.readouterr().err
        assert f"5 runs of {folder} are in SLURM's jobs 12" in err
        assert f"chisel resume {folder} launcher=slurm" in err
        assert "scancel 12" in err
    (cluster / "queue").write_text("")
    slurm.refuse_queued(folder)


def test_ctrl_c_ends_the_watching_alone_and_says_how_to_go_on(grid, cluster, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    events = watch(grid[1])
    (cluster / "queue").write_text("".join(f"12_{task} PENDING\n" for task in range(5)))
    monkeypatch.setattr(slurm.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt, match="the jobs go on") as ending:
        next(events)
    assert "scancel 12" in str(ending.value)


def test_what_slurm_refuses_is_one_line_and_takes_no_name(cluster, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (cluster / "refusal").write_text("sbatch: error: invalid partition specified: gqu\n")
    words = ["train", "maze/smoke", "seed=0,1", "name=grid", "trainer.threads=1"]
    assert main([*words, "launcher=slurm", "slurm.partition=gqu"]) == 2
    err = capsys.readouterr().err.splitlines()
    assert err[-1] == "chisel: SLURM refuses the jobs: invalid partition specified: gqu"
    assert not (tmp_path / "runs/maze/smoke/grid").exists()


def test_runs_that_need_a_gpu_are_refused_for_jobs_without_one(cluster, tmp_path, capsys):
    words = ["train", "maze/smoke", "seed=0,1", f"runs_dir={tmp_path}", "trainer.threads=1"]
    assert main([*words, "trainer.accelerator=gpu", "launcher=slurm"]) == 2
    assert "slurm.gpus=1" in capsys.readouterr().err
    assert not (cluster / "script").exists()


def test_jobs_of_this_machine_are_refused_beside_those_of_slurm(capsys):
    assert main(["train", "maze/smoke", "seed=0,1", "jobs=2", "launcher=slurm"]) == 2
    assert "slurm.runs_per_job" in capsys.readouterr().err


def test_one_run_is_a_grid_of_one(cluster, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["train", "maze/smoke", "seed=3", "name=one", "trainer.threads=1", "launcher=slurm"]
    assert main(words) == 143, "SLURM doesn't know the job: it is gone"
    assert json.loads(Path("runs/maze/smoke/one/slurm/jobs.json").read_text()) == {"12": ["seed-3"]}
    assert "chisel resume runs/maze/smoke/one launcher=slurm" in capsys.readouterr().err


def test_jobs_from_within_a_job_take_nothing_over_from_it(grid, cluster, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "3")
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.setenv("SLURM_CONF", "/here/slurm.conf")
    events = watch(grid[1][:1])
    (cluster / "queue").write_text("12 RUNNING\n")
    next(events)
    environment = (cluster / "environment").read_text()
    assert "SLURM_NTASKS" not in environment
    assert "SLURM_CONF=/here/slurm.conf" in environment
    assert os.environ["SLURM_NTASKS"] == "4"


@pytest.mark.parametrize("words", [["train", "maze/smoke"], ["resume", "grid"]])
def test_a_missing_submitit_says_what_to_install(words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid").mkdir(exist_ok=True)
    monkeypatch.setitem(sys.modules, "submitit", None)
    assert main([*words, "launcher=slurm"]) == 2
    assert "[slurm]" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_machine_without_slurm_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="sbatch"):
        trainers.SlurmLauncher(SlurmConfig())
