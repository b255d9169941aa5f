"""One process is an ordinary run whatever launchers have left behind; several agree with theirs."""

import os
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch import Trainer

from chisel import configs
from chisel.configs import ConfigError, TrainerConfig
from chisel.trainers.runs.assembly import device_of
from chisel.trainers.runs.launching import OneProcess, process_of
from chisel.trainers.runs.ranks import check_ranks

ONE, TWO = TrainerConfig(), TrainerConfig(devices=2, accelerator="cpu")
TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "job",
    "WORLD_SIZE": "2",
    "RANK": "1",
    "LOCAL_RANK": "1",
    "GROUP_RANK": "0",
}
SLURM = {
    "SLURM_NTASKS": "2",
    "SLURM_NTASKS_PER_NODE": "2",
    "SLURM_JOB_NAME": "train",
    "SLURM_PROCID": "1",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "0",
    "SLURM_STEP_NUM_TASKS": "2",
}
BATCH_SHELL = SLURM | {"SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
del BATCH_SHELL["SLURM_STEP_NUM_TASKS"]
"""What the script of `sbatch --ntasks-per-node=2` has outside srun."""
ALLOCATION = {"SLURM_NTASKS": "2", "SLURM_JOB_NAME": "interactive", "SLURM_NNODES": "1"}
"""What the shell of `salloc --ntasks=2` has."""
JSM = {
    "LSB_JOBID": "1234",
    "JSM_NAMESPACE_RANK": "1",
    "JSM_NAMESPACE_LOCAL_RANK": "1",
    "JSM_NAMESPACE_SIZE": "2",
}
LIGHTNING = {
    "LOCAL_RANK": "1",
    "NODE_RANK": "0",
    "WORLD_SIZE": "2",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29999",
}
ALONE = {"SLURM_NNODES", "SLURM_PTY_PORT", "LOCAL_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"}
KNOWN = sorted({*TORCHRUN, *SLURM, *JSM, *LIGHTNING, *ALONE})


@contextmanager
def environment(variables):
    """Exactly these of the variables that launchers set, and the rank Lightning would take."""
    before = {name: os.environ.pop(name) for name in KNOWN if name in os.environ}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name, None)
        os.environ.update(before)


def outcome(options):
    """The message and no process, or no message and the process."""
    try:
        check_ranks()
        with process_of(options) as process:
            return None, process
    except ConfigError as error:
        return str(error), None


def refused(options):
    said, _ = outcome(options)
    assert said, "it was not refused"
    assert "\n" not in said
    return said


@pytest.fixture
def lsf(tmp_path):
    """LSF's variables and the file of hosts that they name; the first is the batch host."""
    hosts = tmp_path / "hosts"
    name = os.uname().nodename
    hosts.write_text(f"batch\n{name}\n{name}\n")
    return JSM | {"LSB_DJOB_RANKFILE": str(hosts)}


LEFT_BEHIND = [
    {"RANK": "1"},
    {"LOCAL_RANK": "1"},
    {"SLURM_PROCID": "3"},
    {"JSM_NAMESPACE_RANK": "1"},
    {"SLURM_NTASKS": "4", "SLURM_JOB_NAME": "train"},
    {"WORLD_SIZE": "4"},
    {"NODE_RANK": "1", "GROUP_RANK": "x"},
    {"OMPI_COMM_WORLD_RANK": "2"},
    {"SLURM_STEP_NUM_TASKS": "4"},
    BATCH_SHELL,
    BATCH_SHELL | {"SLURM_NTASKS_PER_NODE": "7"},
    ALLOCATION,
    SLURM | {"SLURM_STEP_NUM_TASKS": "1"},
    SLURM | {"SLURM_PROCID": "0", "SLURM_PTY_PORT": "40000"},
    TORCHRUN | {"WORLD_SIZE": "1", "RANK": "0"},
]


@pytest.mark.parametrize("variables", LEFT_BEHIND, ids=lambda v: "+".join(v))
def test_one_device_is_the_first_process_whatever_launchers_left_behind(variables, monkeypatch):
    monkeypatch.setattr(rank_zero_only, "rank", 5)
    with environment(variables):
        with process_of(ONE) as process:
            assert process[:2] == (0, 0)
            assert rank_zero_only.rank == 0
            trainer = Trainer(accelerator="cpu", devices=1, logger=False, plugins=[OneProcess()])
            assert (trainer.global_rank, trainer.local_rank, trainer.world_size) == (0, 0, 1)
            assert trainer.is_global_zero
        assert {name: os.environ.get(name) for name in variables} == variables
    assert rank_zero_only.rank == 5


def torchrun(nodes, per_node, process):
    """What `torchrun --nnodes NODES --nproc-per-node PER_NODE` sets for one of its processes."""
    node, local = divmod(process, per_node)
    return {
        "TORCHELASTIC_RUN_ID": "job",
        "WORLD_SIZE": str(nodes * per_node),
        "RANK": str(process),
        "LOCAL_WORLD_SIZE": str(per_node),
        "LOCAL_RANK": str(local),
        "GROUP_RANK": str(node),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "29999",
    }


def srun(nodes, per_node, process):
    """What `srun --nodes NODES --ntasks-per-node PER_NODE` sets for one of its tasks."""
    node, local = divmod(process, per_node)
    return {
        "SLURM_JOB_NAME": "train",
        "SLURM_NNODES": str(nodes),
        "SLURM_NTASKS": str(nodes * per_node),
        "SLURM_NTASKS_PER_NODE": str(per_node),
        "SLURM_STEP_NUM_TASKS": str(nodes * per_node),
        "SLURM_PROCID": str(process),
        "SLURM_LOCALID": str(local),
        "SLURM_NODEID": str(node),
    }


PLACES = [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)]


@pytest.mark.parametrize("launcher", [torchrun, srun])
@pytest.mark.parametrize("started", PLACES, ids="{0[0]}x{0[1]}-started".format)
@pytest.mark.parametrize("asked", PLACES, ids="{0[0]}x{0[1]}-asked".format)
def test_every_process_is_refused_unless_as_many_run_on_each_machine_as_asked(
    launcher, started, asked
):
    options = TrainerConfig(num_nodes=asked[0], devices=asked[1], accelerator="cpu")
    for process in range(started[0] * started[1]):
        with environment(launcher(*started, process)):
            if started == asked:
                assert outcome(options)[1][:2] == (process, process % asked[1])
            else:
                assert "trainer.devices" in refused(options)


@pytest.mark.parametrize("rank", ["0", "1", "3"])
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("RANK", "WORLD_SIZE"),
        ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
        ("JSM_NAMESPACE_RANK", "JSM_NAMESPACE_SIZE"),
    ],
)
def test_one_device_among_processes_started_together_is_refused_on_each(rank, name, size):
    with environment({name: rank, size: "4"}):
        said = refused(ONE)
    assert "4 processes" in said
    assert "trainer.devices" in said
    assert f"unset {size}" in said


@pytest.mark.parametrize(
    "name", ["RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK", "WORLD_SIZE"]
)
@pytest.mark.parametrize("text", ["", "one", "1.5"])
def test_a_rank_that_is_no_number_is_one_line(name, text):
    with environment({"RANK": "0"} | {name: text}):
        assert name in refused(ONE)


def test_options_of_the_trainer_in_the_environment_are_refused(monkeypatch):
    monkeypatch.setenv("PL_TRAINER_MAX_STEPS", "3")
    assert "PL_TRAINER_MAX_STEPS" in refused(ONE)


@pytest.mark.parametrize("started", [TORCHRUN, SLURM, LIGHTNING, "lsf"], ids=str)
def test_the_second_of_two_processes_knows_its_number_and_device(started, lsf, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    variables = lsf if started == "lsf" else started
    with environment(variables):
        with process_of(TWO) as process:
            assert process[:2] == (1, 1)
            assert rank_zero_only.rank == 1
        assert "MASTER_ADDR" in variables or "MASTER_ADDR" not in os.environ
        config = configs.load("maze/smoke", ["trainer.devices=2"])
        assert device_of(config, process.local_rank) == torch.device("cuda", 1)


def test_without_a_launcher_the_process_that_starts_the_others_is_the_first():
    with environment({}), process_of(TWO) as process:
        assert process[:2] == (0, 0)
        assert not process.environment.creates_processes_externally


def test_in_an_interactive_allocation_lightning_starts_the_processes_itself():
    with environment(ALLOCATION), process_of(TWO) as process:
        assert process[:2] == (0, 0)
        assert not process.environment.creates_processes_externally


CONTRADICTIONS = {
    "a batch script without srun": BATCH_SHELL,
    "fewer tasks in this step": SLURM | {"SLURM_STEP_NUM_TASKS": "1"},
    "fewer devices": TORCHRUN | {"WORLD_SIZE": "4"},
    "one task": SLURM | {"SLURM_NTASKS": "1"},
    "tasks per node unknown": {k: v for k, v in SLURM.items() if k != "SLURM_NTASKS_PER_NODE"},
    "other tasks per node": SLURM | {"SLURM_NTASKS_PER_NODE": "1"},
    "other nodes": SLURM | {"SLURM_NNODES": "2"},
    "no number of the task": {k: v for k, v in SLURM.items() if k != "SLURM_PROCID"},
    "beyond the last": TORCHRUN | {"RANK": "2"},
    "no such device": SLURM | {"SLURM_LOCALID": "2"},
    "a rank without a launcher": {"RANK": "1"},
    "a device without a meeting point": {"LOCAL_RANK": "1"},
    "another node": {"NODE_RANK": "1"},
    "no number": {"NODE_RANK": "x"},
    "another world": LIGHTNING | {"WORLD_SIZE": "3"},
    "no file of hosts": JSM | {"LSB_DJOB_RANKFILE": "/nowhere/hosts"},
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_what_contradicts_the_devices_asked_for_is_one_line(name):
    with environment(CONTRADICTIONS[name]):
        assert "trainer.devices = 2" in refused(TWO)


def test_what_lightning_sets_to_start_processes_is_gone_afterwards():
    with environment({"WORLD_SIZE": "1"}):
        with process_of(TWO):
            os.environ |= {"LOCAL_RANK": "0", "MASTER_PORT": "1"}
            del os.environ["WORLD_SIZE"]
        assert "LOCAL_RANK" not in os.environ
        assert "MASTER_PORT" not in os.environ
        assert os.environ["WORLD_SIZE"] == "1"


@settings(max_examples=150, deadline=None)
@given(
    variables=st.dictionaries(
        st.sampled_from([name for name in KNOWN if name != "LSB_JOBID"]),
        st.sampled_from(["0", "1", "2", "7", "-1", "", "x"]),
    ),
    devices=st.sampled_from([1, 2]),
)
def test_any_variables_give_a_process_of_the_run_or_one_line(variables, devices):
    with environment(variables):
        said, found = outcome(TrainerConfig(devices=devices, accelerator="cpu"))
    if found is None:
        assert said
        assert "\n" not in said
    else:
        assert 0 <= found.rank < devices
        assert 0 <= found.local_rank < devices
