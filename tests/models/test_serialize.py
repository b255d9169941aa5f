"""Torn, flipped, hostile or unwritable checkpoints never cost more than one interval of
training."""

import contextlib
import errno
import hashlib
import os
import pickle
import random
import subprocess
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from chisel.configs import CheckpointError
from chisel.models import latest_valid, prune, read_checkpoint, write_checkpoint
from chisel.models import serialize as serialize


def payload(iteration=1, size=400):
    generator = torch.Generator().manual_seed(iteration)
    return {
        "state_dict": OrderedDict(w=torch.randn(size, generator=generator), step=torch.tensor(3)),
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{}]}],
        "chisel": {
            "iteration": iteration,
            "ranks": [{"env": {"blob": bytes(range(256)), "big": 2**127 + 1, "none": None}}],
            "nan": float("inf"),
            "text": "λ",
            "shape": (1, 2.5, True),
        },
    }


def write(folder, *iterations):
    paths = [folder / f"iter-{i:08d}.ckpt" for i in iterations]
    for i, path in zip(iterations, paths, strict=True):
        write_checkpoint(path, payload(i))
    return paths


def refuse(_):
    raise AssertionError("no warning expected")


def assert_equal(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_equal(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_equal(x, y)
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    else:
        assert a == b


def test_a_checkpoint_reads_back_as_it_was_written(tmp_path):
    path = tmp_path / "deep" / "iter-00000001.ckpt"
    digest = write_checkpoint(path, payload())
    assert_equal(read_checkpoint(path), payload())
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name, path.name + ".sha256"]


def test_sha256sum_confirms_the_sidecar(tmp_path):
    (path,) = write(tmp_path, 1)
    done = subprocess.run(["sha256sum", "-c", path.name + ".sha256"], cwd=tmp_path, check=False)
    assert done.returncode == 0


def test_a_hundred_byte_flips_and_ten_truncations_are_all_noticed(tmp_path):
    good, newest = write(tmp_path, 3, 4)
    original = newest.read_bytes()
    rng = random.Random(0)
    damaged = []
    for _ in range(100):
        torn = bytearray(original)
        torn[rng.randrange(len(torn))] ^= rng.randrange(1, 256)
        damaged.append(bytes(torn))
    damaged += [original[: rng.randrange(len(original))] for _ in range(10)]
    for data in damaged:
        newest.write_bytes(data)
        warnings = []
        assert latest_valid(tmp_path, warnings.append) == good
        (warning,) = warnings
        assert newest.name in warning
        assert good.name in warning
        with pytest.raises(CheckpointError, match="damaged"):
            read_checkpoint(newest)


def test_no_valid_checkpoint_is_an_error_that_names_the_damaged_ones(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        latest_valid(tmp_path, refuse)
    for path in write(tmp_path, 1, 2):
        path.write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"iter-00000002\.ckpt, iter-00000001\.ckpt"):
        latest_valid(tmp_path, refuse)


def test_a_missing_digest_is_not_trusted(tmp_path):
    good, newest = write(tmp_path, 1, 2)
    newest.with_name(newest.name + ".sha256").unlink()
    warnings = []
    assert latest_valid(tmp_path, warnings.append) == good
    assert newest.name in warnings[0]
    with pytest.raises(CheckpointError, match="no digest beside it"):
        read_checkpoint(newest)


def test_temporary_and_foreign_files_are_never_selected(tmp_path):
    (path,) = write(tmp_path, 7)
    for name in (".iter-00000009.ckpt.tmp", "iter-00000009.ckpt.tmp", "iter-x.ckpt", "last.ckpt"):
        (tmp_path / name).write_bytes(path.read_bytes())
    assert latest_valid(tmp_path, refuse) == path


def test_newest_is_by_number_not_by_name_or_time(tmp_path):
    late, _ = write(tmp_path, 100_000_000, 99_999_999)
    assert latest_valid(tmp_path, refuse) == late


class TornFile:
    """Takes half of what is written, then the disk is full."""

    def __init__(self, file, error):
        self.file, self.error = file, error

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.file.close()

    def write(self, data):
        self.file.write(data[: len(data) // 2])
        raise self.error


def failing(original, after, error, broken=None):
    """Call `original` for `after` calls; then raise, or return `broken` of its result."""
    calls = {"n": 0}

    def call(*args, **kwargs):
        calls["n"] += 1
        if calls["n"] <= after:
            return original(*args, **kwargs)
        if broken is None:
            raise error
        return broken(original(*args, **kwargs), error)

    return call


FAULTS = [("mkdir", 0)] + [(m, n) for m in ("open", "write", "replace") for n in (0, 1)]
FAULTS += [("fsync", n) for n in range(4)]


@pytest.mark.parametrize(("moment", "after"), FAULTS)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("target", [2, 1])
def test_a_disk_fault_is_an_error_and_a_whole_checkpoint_stays(
    tmp_path, monkeypatch, moment, after, code, target
):
    (previous,) = write(tmp_path, 1)
    error = OSError(code, os.strerror(code))
    with monkeypatch.context() as patch:
        if moment == "mkdir":
            patch.setattr(Path, "mkdir", failing(Path.mkdir, after, error))
        elif moment in ("open", "write"):
            broken = TornFile if moment == "write" else None
            patch.setattr(serialize, "open", failing(open, after, error, broken), raising=False)
        else:
            patch.setattr(os, moment, failing(getattr(os, moment), after, error))
        with pytest.raises(CheckpointError, match=os.strerror(code)):
            write_checkpoint(tmp_path / f"iter-{target:08d}.ckpt", payload(9))
    found = read_checkpoint(latest_valid(tmp_path, refuse))
    assert_equal(found, payload(found["chisel"]["iteration"]))
    if target == 2:
        assert_equal(read_checkpoint(previous), payload(1))
    assert not list(tmp_path.glob("*tmp*"))


class Killed(BaseException):
    """Stands in for SIGKILL: nothing may catch it."""


@pytest.mark.parametrize("kill_at", range(12))
@pytest.mark.parametrize("target", [1, 2])
def test_killed_at_any_system_call_a_valid_checkpoint_remains(
    tmp_path, monkeypatch, kill_at, target
):
    (previous,) = write(tmp_path, 1)
    count = {"n": 0}

    def dying(original):
        def call(*args, **kwargs):
            count["n"] += 1
            if count["n"] > kill_at:
                raise Killed
            return original(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", dying(os.fsync))
        patch.setattr(os, "replace", dying(os.replace))
        with contextlib.suppress(Killed):
            write_checkpoint(tmp_path / f"iter-{target:08d}.ckpt", payload(9))
    chosen = latest_valid(tmp_path, refuse)
    assert_equal(read_checkpoint(chosen), payload(read_checkpoint(chosen)["chisel"]["iteration"]))
    write_checkpoint(previous, payload(1))
    assert_equal(read_checkpoint(previous), payload(1))
    prune(tmp_path, keep_last=5)
    assert not list(tmp_path.glob("*tmp*"))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (np.float64(0.5), "numpy.float64"),
        (np.zeros(2), "numpy.ndarray"),
        (Path("x"), "Path"),
        (torch.nn.Linear(1, 1), "Linear"),
        (pickle.dumps, "function"),
    ],
)
def test_values_that_would_not_load_again_are_refused_when_writing(tmp_path, value, name):
    with pytest.raises(CheckpointError) as refused:
        write_checkpoint(tmp_path / "iter-00000001.ckpt", {"a": [{"b": value}]})
    assert "['a'][0]['b']" in str(refused.value)
    assert name in str(refused.value)
    assert not list(tmp_path.iterdir())


class Bomb:
    """Makes a file when unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


class State:
    """Runs code when its state is set."""

    def __init__(self, marker):
        self.marker = marker

    def __setstate__(self, state):
        open(state["marker"], "w").close()


def hostile(kind, marker):
    bomb = Bomb(marker)
    module = torch.nn.Linear(1, 1)
    module.bomb = bomb
    array = np.empty(1, dtype=object)
    array[0] = bomb
    return {
        "state": {"state_dict": {"w": bomb}},
        "hparams": {"state_dict": {}, "hyper_parameters": {"lr": bomb}},
        "callback": {"state_dict": {}, "callbacks": {"c": State(marker)}},
        "object array": {"state_dict": {"w": array}},
        "whole module": module,
    }[kind]


@pytest.mark.parametrize("kind", ["state", "hparams", "callback", "object array", "whole module"])
def test_hostile_pickles_are_refused_and_nothing_is_executed(tmp_path, kind):
    marker = tmp_path / "executed"
    path = tmp_path / "iter-00000001.ckpt"
    torch.save(hostile(kind, marker), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (tmp_path / f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")
    with pytest.raises(CheckpointError, match="refused to load") as refused:
        read_checkpoint(path)
    assert len(str(refused.value).splitlines()) == 1
    assert not marker.exists()
    torch.load(path, weights_only=False)
    assert marker.exists(), "the file would have done harm"


def test_prune_keeps_the_newest_and_every_nth(tmp_path):
    write(tmp_path, *range(1, 11))
    (tmp_path / ".iter-00000099.ckpt.tmp").write_bytes(b"torn")
    deleted = prune(tmp_path, keep_last=2, keep_every=4)
    left = [4, 8, 9, 10]
    assert [serialize.iteration_of(p) for p in deleted] == [1, 2, 3, 5, 6, 7]
    names = {f"iter-{i:08d}.ckpt" for i in left}
    assert {p.name for p in tmp_path.iterdir()} == names | {n + ".sha256" for n in names}
    assert prune(tmp_path, keep_last=10) == []


def test_pruning_everything_is_a_programming_error(tmp_path):
    with pytest.raises(ValueError, match="keep_last"):
        prune(tmp_path, keep_last=0)
