"""Routed REINFORCE has the gradient of the paper's three routes, and runs go on to the bit."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from chisel import configs, envs, models, trainers
from chisel.models import build, read_checkpoint, spaces_of
from chisel.trainers.onpolicy.reinforce import build_reinforce
from chisel.trainers.routed.labels import UNFINISHED, UNKNOWN


def module_of(name, *overrides):
    config = configs.load(name, ["env.num_envs=8", *overrides])
    env = envs.make(config.env, seed=0)
    model = build(config.model, spaces_of(env), seed=0)
    cpu = torch.device("cpu")
    return build_reinforce(config, env, model, rank=0, device=cpu, about={})


def batch(count=60, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.tensor([0, 1, UNKNOWN, UNFINISHED])
    return {
        "obs": torch.randint(0, 2, (count, 5, 5, 4), generator=generator, dtype=torch.uint8),
        "actions": torch.randint(0, 4, (count,), generator=generator),
        "returns": torch.randn(count, generator=generator),
        "labels": labels[torch.randint(0, 4, (count,), generator=generator)],
    }


def loss_of_the_paper(model, data):
    """Three combined outputs, each with its own stop-gradients, chosen by the episode's label."""
    image = data["obs"].permute(0, 3, 1, 2).float()
    experts, gate = model.embedder.experts, model.embedder.gate_net(image)[:, :1]
    diamond, ghost, share = experts.diamond(image), experts.ghost(image), torch.sigmoid(gate)
    held = share.detach()
    outputs = {
        0: held * diamond + (1 - held) * ghost.detach(),
        1: held * diamond.detach() + (1 - held) * ghost,
        -1: share * diamond + (1 - share) * ghost,
    }
    values = model.critic(image).squeeze(1)
    total, labels = 0.0, data["labels"].clamp(min=-1)
    for label, output in outputs.items():
        mine = labels == label
        log_probs = torch.log_softmax(model.fc_policy(output[mine]), dim=1)
        chosen = log_probs.gather(1, data["actions"][mine, None]).squeeze(1)
        advantage = (data["returns"] - values.detach())[mine]
        entropy = -(log_probs.exp() * log_probs).sum(1)
        total += mine.float().mean() * (-chosen * advantage - 0.1 * entropy).mean()
    known = labels >= 0
    to_diamond = (labels[known] == 0).float()
    teach = F.binary_cross_entropy_with_logits(gate[known, 0], to_diamond)
    return total + 0.5 * (values - data["returns"]).square().mean() + 0.01 * teach


def test_the_gradient_is_that_of_the_papers_three_routes():
    module, data = module_of("oversight/routed"), batch()
    loss = module.training_step(data, 0)
    loss.backward()
    found = {name: p.grad.clone() for name, p in module.model.named_parameters()}
    module.model.zero_grad()
    module.routes.router.clear()
    expected = loss_of_the_paper(module.model, data)
    expected.backward()
    torch.testing.assert_close(loss, expected)
    for name, parameter in module.model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-4, atol=1e-7, msg=name)


def test_without_rules_the_unrouted_network_has_the_plain_gradient():
    module, data = module_of("oversight/unrouted", "routing.gate_coef=0"), batch()
    module.training_step(data, 0).backward()
    found = {name: p.grad.clone() for name, p in module.model.named_parameters()}
    module.model.zero_grad()
    module.routes.router.clear()
    logits, values = module.model(data["obs"].permute(0, 3, 1, 2))
    log_probs = torch.log_softmax(logits, 1)
    advantage = data["returns"] - values.detach()
    chosen = log_probs.gather(1, data["actions"][:, None]).squeeze(1)
    loss = -(chosen * advantage).mean() + 0.1 * (log_probs.exp() * log_probs).sum(1).mean()
    (loss + 0.5 * (values - data["returns"]).square().mean()).backward()
    for name, parameter in module.model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-4, atol=1e-7, msg=name)


def test_filtering_keeps_overseen_ends_time_outs_and_what_has_not_ended():
    module = module_of("oversight/filtered")
    module.routes.begin(0)
    facts = {
        "outcome": np.array([1, 2, 2, 1, 0, 0, 0, 0]),
        "overseen": np.array([True, True, False, False, False, False, False, False]),
    }
    ended = np.array([True] * 5 + [False] * 3)
    module.routes.labels.note(1, {"episode": facts, "_episode": ended})
    columns = {"dones": torch.zeros(2, 8, dtype=torch.bool)}
    module.routes.finish(columns, module)
    assert columns["weights"].tolist() == [[1, 1, 0, 0, 1, 1, 1, 1]] * 2


@pytest.mark.parametrize("name", ["routed", "filtered", "naive"])
def test_a_resumed_run_ends_with_the_same_bits(name, tmp_path):
    quick = [
        "env.num_envs=16",
        "trainer.progress=false",
        "trainer.checkpoint_every=2",
        "trainer.keep_every=null",
        "tracking.mode=disabled",
        f"runs_dir={tmp_path}",
        "name=one",
    ]
    whole = trainers.train(configs.load(f"oversight/{name}", [*quick, f"frames={16 * 32 * 6}"]))
    parts = [*quick[:-1], "name=two", f"frames={16 * 32 * 4}"]
    halved = trainers.train(configs.load(f"oversight/{name}", parts))
    trainers.resume(halved, [f"frames={16 * 32 * 6}"])
    newest = (models.latest_valid(run / "checkpoints", print) for run in (whole, halved))
    states = [read_checkpoint(file) for file in newest]
    for key, value in states[0]["state_dict"].items():
        assert torch.equal(value, states[1]["state_dict"][key]), key
    for key in ("collector", "labels"):
        one, two = (state["chisel"]["ranks"][0][key] for state in states)
        assert str(one) == str(two)
