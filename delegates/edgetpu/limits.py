"""Which ops of an ordinary model edgetpu_compiler maps, by what Coral publishes.

From "TensorFlow models on the Edge TPU" (coral.ai/docs/edgetpu/models-intro): 8-bit tensors, static shapes, constant
parameters, only the three innermost dimensions above 1, and the known limitations of each op.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ...graph.model import Graph, Op
from ..base import Verdict, no, shapes_unknown

EVIDENCE = "by the limits that Coral publishes; edgetpu_compiler decides"
MAX_SOFTMAX = 16_000  # elements

Rule = Callable[[Graph, Op], str]  # what of the op is beyond a limit; empty where nothing is


def within(graph: Graph, op: Op) -> Verdict:
    """Whether the published limits let an op be mapped."""
    if op.kind not in RULES:
        return no("kind", op.label, "an op of Coral's list")
    unknown = shapes_unknown(graph, op)
    if not unknown.ok:
        return unknown
    for t in dict.fromkeys((*op.inputs, *op.outputs)):
        if t < 0 or graph.is_constant(t):
            continue
        tensor = graph.tensors[t]
        if tensor.type not in ("INT8", "UINT8") and not (tensor.is_variable and tensor.type == "INT16"):
            return no("type", f"{tensor.name!r} is {tensor.type}", "INT8 or UINT8")
        if any(size > 1 for size in tensor.shape[:-3]):
            return no("rank", f"{tensor.name!r} is {list(tensor.shape)}", "only the three innermost dimensions above 1")
    problem = RULES[op.kind](graph, op)
    return no("limit", problem, "what Coral's table of ops allows") if problem else Verdict(note=EVIDENCE)


def _free(graph: Graph, op: Op) -> str:
    return ""


def _constant(*positions: int) -> Rule:
    """Parameters that have to be part of the model."""

    def rule(graph: Graph, op: Op) -> str:
        for k in positions:
            if k < len(op.inputs) and op.inputs[k] >= 0 and not graph.is_constant(op.inputs[k]):
                return f"{graph.tensors[op.inputs[k]].name!r} is computed, not a constant"
        return ""

    return rule


def _all(*rules: Rule) -> Rule:
    return lambda graph, op: next(filter(None, (rule(graph, op) for rule in rules)), "")


def _no_activation(graph: Graph, op: Op) -> str:
    activation = op.options.get("fused_activation_function", "NONE")
    return "" if activation == "NONE" else f"{activation} is fused"


def _even_dilation(graph: Graph, op: Op) -> str:
    w, h = op.options.get("dilation_w_factor", 1), op.options.get("dilation_h_factor", 1)
    return "" if w == h else f"it is dilated by {h} along y and {w} along x"


def _concatenation(graph: Graph, op: Op) -> str:
    constants = [graph.constant(t) for t in op.inputs if graph.is_constant(t)]
    if constants and (len(op.inputs) != 2 or any(value is None or np.any(value) for value in constants)):
        return "a constant is joined that is not a lone block of zeros"
    return ""


def _fully_connected(graph: Graph, op: Op) -> str:
    layout = op.options.get("weights_format", "DEFAULT")
    if layout != "DEFAULT":
        return f"its weights are laid out as {layout}"
    shape = graph.tensors[op.outputs[0]].shape
    return f"its output is {list(shape)}, not one-dimensional" if any(n > 1 for n in shape[:-1]) else ""


def _axes(graph: Graph, op: Op, position: int) -> set[int]:
    """The axes that an op's input names, from 0 on."""
    value, rank = graph.constant(op.inputs[position]), len(graph.tensors[op.inputs[0]].shape)
    return {int(axis) % rank for axis in value.reshape(-1)} if value is not None and rank else set()


def _batch_kept(graph: Graph, op: Op) -> str:
    """Reductions, of which batches have no part: the batch is the first of four dimensions."""
    return (
        "it reduces over the batch" if len(graph.tensors[op.inputs[0]].shape) == 4 and 0 in _axes(graph, op, 1) else ""
    )


def _mean(graph: Graph, op: Op) -> str:
    shape = graph.tensors[op.inputs[0]].shape
    if len(shape) - 1 in _axes(graph, op, 1) and shape[-1] % 4:
        return f"it reduces over {shape[-1]} channels, not a multiple of four"
    return ""


def _option_axis(name: str) -> Rule:
    """An axis among the options, which must not be the batch's."""

    def rule(graph: Graph, op: Op) -> str:
        rank = len(graph.tensors[op.outputs[0]].shape)
        return "it joins along the batch" if rank == 4 and int(op.options[name]) % rank == 0 else ""

    return rule


def _pad(graph: Graph, op: Op) -> str:
    amounts = graph.constant(op.inputs[1])
    return "it pads the batch" if amounts is not None and len(amounts) == 4 and np.any(amounts[0]) else ""


def _split(graph: Graph, op: Op) -> str:
    return (
        "it splits the batch" if len(graph.tensors[op.inputs[1]].shape) == 4 and 0 in _axes_of_split(graph, op) else ""
    )


def _axes_of_split(graph: Graph, op: Op) -> set[int]:
    value, rank = graph.constant(op.inputs[0]), len(graph.tensors[op.inputs[1]].shape)
    return {int(axis) % rank for axis in value.reshape(-1)} if value is not None else set()


def _prelu(graph: Graph, op: Op) -> str:
    shape = graph.tensors[op.inputs[1]].shape
    return f"its alpha is {list(shape)}, not one-dimensional" if any(n > 1 for n in shape[:-1]) else ""


def _softmax(graph: Graph, op: Op) -> str:
    shape = graph.tensors[op.inputs[0]].shape
    if any(n > 1 for n in shape[:-1]):
        return f"its input is {list(shape)}, not one-dimensional"
    return f"its input has {shape[-1]} elements, more than {MAX_SOFTMAX}" if shape and shape[-1] > MAX_SOFTMAX else ""


def _strided_slice(graph: Graph, op: Op) -> str:
    strides = graph.constant(op.inputs[3])
    if strides is None or np.any(strides != 1):
        return "its strides are not all 1"
    if op.options.ellipsis_mask or op.options.new_axis_mask:
        return "it has an ellipsis or a new axis"
    return ""


_FREE = (
    "ADD", "EXPAND_DIMS", "L2_NORMALIZATION", "LOGISTIC", "MAXIMUM", "MINIMUM", "MUL", "QUANTIZE", "RELU",
    "RELU6", "RELU_N1_TO_1", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "RSQRT", "SPACE_TO_DEPTH",
    "SQUARED_DIFFERENCE", "SQUEEZE", "SUB", "TANH", "TRANSPOSE",
)  # fmt: skip
RULES: Mapping[str, Rule] = {
    **dict.fromkeys(_FREE, _free),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), _no_activation),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), _all(_constant(1, 2), _even_dilation)),
    **dict.fromkeys(("REDUCE_MAX", "REDUCE_MIN", "SUM"), _all(_constant(1), _batch_kept)),
    "CONCATENATION": _all(_no_activation, _concatenation),
    "FULLY_CONNECTED": _all(_constant(1, 2), _fully_connected),
    "MEAN": _all(_constant(1), _batch_kept, _mean),
    "PACK": _option_axis("axis"),
    "PAD": _all(_constant(1), _pad),
    "PRELU": _all(_constant(1), _prelu),
    "SLICE": _constant(1, 2),
    "SOFTMAX": _softmax,
    "SPLIT": _all(_constant(0), _split),
    "STRIDED_SLICE": _all(_constant(1, 2, 3), _strided_slice),
    "TRANSPOSE_CONV": _constant(0, 1, 3),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _constant(*range(1, 18)),
}
