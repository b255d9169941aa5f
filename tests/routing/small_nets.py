"""Small networks of the kinds people route, and random ones."""

import torch
import torch.nn.functional as F
from torch import nn


class Conv1D(nn.Module):
    """A linear layer whose weight is `[in, out]`, as GPT-2's."""

    def __init__(self, nf, nx):
        super().__init__()
        self.nf = nf
        self.weight = nn.Parameter(torch.randn(nx, nf) / nx**0.5)
        self.bias = nn.Parameter(torch.zeros(nf))

    def forward(self, x):
        size = (*x.shape[:-1], self.nf)
        return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(size)


class Attention(nn.Module):
    """Causal attention whose projections are called; `fused` as GPT-2's `c_attn`."""

    def __init__(self, width, heads, fused=False, sdpa=True):
        super().__init__()
        self.heads, self.fused, self.sdpa = heads, fused, sdpa
        if fused:
            self.c_attn = Conv1D(3 * width, width)
        else:
            self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)

    def forward(self, x):
        each = (
            self.c_attn(x).split(x.shape[-1], -1)
            if self.fused
            else (self.q(x), self.k(x), self.v(x))
        )
        q, k, v = (one.view(*x.shape[:2], self.heads, -1).transpose(1, 2) for one in each)
        if self.sdpa:
            z = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            z = torch.softmax(q @ k.transpose(-2, -1), dim=-1) @ v
        return self.out(z.transpose(1, 2).reshape(x.shape))


class Block(nn.Module):
    """A transformer block with a functional activation, sums and an in-place sum."""

    def __init__(self, width, heads, **attention):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, heads, **attention)
        self.fc, self.proj = Conv1D(2 * width, width), Conv1D(width, 2 * width)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        h = self.proj(F.gelu(self.fc(self.norm2(x))))
        h += x
        return h


class TinyGPT(nn.Module):
    """Tokens `[B, T]` to logits `[B, T, V]`; `tied`: the head is the embedding."""

    def __init__(self, vocabulary=11, width=8, heads=2, layers=2, tied=False, **attention):
        super().__init__()
        torch.manual_seed(0)
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(16, width)
        self.blocks = nn.ModuleList(Block(width, heads, **attention) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        if tied:
            self.head.weight = self.wte.weight

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1], device=tokens.device))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class TupleBlock(nn.Module):
    """A block as in Hugging Face's GPT-2: takes hidden states and a mask, and returns a tuple.

    That is the hidden states with the attention weights, or with None.
    """

    def __init__(self, width, heads, weights):
        super().__init__()
        self.weights = weights
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.fc, self.act, self.proj = Conv1D(2 * width, width), nn.GELU(), Conv1D(width, 2 * width)

    def forward(self, x, mask):
        read = self.norm1(x)
        z, weights = self.attn(read, read, read, attn_mask=mask)
        x = x + z
        x = x + self.proj(self.act(self.fc(self.norm2(x))))
        return (x, weights) if self.weights else (x, None)


class TupleGPT(nn.Module):
    """Tokens `[B, T]` to logits `[B, T, V]`, through blocks that return tuples."""

    def __init__(self, vocabulary=11, width=8, heads=2, layers=2, weights=False):
        super().__init__()
        torch.manual_seed(0)
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(16, width)
        self.blocks = nn.ModuleList(TupleBlock(width, heads, weights) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens):
        count = tokens.shape[1]
        mask = torch.full((count, count), float("-inf")).triu(1)
        x = self.wte(tokens) + self.wpe(torch.arange(count))
        for block in self.blocks:
            x, _ = block(x, mask)
        return self.head(self.norm(x))


class RandomNet(nn.Module):
    """Layers in a random order with skips, functional activations, slices and in-place sums.

    Vectors `[B, 6]`, or tokens `[B, T, 6]`, in and out.
    """

    WIDTH = 6

    def __init__(self, seed, depth=5):
        super().__init__()
        torch.manual_seed(seed)
        draw = torch.Generator().manual_seed(seed)
        choose = lambda n: int(torch.randint(n, (1,), generator=draw))  # noqa: E731  # a short word
        makers = (
            lambda: nn.Linear(self.WIDTH, self.WIDTH),
            lambda: Conv1D(self.WIDTH, self.WIDTH),
            lambda: nn.LayerNorm(self.WIDTH),
            lambda: nn.Linear(self.WIDTH, self.WIDTH, bias=False),
            nn.Tanh,
            nn.Identity,
        )
        self.layers = nn.ModuleList(makers[choose(len(makers))]() for _ in range(depth))
        self.ways = [choose(6) for _ in range(depth)]
        self.from_ = [choose(n + 1) for n in range(depth)]
        self.last = nn.Linear(self.WIDTH, self.WIDTH)

    def forward(self, x):
        seen = [x]
        for layer, way, index in zip(self.layers, self.ways, self.from_, strict=True):
            h, skip = layer(seen[-1]), seen[index]
            if way == 0:
                h = torch.tanh(h)
            elif way == 1:
                h = h + skip
            elif way == 2:
                h = h.clone() if isinstance(layer, nn.Tanh | nn.Identity) else h
                h += skip  # in place, where backward does not need what is overwritten
            elif way == 3:
                h = torch.cat([h[..., :3], F.silu(h[..., 3:])], -1)
            elif way == 4:
                h = h * torch.sigmoid(skip)
            seen.append(h)
        return self.last(seen[-1])
