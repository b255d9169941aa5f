"""Bad input ends with exit code 2 and one line that says what would be right."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from chisel.cli.main import main

HEAVY = ("torch", "lightning", "wandb", "gymnasium", "trainers", "analysis", "models", "envs")

QUICK = ("train", "maze/quick")
BATCH = (*QUICK, "env.num_envs=64", "algo.num_steps=128")
SIZES = (*QUICK, "env.levels.max_size=9")

CASES: dict[str, tuple[tuple[str, ...], str, str]] = {
    # what is wrong: (arguments, full key or word that is named, what would be right)
    "unknown key": ((*QUICK, "algo.learning_rat=1"), "algo.learning_rat", "algo.learning_rate?"),
    "key of another group": ((*QUICK, "gamma=0.9"), "unknown key gamma", "algo.gamma?"),
    "unknown nested key": (
        (*QUICK, "env.levels.set_sze=5"),
        "env.levels.set_sze",
        "env.levels.set_size?",
    ),
    "unknown group": ((*QUICK, "trainr.devices=1"), "trainr", "trainer?"),
    "part of an option": ((*QUICK, "seed.x=1"), "seed", "a whole number"),
    "option for a group": ((*QUICK, "env.levels=5"), "env.levels", "env.levels.start"),
    "component as a word": ((*QUICK, "env=maze"), "env", "env.name=maze"),
    "group emptied": ((*QUICK, "trainer=null"), "trainer", "trainer.accelerator"),
    "unknown component": ((*QUICK, "model.name=impalla"), "model.name = impalla", "'impala'?"),
    "component removed": ((*QUICK, "algo=null"), "algo is missing", "algo.name"),
    "text for a number": ((*QUICK, "algo.gamma=high"), "algo.gamma = high", "a number"),
    "fraction for a count": ((*QUICK, "seed=3.7"), "seed = 3.7", "a whole number"),
    "number for a switch": ((*QUICK, "algo.anneal_lr=2"), "algo.anneal_lr = 2", "true or false"),
    "null where required": ((*QUICK, "frames=null"), "frames = null", "a whole number"),
    "unknown choice": ((*QUICK, "env.mode=esay"), "env.mode = esay", "'easy'?"),
    "words in a list": ((*QUICK, "model.channels=[a,b,c]"), "model.channels", "[16, 32, 32]"),
    "list too short": ((*QUICK, "model.channels=[16,32]"), "model.channels", "3 blocks"),
    "zero in a list": ((*QUICK, "model.channels=[16,0,32]"), "model.channels = 0", "at least 1"),
    "negative rate": ((*QUICK, "algo.learning_rate=-1"), "algo.learning_rate = -1", "above 0"),
    "discount above one": ((*QUICK, "algo.gamma=1.5"), "algo.gamma = 1.5", "at most 1"),
    "not a number": ((*QUICK, "algo.ent_coef=nan"), "algo.ent_coef = nan", "at least 0"),
    "infinite": ((*QUICK, "algo.max_grad_norm=inf"), "algo.max_grad_norm = inf", "above 0"),
    "zero target": ((*QUICK, "algo.target_kl=0"), "algo.target_kl", "above 0"),
    "negative seed": ((*QUICK, "seed=-1"), "seed = -1", "at least 0"),
    "batch not divisible": ((*BATCH, "algo.num_minibatches=7"), "algo.num_minibatches", "so 4?"),
    "environments not divisible": ((*BATCH, "trainer.devices=3"), "env.num_envs = 64", "so 66?"),
    "less than an iteration": ((*BATCH, "frames=100"), "frames = 100", "frames=8192"),
    "even size": ((*QUICK, "env.levels.max_size=8"), "env.levels.max_size = 8", "so 9?"),
    "size beyond the mode": ((*QUICK, "env.levels.max_size=21"), "max_size = 21", "env.mode=hard"),
    "sizes crossed": ((*SIZES, "env.levels.min_size=11"), "env.levels.min_size", "at most"),
    "split without a level set": (
        (*QUICK, "env.levels.set_size=0"),
        "env.levels.split",
        "levels.set_size=10000",
    ),
    "bank beyond its seeds": (
        (*QUICK, "env.levels.num=10"),
        "env.levels.set_size",
        "env.levels.num",
    ),
    "region beyond the world": ((*QUICK, "env.region=16"), "env.region = 16", "15 cells"),
    "region without effect": (
        (*QUICK, "env.cheese=stock", "env.region=3"),
        "env.region",
        "env.cheese=region",
    ),
    "visuals without pixels": (
        (*QUICK, "env.use_backgrounds=false"),
        "env.use_backgrounds",
        "env.observation=pixels",
    ),
    "clip without normalising": (
        (*QUICK, "algo.norm_reward=false", "algo.reward_clip=5"),
        "algo.reward_clip",
        "algo.norm_reward=true",
    ),
    "kept checkpoints never made": (
        (*QUICK, "trainer.checkpoint_every=10", "trainer.keep_every=15"),
        "trainer.keep_every",
        "so 20?",
    ),
    "name with a slash": ((*QUICK, "name=a/b"), "name = 'a/b'", "letters"),
    "name that climbs": ((*QUICK, "name=.."), "name = '..'", "letters"),
    "word without a value": ((*QUICK, "seed"), "seed", "key=value"),
    "option with dashes": ((*QUICK, "--algo.gamma=0.9"), "--algo.gamma=0.9", "algo.gamma=0.9"),
    "dashes and no value": ((*QUICK, "--seed"), "--seed", "seed=VALUE"),
    "spaces around =": ((*QUICK, "seed =", "3"), "3", "without spaces"),
    "word after a setting": ((*QUICK, "seed=1", "frames"), "frames", "frames=VALUE"),
    "no value": ((*QUICK, "name="), "name=", "name=null"),
    "given twice": ((*QUICK, "seed=1", "seed=2"), "seed", "once"),
    "group and part": ((*QUICK, "trainer=1", "trainer.devices=1"), "trainer.devices", "group"),
    "interpolation": ((*QUICK, "name=${oc.env:HOME}"), "name = ${oc.env:HOME}", "write the value"),
    "broken list": ((*QUICK, "tracking.tags=[a"), "tracking.tags", "expected ','"),
    "alias": ((*QUICK, "seed=*a"), "seed", "write the value out"),
    "code in a value": ((*QUICK, "name=!!python/name:os.system ''"), "name", "write a plain value"),
    "experiment set": ((*QUICK, "experiment=x"), "experiment", "name of the file"),
    "seeds that are words": ((*QUICK, "seed=0,one"), "seed = one", "with seed=one"),
    "a seed twice": ((*QUICK, "seed=1,1"), "seed=1,1", "twice"),
    "one of the seeds": ((*QUICK, "seed=0,-1"), "seed = -1", "at least 0"),
    "unknown experiment": (("train", "maze/quik"), "'maze/quik'", "'maze/quick'?"),
    "missing file": (("train", "maze/quick.yaml"), "maze/quick.yaml", "'maze/quick'?"),
    "no experiment": (("train",), "EXPERIMENT", "chisel train EXPERIMENT"),
    "two experiments": (("check", "maze/quick", "maze/easy"), "maze/easy", "one EXPERIMENT"),
    "unknown command": (("trian", "maze/quick"), "'trian'", "'train'?"),
    "no command": (("maze/quick",), "maze/quick", "chisel train maze/quick"),
    "too much": (("list", "envs"), "envs", "takes no arguments"),
}

FILES: dict[str, tuple[str, str, str]] = {
    # what is wrong: (YAML, what is named, what would be right)
    "duplicate key": ("seed: 1\nseed: 2\n", "'seed'", "line 2"),
    "nested duplicate": ("env:\n  region: 1\n  region: 2\n", "'region'", "line 3"),
    "alias bomb": (
        "a: &a [x, x]\n" + "".join(f"{n}: &{n} [*{o}, *{o}]\n" for o, n in pairwise("abcdefghi")),
        "line 2",
        "write the value out",
    ),
    "too deep": ("a: " + "[" * 5000 + "]" * 5000, "wrong.yaml", "nested too deeply"),
    "not a mapping": ("- seed\n- 1\n", "wrong.yaml", "keys and values"),
    "empty": ("", "wrong.yaml", "keys and values"),
    "tab indentation": ("env:\n\tname: maze\n", "wrong.yaml", "line 2"),
    "two documents": ("seed: 1\n---\nseed: 2\n", "wrong.yaml", "document"),
    "control character": ("seed: \x01\n", "wrong.yaml", "readable"),
    "code": ("seed: !!python/object/apply:os.system [ls]\n", "wrong.yaml", "line 1"),
    "dotted key": ("env.region: 3\n", "env.region", "nested keys"),
    "no environment": ("seed: 1\n", "env is missing", "maze"),
    "no name": ("env:\n  region: 3\n", "env.name is missing", "maze"),
    "unknown key in a file": ("extends: maze/quick\nsed: 3\n", "sed", "seed?"),
    "extends itself": ("extends: wrong.yaml\n", "wrong.yaml", "extends itself"),
    "extends nothing": ("extends: maze/quikc\n", "'maze/quikc'", "'maze/quick'?"),
    "extends two": ("extends: [maze/quick, maze/easy]\n", "wrong.yaml", "one experiment"),
    "contradicts itself": (
        "extends: maze/quick\nenv:\n  cheese: stock\n  region: 3\n",
        "env.region",
        "env.cheese=region",
    ),
}


@pytest.fixture
def light(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, in a process where importing anything heavy fails."""
    monkeypatch.chdir(tmp_path)
    for module in HEAVY:
        monkeypatch.setitem(sys.modules, module, None)
    return tmp_path


def refused(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a refused command prints."""
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    return line


@pytest.mark.parametrize("case", CASES)
def test_bad_arguments_are_refused_in_one_line(
    case: str, light: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, named, right = CASES[case]
    line = refused(arguments, capsys)
    assert named in line
    assert right in line
    assert list(light.iterdir()) == []


@pytest.mark.parametrize("case", FILES)
def test_bad_files_are_refused_in_one_line(
    case: str, light: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, named, right = FILES[case]
    (light / "wrong.yaml").write_text(text)
    line = refused(("train", "wrong.yaml"), capsys)
    assert named in line
    assert right in line
    assert list(light.iterdir()) == [light / "wrong.yaml"]


def test_files_that_are_no_text_are_refused(
    light: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (light / "bytes.yaml").write_bytes(b"\xff\xfe\x00\x01")
    (light / "large.yaml").write_bytes(b"#" * 200_000)
    assert "UTF-8" in refused(("check", "bytes.yaml"), capsys)
    assert "100,000 bytes" in refused(("check", "large.yaml"), capsys)


def test_a_missing_file_is_compared_with_its_neighbours(
    light: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (light / "mine.yaml").write_text("extends: maze/quick\n")
    assert "did you mean 'mine.yaml'?" in refused(("train", "mien.yaml"), capsys)


@pytest.mark.parametrize("arguments", [("algo.gama=1",), ("--seed=1",)])
def test_the_command_itself_refuses_without_torch_or_a_traceback(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    code = (
        "import sys; from chisel.cli.main import main; code = main();"
        "print([m for m in ('torch', 'lightning', 'numpy') if m in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "train", "maze/quick", *arguments],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (2, "[]")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
