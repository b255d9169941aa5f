"""Studies that train take a run that is there only if it was trained as they ask."""

import pytest

from chisel import configs, models
from chisel.configs import ConfigError
from chisel.trainers.runs import run, rundir
from chisel.trainers.studies.runs import (
    is_finished,
    measure_runs,
    require_same,
    run_folder,
    split_settings,
)

SMALL = ["frames=1024", "env.num_envs=16", "model.hidden=16", "trainer.checkpoint_every=1"]
QUIET = ["trainer.progress=false", "tracking.mode=disabled", "name=a"]


def config(folder, *settings):
    changed = {one.partition("=")[0] for one in settings}
    rest = [one for one in [*SMALL, *QUIET] if one.partition("=")[0] not in changed]
    return configs.load("oversight/routed", [*rest, *settings, f"runs_dir={folder}"])


def recorded(config):
    """The folder of a run of which there is the config alone."""
    run_folder(config).mkdir(parents=True)
    rundir.write_config(run_folder(config), config)
    return run_folder(config)


def trained(config, **options):
    """The folder of a run that is measured."""
    (found,) = measure_runs({"a": [config]}, lambda folder: folder, **options)["a"]
    return found


def test_settings_are_split_as_a_shell_does():
    assert split_settings("a=1 'b=[1, 2]'  c=") == ["a=1", "b=[1, 2]", "c="]
    with pytest.raises(ConfigError, match="settings=a='1: No closing quotation"):
        split_settings("a='1")


@pytest.mark.parametrize(
    ("setting", "there"),
    [
        ("algo.learning_rate=0.01", "0.0005"),
        ("algo.gamma=0.5", "0.97"),
        ("seed=9", "0"),
        ("frames=4096", "1024"),
        ("frames=512", "1024"),
        ("env.max_steps=20", "32"),
        ("model.hidden=32", "16"),
        ("routing.freeze=true", "false"),
        ("trainer.keep_every=2", "15"),
        ("trainer.precision=bf16-mixed", "32-true"),
        ("eval.levels=3", None),
    ],
)
def test_a_run_of_other_settings_is_refused_with_both_values_and_what_to_type(
    tmp_path, setting, there
):
    folder = recorded(config(tmp_path))
    with pytest.raises(ConfigError) as error:
        require_same(config(tmp_path, setting))
    said = str(error.value)
    key = setting.partition("=")[0]
    assert f"{folder} was trained with other settings: {key}={there or ''}" in said
    assert f", not {setting}; another folder, runs_dir=FOLDER" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    "setting",
    [
        "name=b",
        "tracking.mode=offline",
        "tracking.mode=offline tracking.tags=[a,b]",
        "trainer.progress=true",
        "trainer.threads=2",
        "trainer.max_minutes=5",
    ],
)
def test_settings_that_say_nothing_of_what_was_trained_may_differ(tmp_path, setting):
    asked = config(tmp_path / "moved", *setting.split())
    run_folder(asked).mkdir(parents=True)
    rundir.write_config(run_folder(asked), config(tmp_path))
    require_same(asked)


def test_weights_to_start_from_are_the_same_however_their_path_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recorded(config("runs", "init_from=runs/x"))
    for same in ("runs/x", f"{tmp_path}/runs/x", "runs/../runs/x"):
        require_same(config("runs", f"init_from={same}"))
    for other in ("runs/y", "null"):
        with pytest.raises(ConfigError, match=r"init_from=runs/x, not init_from="):
            require_same(config("runs", f"init_from={other}"))


def test_a_run_that_was_cut_short_is_gone_on_with_and_is_none_before_its_end(tmp_path):
    short = config(tmp_path, "trainer.max_minutes=1e-6")
    with pytest.raises(ConfigError, match="is not finished; the same command goes on"):
        trained(short)
    assert not is_finished(short)
    folder = trained(config(tmp_path))
    assert folder == run_folder(short)
    assert models.load_agent(folder).env_steps == 1024
    files = {file: file.stat().st_mtime_ns for file in folder.glob("checkpoints/*")}
    assert trained(short) == folder
    assert {file: file.stat().st_mtime_ns for file in folder.glob("checkpoints/*")} == files


def test_a_run_that_is_gone_on_with_keeps_the_threads_that_it_began_with(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "choose_threads", lambda: 2)
    with pytest.raises(ConfigError, match="is not finished"):
        trained(config(tmp_path, "trainer.threads=null", "trainer.max_minutes=1e-6"))
    monkeypatch.setattr(run, "choose_threads", lambda: 3)
    folder = trained(config(tmp_path, "trainer.threads=null"))
    assert rundir.read_config(folder).trainer.threads == 2


def test_nothing_is_trained_if_any_run_was_trained_with_other_settings(tmp_path):
    recorded(config(tmp_path, "name=b"))
    plans = {"a": [config(tmp_path)], "b": [config(tmp_path, "name=b", "seed=3")]}
    with pytest.raises(ConfigError, match="seed=0, not seed=3"):
        measure_runs(plans, lambda folder: folder)
    assert not run_folder(config(tmp_path)).exists()


def test_without_training_nothing_is_made_and_no_run_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=f"runs_dir={tmp_path}: no runs there; train=true"):
        trained(config(tmp_path), train=False)
    assert not list(tmp_path.iterdir())
