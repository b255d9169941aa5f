"""Routes of language models: our GPT, transformers' GPT-2 with its `Conv1D`, and Llama.

Gradients of heads, units and token positions outside a label's regions are exactly 0, and what a
region alone owns keeps its bytes however long the other label is learnt.
"""

import pytest
import torch
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from chisel import routing
from chisel.models.language import GPT, GPTSize

VOCABULARY, LENGTH = 20, 10


def gpt():
    size = GPTSize(2, 16, 2, LENGTH, VOCABULARY, 32)
    return GPT(size, torch.Generator().manual_seed(0))


def gpt2():
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=LENGTH,
        n_embd=16,
        n_layer=2,
        n_head=2,
        n_inner=32,
        use_cache=False,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )
    return GPT2LMHeadModel(config)


def llama():
    """Both heads of queries share one of keys and values."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=LENGTH,
        use_cache=False,
        bos_token_id=0,
        eos_token_id=0,
    )
    return LlamaForCausalLM(config)


PLACES = {
    gpt: ("blocks.*.mlp.proj", "blocks.*.attn.proj"),
    gpt2: ("transformer.h.*.mlp.c_proj", "transformer.h.*.attn.c_proj"),
    llama: ("model.layers.*.mlp.down_proj", "model.layers.*.self_attn.o_proj"),
}
"""By network, the layers that read an MLP's units and the heads."""
OWNED = {
    gpt: ("attn.qkv.weight", "attn.qkv.bias", "mlp.fc.weight", "mlp.fc.bias"),
    gpt2: ("attn.c_attn.weight", "attn.c_attn.bias", "mlp.c_fc.weight", "mlp.c_fc.bias"),
    llama: ("self_attn.q_proj.weight", "mlp.gate_proj.weight", "mlp.up_proj.weight"),
}
"""By network, the parameters of each block that a region's units and head have for themselves."""
RULES = {"one": {"second": 0.0}, "two": {"first": 0.0}}


def routed(make):
    """A network whose two regions have half of the units and one of the two heads each."""
    model = make()
    units, heads = PLACES[make]
    halves = {"first": ("0:16", "0:8"), "second": ("16:32", "8:16")}
    regions = {
        name: [
            {"module": units, "at": "input", "units": mine},
            {"module": heads, "at": "input", "units": head},
        ]
        for name, (mine, head) in halves.items()
    }
    return model, routing.attach(model, {"regions": regions, "rules": RULES}, example=tokens(2))


def tokens(count, seed=0):
    return torch.randint(VOCABULARY, (count, LENGTH), generator=torch.Generator().manual_seed(seed))


def loss(model, batch):
    """The mean loss of the next tokens; outputs of transformers have their logits by name."""
    found = model(batch)
    logits = getattr(found, "logits", found)
    return F.cross_entropy(logits[:, :-1].transpose(1, 2), batch[:, 1:])


@pytest.mark.parametrize("make", PLACES)
def test_a_region_owns_its_units_and_its_head_in_every_block(make):
    _, router = routed(make)
    found = {
        (name.split(".", 2)[2] if make is gpt else name.split(".", 3)[3])
        for name, by_region in router.owned().items()
        if {"first", "second"} <= set(by_region)
    }
    assert found == set(OWNED[make])


@pytest.mark.parametrize("make", PLACES)
def test_gradients_outside_a_labels_regions_are_exactly_0(make):
    model, router = routed(make)
    batch = tokens(4)
    for label, mine, other in ((0, "first", "second"), (1, "second", "first")):
        model.zero_grad()
        with router.labels(torch.full((4,), label)):
            loss(model, batch).backward()
        for name, by_region in router.owned().items():
            gradient = model.get_parameter(name).grad
            assert not gradient[by_region[other]].any(), name
            assert gradient[by_region[mine]].any(), name


@pytest.mark.parametrize("make", PLACES)
def test_gradients_of_a_batch_with_labels_are_those_of_its_examples(make):
    model, router = routed(make)
    batch, labels = tokens(6), torch.tensor([0, 1, -1, 1, 0, 0])
    with router.labels(labels):
        loss(model, batch).backward()
    whole = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    for n in range(len(batch)):
        with router.labels(labels[n : n + 1]):
            (loss(model, batch[n : n + 1]) / len(batch)).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, whole[name], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("make", PLACES)
def test_at_a_token_of_the_other_label_a_region_gets_exactly_no_gradient(make):
    """Behind the masks, at the places themselves, for each token of each example."""
    model, router = routed(make)
    batch = tokens(3)
    labels = torch.randint(2, batch.shape, generator=torch.Generator().manual_seed(3))
    gradients, handles = {}, []
    for name, module in model.named_modules():
        ends = ("mlp.act", "mlp.act_fn", "mlp.proj", "mlp.c_proj", "mlp.down_proj", "attn.proj")
        if name.endswith((*ends, "attn.c_proj", "self_attn.o_proj")) and "act" not in name:

            def before(module, inputs, name=name):
                inputs[0].register_hook(lambda gradient: gradients.__setitem__(name, gradient))

            handles.append(module.register_forward_pre_hook(before, prepend=True))
    with router.labels(labels):
        loss(model, batch).backward()
    assert len(gradients) == 4
    for name, gradient in gradients.items():
        half = gradient.shape[-1] // 2
        for label, outside in ((0, slice(half, None)), (1, slice(0, half))):
            here = (labels == label)[:, :-1]  # nothing is predicted from the last token
            assert not gradient[:, :-1][here][:, outside].any(), name
            inside = slice(0, half) if label == 0 else slice(half, None)
            assert gradient[:, :-1][here][:, inside].any(), name


@pytest.mark.parametrize("make", PLACES)
@pytest.mark.parametrize("steps", [20, pytest.param(1000, marks=pytest.mark.slow)])
def test_learning_one_label_leaves_what_the_other_alone_owns_to_the_byte(make, steps):
    """Adam's momentum, its moments and weight decay count, too: both labels were learnt before."""
    model, router = routed(make)
    optimizer = routing.RoutedAdam(
        model.named_parameters(),
        lr=1e-2,
        weight_decay=0.1,
        decoupled_weight_decay=True,
        owned=router.owned(),
    )

    def learn(label, seed):
        optimizer.zero_grad()
        with router.labels(torch.full((4,), label)):
            loss(model, tokens(4, seed)).backward()
        optimizer.step()

    for seed in range(4):
        learn(seed % 2, seed)
    before = routing.snapshot(model)
    for seed in range(steps):
        learn(0, 100 + seed)
    moved = routing.moved(model, before, router.owned())
    assert max(moved["second"].values()) == 0
    assert min(moved["first"].values()) > 0
    for name, by_region in router.owned().items():
        kept = by_region["second"]
        assert torch.equal(model.get_parameter(name)[kept], before[name][kept])
