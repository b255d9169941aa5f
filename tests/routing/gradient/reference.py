"""Routed gradients the slow way: one example at a time, in the detach form, written from the paper.

An activation `h` becomes `m h + (1 - m) sg(h)` (Cloud et al. 2024); the gradient of a weight is
scaled row by row and column by column before it is summed over examples.
"""

from collections import OrderedDict

import torch
from torch import nn
from torch.func import functional_call, grad, vmap


class Residual(nn.Module):
    """With a sum of two paths, so that a mask on one lets the other pass."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, groups=2)
        self.relu = nn.ReLU()

    def forward(self, x):
        return x + self.relu(self.conv(x))


def mixed_net(seed=0, dtype=torch.float64):
    """Convolutions of every geometry, a residual sum, a flatten, linear layers; 4 classes."""
    torch.manual_seed(seed)
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 6, 3, stride=2, padding=1),
            relu1=nn.ReLU(),
            res=Residual(6),
            conv2=nn.Conv2d(6, 8, (3, 2), padding=(2, 1), dilation=(2, 1), bias=False),
            tanh=nn.Tanh(),
            conv3=nn.Conv2d(8, 4, 3, padding="same", padding_mode="circular"),
            relu3=nn.ReLU(),
            pool=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            fc=nn.Linear(4 * 3 * 3, 10),
            relu4=nn.ReLU(),
            head=nn.Linear(10, 4),
        )
    ).to(dtype)


def images(count=7, dtype=torch.float64, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 12, 10, generator=generator, dtype=dtype)


def weight_of(options, labels, example, region):
    """The weight of one example in one region, looked up in the config."""
    names, unlabelled = list(options["rules"]), options.get("unlabelled", {})
    if not labels.is_floating_point():
        label = int(labels[example])
        row = unlabelled if label < 0 else options["rules"][names[label]]
        return row.get(region, 1.0)
    shares = labels[example].tolist()
    weight = (1 - sum(shares)) * unlabelled.get(region, 1.0)
    for share, name in zip(shares, names, strict=True):
        weight += share * options["rules"][name].get(region, 1.0)
    return weight


def mask_of(options, labels, size, chosen):
    """Factors `[B, size]`; `chosen` says which parts count and which of the units they are."""
    mask = torch.ones(len(labels), size, dtype=torch.float64)
    for region, parts in options["regions"].items():
        for part in parts:
            for unit in chosen(part):
                for example in range(len(labels)):
                    mask[example, unit] = weight_of(options, labels, example, region)
    return mask


def reference_gradients(model, options, labels, inputs, loss):
    """Gradients of `Σ_b loss(model(x_b), b)` by parameter name; parts have lists of units."""
    everything = [part for parts in options["regions"].values() for part in parts]
    factors = {}
    for part in everything:
        if part.get("at", "output") != "parameters":
            place = (part["module"], part.get("at", "output"), part.get("axis", 1))
            factors[place] = mask_of(
                options,
                labels,
                part["size"],
                lambda p, at=place: p["units"] if _place(p) == at else (),
            )
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def one(parameters, x, number, factors):
        handles = [
            _detach_form(model.get_submodule(name), at, axis, factor)
            for (name, at, axis), factor in factors.items()
        ]
        try:
            return loss(functional_call(model, parameters, (x.unsqueeze(0),))[0], number)
        finally:
            for handle in handles:
                handle.remove()

    numbers = torch.arange(len(labels))
    gradients = vmap(grad(one), in_dims=(None, 0, 0, 0))(parameters, inputs, numbers, factors)
    for name in parameters:
        module, _, kind = name.rpartition(".")
        layer = model.get_submodule(module)
        if not isinstance(layer, nn.Linear | nn.Conv2d):
            continue
        rows = mask_of(options, labels, len(parameters[name]), lambda p, m=module: _rows(p, m))
        gradients[name] *= rows.view(*rows.shape, *[1] * (parameters[name].dim() - 1))
        if kind == "weight":
            gradients[name] *= _columns_factor(options, labels, layer, module)
    return {name: gradient.sum(0) for name, gradient in gradients.items()}


def _place(part):
    return part["module"], part.get("at", "output"), part.get("axis", 1)


def _rows(part, module):
    return part["units"] if part.get("at") == "parameters" and part["module"] == module else ()


def _columns_factor(options, labels, layer, module):
    """`[B, out, in / groups, …]`."""
    conv = isinstance(layer, nn.Conv2d)
    inputs = layer.in_channels if conv else layer.in_features

    def columns(part):
        if module not in part.get("consumers", ()):
            return ()
        run = inputs // part["size"]
        return [unit * run + place for unit in part["units"] for place in range(run)]

    factor = mask_of(options, labels, inputs, columns)
    if not conv:
        return factor.unsqueeze(1)
    outputs, group = layer.weight.shape[:2]
    by_row = [row // (outputs // layer.groups) for row in range(outputs)]
    per_row = [factor[:, number * group : (number + 1) * group] for number in by_row]
    return torch.stack(per_row, dim=1)[..., None, None]


def _detach_form(module, at, axis, factor):
    def masked(h):
        shape = [1] * h.dim()
        shape[axis] = -1
        m = factor.view(shape)
        return m * h + (1 - m) * h.detach()

    if at == "input":
        return module.register_forward_pre_hook(lambda module, args: (masked(args[0]),))
    return module.register_forward_hook(lambda module, args, output: masked(output))
