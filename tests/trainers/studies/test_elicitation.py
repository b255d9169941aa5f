"""An attacker gets back what fine-tuning gives back, and leaves the model as it is."""

from contextlib import contextmanager

import torch

from chisel import routing
from chisel.models.language import GPT, GPTSize
from chisel.trainers.studies.elicitation import elicited

TOKENS = torch.tensor([[0, 1, 2, 3, 0, 0], [0, 3, 2, 1, 1, 0]])
LENGTHS = torch.tensor([5, 6])


def gpt():
    return GPT(GPTSize(1, 16, 2, 6, 4, 32), torch.Generator().manual_seed(0)).eval()


def loss(model):
    with torch.no_grad():
        logits = model(TOKENS[:, :-1])
    predicted = torch.arange(1, 6) < LENGTHS[:, None]
    targets = TOKENS[:, 1:][predicted]
    return {"forget": torch.nn.functional.cross_entropy(logits[predicted], targets).item()}


def attack(model, measure=loss, steps=60, **options):
    return elicited(
        model, TOKENS, LENGTHS, steps=steps, rate=1e-2, seed=0, measure=measure, **options
    )


def test_stories_are_learnt_and_the_model_stays():
    model = gpt()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert attack(model)["forget"] < 0.5 * loss(model)["forget"]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert attack(model) == attack(model)


def test_the_best_measurement_on_the_way_counts():
    values = iter([3.0, 1.0, 0.5, 2.0, 4.0, 9.0])
    found = attack(gpt(), lambda model: {"forget": next(values), "retain": 0.0}, steps=8)
    assert found["forget"] == 0.5


def test_an_ablated_region_stays_ablated_and_its_units_unmoved():
    model, seen = gpt(), []
    regions = routing.resolve(model, {"forget": [{"module": "blocks.0.mlp.act", "units": "0:16"}]})

    @contextmanager
    def without(attacked):
        with routing.ablate(attacked, regions, {"forget": "zero"}):
            yield
        seen.append(attacked)

    attack(model, context=without)
    (attacked,) = seen
    rows = slice(0, 16)
    mine, theirs = (one.blocks[0].mlp.fc for one in (model, attacked))
    decayed = mine.weight[rows] * (1 - 1e-2 * 1e-2) ** 60  # no gradient, but AdamW's decay
    torch.testing.assert_close(theirs.weight[rows], decayed)
    assert not torch.allclose(theirs.weight[16:], mine.weight[16:], rtol=0.05)
