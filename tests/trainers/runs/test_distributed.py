"""Two processes compute what one would on the whole batch."""

import multiprocessing
import os
import socket

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from chisel.trainers.runs.distributed import gather, standardize, sum_over_ranks


def batch():
    return torch.randn(64, generator=torch.Generator().manual_seed(0)) * 3 + 1


def each_rank(rank, port, folder):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    dist.init_process_group("gloo", rank=rank, world_size=2)
    half = batch().chunk(2)[rank]
    torch.save(
        {
            "standardized": standardize(half),
            "sum": sum_over_ranks(half.sum()),
            "gathered": gather({"rank": rank, "values": half.tolist()}),
        },
        folder / f"{rank}.pt",
    )
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.get_context("forkserver").set_forkserver_preload([__name__])
    mp.start_processes(each_rank, args=(port, folder), nprocs=2, start_method="forkserver")
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def test_advantages_are_normalised_over_both_processes(results):
    together = torch.cat([r["standardized"] for r in results])
    torch.testing.assert_close(together, standardize(batch()), rtol=0, atol=1e-6)


def test_sums_and_gathered_values_are_the_same_on_both(results):
    for result in results:
        torch.testing.assert_close(result["sum"], batch().sum())
        assert [part["rank"] for part in result["gathered"]] == [0, 1]
        assert [v for part in result["gathered"] for v in part["values"]] == batch().tolist()


def test_one_process_normalises_as_if_nobody_else_existed():
    values = batch()
    expected = (values - values.mean()) / (values.std() + 1e-8)
    torch.testing.assert_close(standardize(values), expected, rtol=0, atol=1e-6)
