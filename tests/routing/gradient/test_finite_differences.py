"""Routed gradients are derivatives: of a network whose routed-away branches are frozen.

Gradcheck of the routed network itself must fail by design. The surrogate replaces a routed
activation `h` by `m h + (1 - m) h₀`, and what a routed layer computes by
`W₀ x + r ⊙ ((W - W₀)(c ⊙ x₀) + b - b₀) + b₀`, with all `₀` frozen at the point of differentiation.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from chisel import routing

W = {"first": [1.0, 0.0], "second": [-0.75, 1.0], "third": [0.3, 0.5]}
LABELS = torch.tensor([0, 1, 2, -1, 1, 0])
REGIONS = {
    "a": [
        {"module": "relu", "units": "0:2"},
        {"module": "conv2", "at": "parameters", "units": "0:2", "consumers": ["fc"]},
    ],
    "b": [
        {"module": "relu", "units": "2:4"},
        {"module": "fc", "at": "parameters", "units": "1,3"},
    ],
}
OPTIONS = {
    "regions": REGIONS,
    "rules": {name: dict(zip("ab", row, strict=True)) for name, row in W.items()},
    "unlabelled": {"a": 0.25},
}
BY_EXAMPLE = torch.tensor([*W.values(), [0.25, 1.0]], dtype=torch.float64)[LABELS]
A, B = BY_EXAMPLE.T.unsqueeze(-1)
ONE = torch.ones_like(A)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 5, 3, padding=1)
        self.relu = nn.Softplus()
        self.conv2 = nn.Conv2d(5, 3, 3, stride=2)
        self.fc = nn.Linear(12, 4)

    def forward(self, x):
        return self.fc(torch.tanh(self.conv2(self.relu(self.conv1(x)))).flatten(1))


def layer(linear, x, frozen_x, weights, frozen, rows, columns):
    weight, bias = weights
    weight0, bias0 = frozen
    kept = linear(x, weight0, bias0)
    return kept + rows * linear(columns * frozen_x, weight - weight0, bias - bias0)


class Surrogate:
    """The same network with the branches frozen where it was first called."""

    def __init__(self, parameters):
        self.frozen = [p.detach().clone() for p in parameters]
        self.seen = None

    def __call__(self, x, parameters):
        (w1, b1, w2, b2, w3, b3), (_, _, w20, b20, w30, b30) = parameters, self.frozen
        h = F.softplus(F.conv2d(x, w1, b1, padding=1))
        first, h0 = self.seen is None, h.detach() if self.seen is None else self.seen[0]
        m = torch.cat([A, A, B, B, ONE], 1)[..., None, None]
        h = m * h + (1 - m) * h0
        rows = torch.cat([A, A, ONE], 1)[..., None, None]
        h2 = layer(
            lambda x, w, b: F.conv2d(x, w, b, stride=2), h, h0, (w2, b2), (w20, b20), rows, ONE[0]
        )
        z = torch.tanh(h2).flatten(1)
        z0 = z.detach() if first else self.seen[1]
        rows, columns = torch.cat([ONE, B, ONE, B], 1), torch.cat([A] * 8 + [ONE] * 4, 1)
        if first:
            self.seen = (h0, z0)
        return layer(F.linear, z, z0, (w3, b3), (w30, b30), rows, columns)


def loss(output):
    return (
        (output * torch.linspace(0.5, 2, output.numel(), dtype=torch.float64).view_as(output))
        .square()
        .sum()
    )


@pytest.fixture
def point():
    torch.manual_seed(0)
    model = Net().double()
    x = torch.randn(6, 2, 6, 6, dtype=torch.float64)
    return model, x


def test_the_routed_gradient_is_the_surrogates_derivative(point):
    model, x = point
    router = routing.attach(model, OPTIONS)
    with router.labels(LABELS):
        output = model(x)
        loss(output).backward()
    parameters = [p.detach() for p in model.parameters()]
    surrogate = Surrogate(parameters)
    torch.testing.assert_close(surrogate(x, parameters), output, rtol=1e-12, atol=1e-12)
    step = 1e-6
    for parameter, routed in zip(parameters, model.parameters(), strict=True):
        flat = parameter.view(-1)
        for place in range(0, len(flat), max(1, len(flat) // 40)):
            middle = flat[place].item()
            ends = []
            for sign in (1, -1):
                flat[place] = middle + sign * step
                ends.append(loss(surrogate(x, parameters)))
            flat[place] = middle
            slope = (ends[0] - ends[1]) / (2 * step)
            torch.testing.assert_close(routed.grad.view(-1)[place], slope, rtol=1e-6, atol=1e-6)
