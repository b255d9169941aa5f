"""RMU draws the middle of a model to one vector on what is to be forgotten, and nowhere else."""

import torch

from chisel.models.language import GPT, GPTSize
from chisel.trainers.studies.unlearning import unlearned

FORGET = torch.tensor([[0, 1, 1, 1, 1, 0], [0, 1, 2, 1, 1, 0]])
RETAIN = torch.tensor([[0, 3, 3, 4, 4, 0], [0, 4, 3, 4, 3, 0]])


def stream(model, tokens):
    found = []
    handle = model.blocks[0].register_forward_hook(lambda m, i, out: found.append(out.detach()))
    model(tokens[:, :-1])
    handle.remove()
    return found[0]


def test_the_stream_moves_to_one_vector_on_what_is_forgotten_and_stays_on_the_rest():
    model = GPT(GPTSize(2, 16, 2, 6, 5, 32), torch.Generator().manual_seed(0)).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    changed = unlearned(model, FORGET, RETAIN, steps=300, rate=1e-2, norm=3.0)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    moved = [name for name, p in changed.named_parameters() if not torch.equal(p, before[name])]
    assert moved == ["blocks.0.mlp.proj.weight"]
    gone = (stream(changed, FORGET) - stream(model, FORGET)).norm()
    stayed = (stream(changed, RETAIN) - stream(model, RETAIN)).norm()
    assert stayed < 0.2 * gone
    again = unlearned(model, FORGET, RETAIN, steps=300, rate=1e-2, norm=3.0)
    assert all(
        torch.equal(p, q) for p, q in zip(changed.parameters(), again.parameters(), strict=True)
    )
