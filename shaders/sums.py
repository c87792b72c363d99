"""Sums of products: in which numbers they are taken, and what becomes of them.

An op's types decide: floats; integers whose sum is rescaled, each kind of op in its reference kernel's own way; floats
that are quantised on the way, whose sums of integers become floats again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op, Tensor
from .arguments import Refused
from .arguments import affine as params
from .convolution import bias_of, finish
from .hybrid import Rows, quantized
from .program import Arg, Const, Limits, Program, Scratch, Stage
from .quantized import Affine, affine, factors, in_double, limits_of, multipliers, short_multipliers
from .types import widened

Taken = Mapping[str, tuple[frozenset[str], frozenset[str]]]  # the input's type -> those of the weights, of the output


def _taken(**found: str) -> Taken:
    """The types of weights that go with each type of input; those of the output, after a colon, where not the same."""
    split = {kind: text.partition(":") for kind, text in found.items()}
    return {kind: (frozenset(w.split()), frozenset((made or kind).split())) for kind, (w, _, made) in split.items()}


# Which types go together in the reference kernels.
TAKEN: Mapping[str, Taken] = {
    "CONV_2D": _taken(FLOAT32="FLOAT32 INT8 UINT8 INT4", UINT8="UINT8", INT8="INT8 INT4", INT16="INT8 INT4"),
    "DEPTHWISE_CONV_2D": _taken(FLOAT32="FLOAT32 INT8", UINT8="UINT8", INT8="INT8 INT4", INT16="INT8"),
    "TRANSPOSE_CONV": _taken(FLOAT32="FLOAT32 INT8", UINT8="UINT8", INT8="INT8", INT16="INT8"),
    "FULLY_CONNECTED": _taken(
        FLOAT32="FLOAT32 INT8 UINT8 INT4 INT2", UINT8="UINT8:UINT8 INT16", INT8="INT8 INT4 INT2",
        INT16="INT8 INT4 INT2 INT16",
    ),
    "BATCH_MATMUL": _taken(FLOAT32="FLOAT32 INT8", INT8="INT8:INT8 INT32", INT16="INT8 INT16"),
    "CONV_3D": _taken(FLOAT32="FLOAT32"),
    "CONV_3D_TRANSPOSE": _taken(FLOAT32="FLOAT32"),
}  # fmt: skip
NO_BIAS = ("BATCH_MATMUL",)


def _read(kind: str) -> frozenset[str]:
    biases = frozenset(("INT32", "INT64")) if len(TAKEN[kind]) > 1 and kind not in NO_BIAS else frozenset[str]()
    return biases.union(TAKEN[kind], *(weights for weights, _ in TAKEN[kind].values()))


# What a kernel of these ops may read and write.
READ = {kind: _read(kind) for kind in TAKEN}
WRITTEN = {kind: frozenset[str]().union(*(made for _, made in TAKEN[kind].values())) for kind in TAKEN}


@dataclass(frozen=True)
class Sums:
    """How a kernel sums products of inputs and weights, and how it finishes a sum.

    `one` is GLSL's type of what is multiplied, `made` that of what is stored. `libraries` sum and finish; they read
    `inputs`, and `factors`: a few numbers for each output channel. `in_zero` is taken off each input, `weights_zero`
    off each weight. The input is `source`, made by the programs `before` where it is not the op's own.
    """

    source: int | Scratch = -1
    one: str = "float"
    made: str = "float"
    libraries: tuple[str, ...] = ("sum", "finish")
    constants: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[Arg, ...] = ()
    factors: tuple[NDArray[Any], ...] = ()
    stages: tuple[Stage, ...] = ()
    in_zero: int = 0
    weights_zero: int = 0
    before: tuple[Program, ...] = ()

    def bare(self) -> Sums:
        """The same sums, without what becomes of them."""
        return Sums(self.source, self.one, self.one, in_zero=self.in_zero, weights_zero=self.weights_zero)

    def values(self, value: str) -> dict[str, Any]:
        """The libraries' constants, for sums of one ("float") or four ("vec4") channels at a time."""
        four = value == "vec4"
        return {
            "ONE": self.one, "FOUR": widened(self.one, "vec4"), "TERM": widened(self.one, value),
            "UTERM": "uvec4" if four else "uint", "TERMS": 4 if four else 1, "MADE": widened(self.made, value),
            "IN_ZERO": self.in_zero, "FITTING": 0, **self.constants,
        }  # fmt: skip

    @property
    def sizes(self) -> tuple[str, ...]:
        """Those of the constants that layers of one kind do not share. Floats have none, and would add what is 0."""
        own = ("IN_ZERO", "WEIGHTS_ZERO", *(name for name in ("OUT_ZERO", "BIASES") if name in self.constants))
        return own if self.one == "int" else ()

    def args(self, groups: int, each: int, value: str) -> tuple[Arg, ...]:
        """The libraries' inputs, for `groups` of `each` output channels, as many at a time as `value` says."""
        if not self.factors:
            return self.inputs
        wide = 4 if value == "vec4" else 1
        order = in_blocks(groups, each, wide)

        def pack() -> NDArray[Any]:
            found = np.stack([np.append(numbers, numbers.dtype.type(0))[order] for numbers in self.factors])
            return np.ascontiguousarray(found.reshape(len(found), -1, wide).transpose(1, 0, 2))

        kind = widened("int" if self.factors[0].dtype == np.int32 else "float", value)
        return (*self.inputs, Arg("factors", Const(pack, 4 * len(self.factors) * order.size), kind))


def in_blocks(sets: int, each: int, block: int) -> NDArray[np.intp]:
    """Output channels as they are stored: `sets` of them, each of `each` made up to a multiple of `block` by -1."""
    found: NDArray[Any] = np.full((sets, -(-each // block) * block), -1, np.intp)
    found[:, :each] = np.arange(sets * each).reshape(sets, each)
    return found.reshape(-1)


def sums_of(graph: Graph, op: Op, x: int, w: int, bias: int, channels: int, limits: Limits, rows: Rows) -> Sums:
    """Those of an op, by the types of tensors `x` and `w`; its bias is input `bias`. Refused for other types.

    `rows` are those of the input that have one scale each where it is quantised on the way.
    """
    source, weights, made = (graph.folded.get(t, graph.tensors[t]) for t in (x, w, op.outputs[0]))
    of_weights, of_made = TAKEN[op.kind].get(source.type, (frozenset[str](), frozenset[str]()))
    for tensor, wanted in ((weights, of_weights), (made, of_made)):
        if tensor.type not in wanted:
            raise Refused("type", f"{tensor.name!r} is {tensor.type}", " or ".join(sorted(wanted)) or "another input")
    if source.type == "FLOAT32" and weights.type == "FLOAT32":
        return Sums(x, stages=finish(graph, op, bias, channels))
    if source.type == "FLOAT32":
        return _hybrid(graph, op, weights, bias, channels, limits, rows)
    if made.type == "INT32":
        return Sums(x, "int", "int")
    return _rescaled(graph, op, source, weights, made, bias, channels)


def _rescaled(graph: Graph, op: Op, x: Tensor, w: Tensor, y: Tensor, k: int, channels: int) -> Sums:
    of_x, of_y = (_lenient(t) if op.kind == "BATCH_MATMUL" else affine(t) for t in (x, y))
    if x.type == "INT16" and (of_x.zero or of_y.zero):
        raise Refused("quantization", f"zero points {of_x.zero} and {of_y.zero}", "0, as they are INT16")
    scales, zero = _of_weights(op, x, w, channels)
    # With INT16 the op says how long a bias is; so long is the sum for weights of 8 bits, 64 bits for those of 16.
    said, dense = op.options.get("quantized_bias_type"), op.kind == "FULLY_CONNECTED" and not w.is_sparse
    short = said != "INT64" if dense and w.type == "INT16" else x.type != "INT16" or said == "INT32"
    bias = bias_of(graph, op, k, channels, frozenset({"INT32" if short else "INT64"}))
    narrow = short and w.type != "INT16"
    # Reference kernels for UINT8, and BATCH_MATMUL, multiply the two scales in float.
    single = op.kind == "BATCH_MATMUL" or (x.type == "UINT8" and not dense)
    reals = np.broadcast_to(factors(of_x, scales, of_y, single), (channels,))
    constants = {
        **limits_of(op, y, of_y), "BIAS": int(bias >= 0), "BIASES": channels,
        "FITTING": int(not narrow and w.type != "INT16"),
    }  # fmt: skip
    libraries: tuple[str, ...]
    numbers: tuple[NDArray[np.int32], ...]
    summed = ("sum", "bias") if narrow else ("sum_wide", "bias_wide")
    if dense and w.type != "INT16":  # then the reference kernel turns sums to double; others multiply integers
        libraries, numbers = ("int64", "double", *summed, "rescale_double"), in_double(reals)
    elif narrow:
        libraries, numbers = ("quantized", *summed, "rescale"), multipliers(reals)
    else:
        libraries, numbers = ("int64", *summed, "rescale_wide"), short_multipliers(reals)
    inputs = (Arg("bias", bias),) if bias >= 0 else ()
    return Sums(x.index, "int", "int", libraries, constants, inputs, numbers, (), of_x.zero, zero)


def shuffled_sums(graph: Graph, op: Op, x: int, w: int, channels: int) -> Sums:
    """Those of FULLY_CONNECTED's shuffled weights: UINT8 around 128, whatever zero points there are, to INT16."""
    source, weights, made = (graph.tensors[t] for t in (x, w, op.outputs[0]))
    if (source.type, weights.type, made.type) != ("UINT8", "UINT8", "INT16"):
        raise Refused("type", f"{source.type} by {weights.type} to {made.type}", "UINT8 by UINT8 to INT16")
    bias = bias_of(graph, op, 2, channels, frozenset({"INT32"}))
    if bias < 0:
        raise Refused("bias", "none", "one, beside shuffled weights")
    scale = np.array([affine(weights).scale], np.float32)
    reals = np.broadcast_to(factors(affine(source), scale, affine(made), False), (channels,))
    constants = {**limits_of(op, made), "BIAS": 1, "BIASES": channels, "OUT_ZERO": 0}
    libraries = ("quantized", "sum", "bias", "rescale")
    return Sums(x, "int", "int", libraries, constants, (Arg("bias", bias),), multipliers(reals), in_zero=128)


def _hybrid(graph: Graph, op: Op, w: Tensor, k: int, channels: int, limits: Limits, rows: Rows) -> Sums:
    """Inputs quantised row by row, and the sums of integers made floats again."""
    q = w.quantization
    if q is None or q.scales.size not in (1, 1 if w.type == "UINT8" and op.kind == "CONV_2D" else channels):
        raise Refused("quantization", f"{w.name!r}", f"a scale, or one for each of {channels} channels")
    integers, scales, before = quantized(rows, _symmetric(graph, op, w), limits)
    factor = np.broadcast_to(q.scales.astype(np.float32), (channels,))
    return Sums(
        integers, "int", "float", ("sum", "finish_hybrid"), {}, (Arg("scales", scales, "vec4"),), (factor,),
        (*finish(graph, op, k, channels), *_applied(op)), before=before,
    )  # fmt: skip


def _applied(op: Op) -> tuple[Stage, ...]:
    """The activations that other kernels of floats ignore, where the reference kernel heeds them."""
    found = {
        "TANH": Stage("hyperbolic_tangent(x)", includes=("math",)),
        "SIGN_BIT": Stage("VALUE(floatBitsToUint(x) >> 31u)"),
    }.get(op.options.fused_activation_function if op.kind == "FULLY_CONNECTED" else "")
    return () if found is None else (found,)


def _symmetric(graph: Graph, op: Op, w: Tensor) -> bool:
    """Whether the reference kernel quantises inputs around 0: by the op's option, or as it goes about its weights."""
    if "asymmetric_quantize_inputs" in op.options:
        return not op.options.asymmetric_quantize_inputs
    assert w.quantization is not None
    grouped = graph.tensors[op.inputs[0]].shape[-1] != w.shape[-1]
    return op.kind == "CONV_2D" and not grouped and len(np.unique(w.quantization.scales)) == 1


def _of_weights(op: Op, x: Tensor, w: Tensor, channels: int) -> tuple[NDArray[np.float32], int]:
    """The scales of weights, one or one for each channel, and the zero point that the reference kernel heeds."""
    if op.kind == "BATCH_MATMUL":
        found = _lenient(w)
        return np.array([found.scale], np.float32), found.zero
    q = w.quantization
    if q is None or q.scales.size not in (1, channels):
        raise Refused("quantization", f"{w.name!r}", f"a scale, or one for each of {channels} channels")
    if q.scales.size > 1 and x.type == "UINT8":
        raise Refused("quantization", f"{w.name!r} has {q.scales.size} scales", "one scale")
    heeded = x.type == "UINT8" or (op.kind == "FULLY_CONNECTED" and q.scales.size == 1)
    return q.scales, int(q.zero_points[0]) if heeded and q.zero_points.size else 0


def _lenient(tensor: Tensor) -> Affine:
    """How a tensor is quantised for a kernel that does not ask whether it is: by 0, unless by one scale."""
    return Affine(*params(tensor))
