"""Tables of what torch's functions and modules do to units.

Functions have the names of `Op.name`: torch's names without leading and trailing underscores, such
as `relu` for `relu_` and `iadd` for `__iadd__`.
"""

from __future__ import annotations

from torch import nn

MOVING = frozenset(
    {
        *("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "transpose"),
        *("swapaxes", "swapdims", "permute", "movedim", "moveaxis", "t", "get", "adjoint"),
        *("expand", "expand_as", "repeat", "tile", "chunk", "split", "split_with_sizes"),
        *("tensor_split", "unbind", "getitem", "select", "narrow", "index_select", "cat"),
        *("concat", "concatenate", "stack", "hstack", "vstack", "roll", "flip", "pad"),
        *("view_as", "reshape_as", "repeat_interleave"),
    }
)
"""Functions that only move numbers; `get` reads an attribute such as `T`."""

MAY_SHARE = MOVING | {"contiguous", "to", "float", "type_as", "dropout", "detach", "requires_grad"}
"""Functions whose result may share memory with their argument."""

ELEMENTWISE = frozenset(
    {
        *("add", "sub", "rsub", "radd", "mul", "rmul", "div", "truediv", "rtruediv"),
        *("true_divide", "neg", "abs", "square", "pow", "rpow", "sqrt", "rsqrt", "exp"),
        *("log", "log1p", "expm1", "sin", "cos", "erf", "sigmoid", "tanh", "relu", "relu6"),
        *("leaky_relu", "prelu", "elu", "celu", "selu", "gelu", "silu", "mish", "softplus"),
        *("softsign", "hardtanh", "hardsigmoid", "hardswish", "logsigmoid", "tanhshrink"),
        *("threshold", "rrelu", "dropout", "dropout1d", "dropout2d", "dropout3d"),
        *("feature_dropout", "alpha_dropout", "feature_alpha_dropout", "where", "lerp"),
        *("clamp", "clip", "clamp_min", "clamp_max", "maximum", "minimum", "masked_fill"),
        *("nan_to_num", "addcmul", "addcdiv", "reciprocal", "clone", "contiguous", "to"),
        *("float", "double", "half", "bfloat16", "type", "type_as", "iadd", "isub", "imul"),
        *("itruediv", "tril", "triu", "requires_grad", "round", "floor", "ceil"),
    }
)
"""Functions that compute each number from the numbers at the same place, with broadcasting."""

POOLING = {f"{kind}_pool{d}d": d for kind in ("max", "avg", "lp") for d in (1, 2, 3)} | {
    f"adaptive_{kind}_pool{d}d": d for kind in ("max", "avg") for d in (1, 2, 3)
}
CONVOLUTIONS = {f"conv{d}d": d for d in (1, 2, 3)}
TRANSPOSED = {f"conv_transpose{d}d": d for d in (1, 2, 3)}
SPATIAL = POOLING | CONVOLUTIONS | TRANSPOSED
"""Functions of data `[B, channels, …]`, with the number of their spatial dimensions."""

NORMS = ("batch_norm", "instance_norm", "group_norm", "layer_norm", "rms_norm")
LAYERS = frozenset({"linear", "addmm", "embedding", *CONVOLUTIONS, *TRANSPOSED, *NORMS})
"""Functions with weights."""

UNITS_LAST = {"linear", "addmm", "matmul", "bmm", "embedding", "layer_norm", "rms_norm"} | {
    "multi_head_attention_forward",
    "scaled_dot_product_attention",
}
"""Functions whose units are on the last axis of what they return."""
UNITS_FIRST = {"batch_norm", "group_norm", "instance_norm", *SPATIAL}
"""Functions whose units are on axis 1 of what they return."""

WEIGHT_AXES = {"linear": -1, "conv2d": 1}
"""Functions with a weight `[out, in, …]`, and the axis of units in their input and output."""

KEEPS_ZERO = {
    *("relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "tanh", "abs"),
    *("dropout", "dropout1d", "dropout2d", "neg", "square", "to", "float", "contiguous", "clone"),
    *("max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "detach"),
}
"""Functions that compute unit `u` from unit `u` alone, and return 0 for 0."""
CHANGES_ZERO = {"sigmoid", "softplus", "exp"}
"""Functions that compute unit `u` from unit `u` alone, and return another number for 0."""
UNITWISE = KEEPS_ZERO | CHANGES_ZERO | {"add", "sub", "mul", "div", "site"}
"""Functions that compute unit `u` from unit `u` of their arguments alone."""

KEEPS_ZERO_MODULES = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish),
    *(nn.Tanh, nn.Identity, nn.Dropout, nn.Dropout2d, nn.MaxPool2d, nn.AvgPool2d),
    *(nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d),
)
"""Modules that compute unit (or channel) `u` from unit `u` alone, and return 0 for 0."""
ELEMENTWISE_MODULES = (*KEEPS_ZERO_MODULES, nn.Softplus, nn.Sigmoid, nn.Hardtanh)
"""Modules that compute unit (or channel) `u` from unit `u` alone."""
REARRANGING_MODULES = (nn.Flatten, nn.Unflatten, nn.PixelShuffle, nn.PixelUnshuffle)
"""Modules that move units to another axis or change their number."""
