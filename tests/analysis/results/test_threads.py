"""Torch gets the cores that nothing else keeps busy, and its threads are restored afterwards."""

import os

import pytest
import torch

from chisel.analysis.results import choose_threads, threads, torch_threads
from chisel.configs import ConfigError


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Pretend a machine: its cores, those that this process may use, and /proc/loadavg."""
    before = torch.get_num_threads()

    def pretend(cores, usable, load, assigned=False):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        monkeypatch.setattr(os, "cpu_count", lambda: cores)
        monkeypatch.setattr(threads.joblib, "cpu_count", lambda: usable)
        allowed = range(usable if assigned else cores)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(allowed), raising=False)
        monkeypatch.setattr(threads, "_LOAD", tmp_path / "loadavg")
        if load is not None:
            (tmp_path / "loadavg").write_text(load)
        torch.set_num_threads(cores)

    yield pretend
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("cores", "usable", "load", "expected"),
    [
        (8, 8, "0.20 1.00 9.00 1/300 4242\n", 8),  # idle
        (8, 8, "3.10 1.00 1.00 6/300 4242\n", 5),  # others keep three cores busy
        (8, 8, "6.00 6.00 6.00 2/300 4242\n", 7),  # what made the load has ended, but for one task
        (2, 2, "9.50 8.00 5.00 12/300 4242\n", 1),  # crowded
        (64, 4, "10.00 9.00 9.00 11/900 4242\n", 4),  # a container's quota; 54 cores idle
        (64, 4, "62.00 9.00 9.00 70/900 4242\n", 2),  # a container's quota; 2 cores idle
    ],
)
def test_torch_gets_the_cores_that_others_leave(machine, capsys, cores, usable, load, expected):
    machine(cores, usable, load)
    assert choose_threads() == expected
    said = capsys.readouterr().err
    assert said.startswith(f"note: torch threads: {expected} ({usable} cores, load ")
    assert said.count("\n") == 1
    assert "threads=N" in said


def test_cores_assigned_to_this_process_count_whatever_runs_on_the_others(machine):
    machine(64, 8, "64.00 64.00 64.00 80/900 4242\n", assigned=True)
    assert choose_threads() == 8


def test_a_machine_without_proc_is_asked_for_its_load(machine, monkeypatch):
    machine(8, 8, None)
    monkeypatch.setattr(os, "getloadavg", lambda: (5.0, 0.0, 0.0))
    assert choose_threads() == 3
    monkeypatch.delattr(os, "getloadavg")
    assert choose_threads() == 8


def test_a_smaller_number_that_torch_was_given_holds(machine):
    machine(8, 8, "0.00 0.00 0.00 1/300 4242\n")
    torch.set_num_threads(3)
    assert choose_threads() == 3


def test_a_number_given_in_the_environment_holds_and_nothing_is_said(machine, monkeypatch, capsys):
    machine(8, 8, "8.00 8.00 8.00 9/300 4242\n")
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert choose_threads() == 8
    assert not capsys.readouterr().err


def test_what_runs_within_a_choice_keeps_it(machine, capsys):
    machine(8, 8, "8.00 8.00 8.00 9/300 4242\n")
    with torch_threads(6):
        assert choose_threads() == torch.get_num_threads() == 6
        assert not capsys.readouterr().err
    assert choose_threads() == 1


def test_threads_are_restored_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(ConfigError), torch_threads(before + 2), torch_threads(before + 1):
        raise ConfigError(str(torch.get_num_threads()))
    assert torch.get_num_threads() == before
