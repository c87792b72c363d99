"""SVDF of floats, of floats by 8-bit weights, and of 8-bit integers: features of the input, weighed by their age.

Refuses features that are no multiple of the rank; of integers, features and times that are computed; of 8-bit
integers, activations but RELU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op
from .arguments import Refused, answering, constant, result, values
from .convolution import bias_of
from .program import Arg, Limits, Lowered, Program, Stage, groups_for, literal
from .quantized import EIGHT_BITS, affine, multiplier
from .recurrent import ACTIVATIONS, activation, laid, packed, state, taken
from .types import FLOAT

OPS = ("SVDF",)
TYPES = frozenset({"FLOAT32", "INT8", "INT16"})
RESULTS = frozenset({"FLOAT32", "INT8"})


@dataclass(frozen=True)
class Form:
    """What sets one of the three forms apart.

    `features` [values, filters] and `times` [filters, memory] are weights; but for floats by 8-bit weights, `features`
    have a row more, what a filter starts from. `kept` is the type of the state, `type` that of the sums. What is
    computed is laid out by programs `before`.
    """

    features: Arg
    times: Arg
    constants: dict[str, Any]
    stages: tuple[Stage, ...]
    includes: tuple[str, ...]
    kept: str = "FLOAT32"
    type: str = ""
    before: tuple[Program, ...] = ()


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch: input (batches, values), features (filters, values), times (filters, memory), bias or none, state.

    `rank` filters make a unit. Features and times of integers are constant.
    """
    source = values(graph, op, types=RESULTS)
    shape, features, times = (graph.tensors[t].shape for t in (source, *op.inputs[1:3]))
    rank = op.options.rank
    if len(shape) != 2 or len(features) != 2 or len(times) != 2 or rank < 1 or features[0] % rank:
        raise Refused("shape", f"features {list(features)} in units of {rank} over {list(shape)}", "that they agree")
    (batches, depth), filters, memory = shape, features[0], times[1]
    units, type = filters // rank, graph.tensors[source].type
    output = result(graph, op, limits, (batches, units), types={type})
    sizes = (filters, depth), (filters, memory)
    whole = graph.tensors[op.inputs[1]].type != "FLOAT32"
    made = in_integers if type == "INT8" else by_integers if whole else in_floats
    form = made(graph, op, units, *sizes, limits)
    constants = {
        "INPUTS": depth, "FILTERS": filters, "UNITS": units, "RANK": rank, "MEMORY": memory, **form.constants,
    }  # fmt: skip
    inputs = (Arg("source", source), form.features, form.times)
    states = (Arg("memory", state(graph, op, 4, batches * filters * memory, form.kept)),)
    groups = groups_for(batches * units, 64, limits)
    program = Program(
        "svdf", constants, inputs, output, groups, stages=form.stages, states=states, type=form.type,
        includes=form.includes,
    )  # fmt: skip
    return (*form.before, program)


def finish(graph: Graph, op: Op, units: int) -> tuple[Stage, ...]:
    """Bias and activation of floats."""
    bias = bias_of(graph, op, 3, units)
    added = (Stage("x + y", bias, units),) if bias >= 0 else ()
    return (*added, Stage(ACTIVATIONS[activation(op)], includes=("math",)))


def in_floats(
    graph: Graph, op: Op, units: int, features: tuple[int, int], times: tuple[int, int], limits: Limits
) -> Form:
    """All of it FLOAT32."""
    weights, (filters, depth) = taken(graph, op, 1, features, FLOAT), features
    taken(graph, op, 2, times, FLOAT)
    make = lambda: np.vstack([weights.T, np.zeros((1, filters))])  # noqa: E731
    computed = graph.constant(op.inputs[1]) is None
    seen, before = laid("features", (depth + 1, filters), make, "float", limits, computed)
    constants = {"HYBRID": False, "FEATURE(x)": "x"}
    return Form(seen, Arg("times", op.inputs[2]), constants, finish(graph, op, units), (), before=before)


def by_integers(
    graph: Graph, op: Op, units: int, features: tuple[int, int], times: tuple[int, int], limits: Limits
) -> Form:
    """FLOAT32 by weights of 8 bits; each batch becomes integers for its features."""
    weights = taken(graph, op, 1, features, EIGHT_BITS)
    ages = constant(graph, op, 2, times, EIGHT_BITS).view(np.int8)  # the reference kernel scales them but once
    scale, fading = (affine(graph.tensors[t]).single for t in op.inputs[1:3])
    constants = {"HYBRID": True, "ASYMMETRIC": bool(op.options.asymmetric_quantize_inputs), "FEATURE_SCALE": scale}
    computed = graph.constant(op.inputs[1]) is None
    seen, before = laid("features", features[::-1], lambda: weights.T, "int", limits, computed)
    aged = Arg("times", packed(times, lambda: ages.astype(np.float32) * fading))
    return Form(seen, aged, constants, finish(graph, op, units), ("exact", "hybrid"), before=before)


def in_integers(
    graph: Graph, op: Op, units: int, features: tuple[int, int], times: tuple[int, int], limits: Limits
) -> Form:
    """INT8, with a state of INT16; TFLite wants RELU, but clips to no more than 8 bits."""
    if op.options.fused_activation_function != "RELU":
        raise Refused("activation", op.options.fused_activation_function, "RELU")
    weights, (filters, depth) = constant(graph, op, 1, features, {"INT8"}), features
    constant(graph, op, 2, times, {"INT16"})
    bias = constant(graph, op, 3, (units,), {"INT32"}) if op.inputs[3] >= 0 else np.zeros(units, np.int32)
    source, seen, fading, kept = (affine(graph.tensors[op.inputs[k]]) for k in (0, 1, 2, 4))
    made = affine(graph.tensors[op.outputs[0]])
    feature = scaled("x", source.scale * seen.scale / kept.scale)
    unit = scaled("x + y", kept.scale * fading.scale / made.scale)

    def pack() -> NDArray[np.int32]:
        return np.vstack([weights.T.astype(np.int32), -source.zero * weights.sum(1, dtype=np.int32)])

    finished = f"clamp({unit} + {literal(made.zero)}, -128, 127)"
    added = packed((units,), lambda: bias, np.int32)
    stage = Stage(finished, added, units, ("quantized",), operand_type="int")
    constants = {"HYBRID": False, "FEATURE(x)": f"clamp({feature}, -32768, 32767)"}
    whole = Arg("features", packed((depth + 1, filters), pack, np.int32), "int")
    return Form(whole, Arg("times", op.inputs[2]), constants, (stage,), ("quantized",), "INT16", "INT8")


def scaled(x: str, real: float) -> str:
    """GLSL for a sum times a real number, rounded."""
    whole, shift = multiplier(real)
    return f"multiplied({x}, VALUE({whole}), VALUE({literal(shift)}))"
