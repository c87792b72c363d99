"""What the recurrent kernels share: sequences, states, launches in which a group takes a batch through all steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Op
from .arguments import Refused, Shape, constant, result, values
from .computed import filled, named
from .program import Arg, Const, Limits, Program, bits, groups_for
from .types import in_bytes

Made = Callable[[], NDArray[Any]]  # makes a constant when it is needed
Laid = tuple[Arg, tuple[Program, ...]]  # an argument, and the programs that fill it

# Invocations of a group, and along the units of them: few choices, that cells share shaders.
THREADS, LANES = 256, (8, 32, 64, 128)

# What a shader is told: cells that differ in nothing else are one. The sizes of what is added up are known to it, for
# loops of a length that it is told take a quarter longer.
SIZES = ("BATCHES", "STEPS", "PASSES", "REVERSE", "BATCH_ROWS", "STEP_ROWS", "ROW_STEP", "ROW_START")
HYBRID_SIZES = ("SCALE_BITS", "PARTS", "SOURCE_SPARSE", "STATE_SPARSE", "PROJECTION_SPARSE")

# TFLite's `ApplyActivationToVector` (tensorflow/lite/kernels/internal/tensor_utils_common.h), of a float `x`.
ACTIVATIONS = {
    "NONE": "x",
    "RELU": "relu(x)",
    "RELU_N1_TO_1": "relu1(x)",
    "RELU6": "relu6(x)",
    "TANH": "hyperbolic_tangent(x)",
    "SIGN_BIT": "float(floatBitsToUint(x) >> 31)",
}
ANY_ACTIVATION = " : ".join(f"ACTIVATION == {k} ? {x}" for k, x in enumerate(ACTIVATIONS.values())) + " : x"


@dataclass(frozen=True)
class Sequence:
    """Rows of a tensor, [steps, batches, n] where `major` says so, else [batches, steps, n], or [batches, n].

    A cell goes through all of them in each of so many `passes`.
    """

    shape: tuple[int, ...]
    major: bool
    passes: int = 1

    @property
    def batches(self) -> int:
        """How many there are."""
        return self.shape[1 if self.major else 0]

    @property
    def steps(self) -> int:
        """How many there are."""
        return 1 if len(self.shape) == 2 else self.shape[0 if self.major else 1]

    def constants(self, backward: bool) -> dict[str, Any]:
        """For lib/recurrent.glsl."""
        rows = (1, self.batches) if self.major else (self.steps, 1)
        return {
            "BATCHES": self.batches, "STEPS": self.steps, "PASSES": self.passes, "REVERSE": int(backward),
            "BATCH_ROWS": rows[0], "STEP_ROWS": rows[1],
        }  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where results go: a tensor with rows of `step` values, from value `start` of each row on."""

    tensor: int
    step: int
    start: int = 0


def directions(graph: Graph, op: Op, limits: Limits, shape: Shape, sizes: list[int]) -> tuple[Place, Place]:
    """Where both directions of a sequence put their results, of these sizes: beside each other, or apart."""
    if op.options.merge_outputs:
        output = result(graph, op, limits, (*shape[:-1], sum(sizes)))
        return Place(output, sum(sizes)), Place(output, sum(sizes), sizes[0])
    if len(op.outputs) < 2:
        raise Refused("outputs", 1, "one for each direction")
    first, second = (result(graph, op, limits, (*shape[:-1], size), k) for k, size in enumerate(sizes))
    return Place(first, sizes[0]), Place(second, sizes[1])


def both_ways(
    graph: Graph, op: Op, source: int, auxiliary: int, weights: tuple[Iterable[int], Iterable[int]]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What the forward and the backward direction read: `source`, and input `auxiliary` where there is one.

    Both read both where there are weights for the second (inputs `weights`); else backward reads only the second.
    """
    if op.inputs[auxiliary] < 0:
        return (source,), (source,)
    forward, backward = (any(op.inputs[k] >= 0 for k in ks) for ks in weights)
    if forward != backward:
        raise Refused("weights", "auxiliary weights for one direction", "for both")
    beside = graph.tensors[values(graph, op, auxiliary)]
    shape = graph.tensors[source].shape
    if beside.shape[:-1] != shape[:-1] or (not forward and beside.shape != shape):
        raise Refused("shape", f"{list(beside.shape)} beside {list(shape)}", "sequences alike")
    return ((source, beside.index),) * 2 if forward else ((source,), (beside.index,))


@dataclass(frozen=True)
class Terms:
    """Weights [k, unit, gate] of what a unit adds up: the values of its sources, then what the last step gave.

    Those that are `whole` are 8-bit integers, added up as integers. Some may be `computed`: then what makes them names
    elements (shaders/computed.py).
    """

    shape: Shape
    make: Made
    whole: bool = False
    computed: bool = False

    @property
    def sum(self) -> str:
        """GLSL's type of what a unit adds up."""
        return ("int" if self.whole else "float") if self.shape[2] == 1 else ("ivec4" if self.whole else "vec4")

    def arg(self, limits: Limits) -> Laid:
        """The argument `weights`."""
        if self.whole and not self.computed:
            return Arg("weights", in_bytes(self.make, prod(self.shape), np.dtype(np.int8)), self.sum), ()
        return laid("weights", self.shape, self.make, self.sum, limits, self.computed)


def laid(name: str, shape: Shape, make: Made, kind: str, limits: Limits, computed: bool) -> Laid:
    """An argument of GLSL's type `kind`, packed in this shape: a constant, or memory that is filled before."""
    whole = kind.startswith("i")
    if not computed:
        return Arg(name, packed(shape, make, np.int32 if whole else np.float32), kind), ()
    scratch, before = filled(make(), "INT32" if whole else "FLOAT32", limits)
    return Arg(name, scratch, "vec4" if kind.endswith("vec4") else "float"), before


def state(graph: Graph, op: Op, k: int, size: int, type: str = "FLOAT32") -> int:
    """The variable tensor that is input `k`, of so many elements of a type in any shape."""
    tensor = graph.tensors[op.inputs[k]]
    if not tensor.is_variable or (tensor.type, tensor.size) != (type, size):
        raise Refused("state", f"{tensor.name!r} is {tensor.type} {list(tensor.shape)}", f"a variable of {size} {type}")
    return tensor.index


def taken(graph: Graph, op: Op, k: int, shape: Shape, types: frozenset[str]) -> NDArray[Any]:
    """Input `k`, weights of one of these types, of this shape: as they are, those of UINT8 as TFLite takes their bits.

    Of what is computed, the names of elements; which may not be UINT8.
    """
    if graph.constant(op.inputs[k]) is None:
        return named(graph, op, k, shape, types - {"UINT8"})
    found = constant(graph, op, k, shape, types)
    return found.view(np.int8) if found.dtype == np.uint8 else found


def packed(shape: Shape, make: Made, dtype: type[np.generic] = np.float32) -> Const:
    """A constant buffer of FLOAT32, or of another type of four bytes, in this shape, made when it is needed."""
    return Const(lambda: np.ascontiguousarray(make(), dtype), 4 * prod(shape), dtype is np.float32)


@dataclass(frozen=True)
class Hybrid:
    """What sets a cell of floats apart whose weights have 8 bits.

    `scales` are those of the weights of each source, and of what the last step gave, by gate; `most` is how many
    integers there are at a time. `sparse` names weights that the file has as sparse: SOURCE, STATE, PROJECTION. With
    `diagonal`, units take what they gave themselves by floats, too.
    """

    asymmetric: bool
    scales: tuple[NDArray[np.float32], ...]
    most: int
    sparse: frozenset[str] = frozenset()
    diagonal: bool = False

    def constants(self, sum: str) -> dict[str, Any]:
        """For lib/gathered_hybrid.glsl; `sum` is what a unit adds up, in floats."""
        scales = tuple(bits(scale) for part in self.scales for scale in part)
        stored = {f"{name}_SPARSE": int(name in self.sparse) for name in ("SOURCE", "STATE", "PROJECTION")}
        return {
            "ASYMMETRIC": self.asymmetric, "SUM": sum, "TERMS": self.most, "SCALES": len(scales), "SCALE_BITS": scales,
            **stored, "PARTS": len(self.scales), "DIAGONAL": self.diagonal,
        }  # fmt: skip


def activation(op: Op) -> str:
    """The op's activation, one of ACTIVATIONS."""
    name: str = op.options.fused_activation_function
    if name not in ACTIVATIONS:
        raise Refused("activation", name, " or ".join(ACTIVATIONS))
    return name


def told_activation(op: Op) -> dict[str, int]:
    """Which it is, for ANY_ACTIVATION."""
    return {"ACTIVATION": [*ACTIVATIONS].index(activation(op))}


def through(
    body: str,
    constants: Mapping[str, Any],
    sequence: Sequence,
    sources: tuple[tuple[int, int], ...],
    terms: Terms,
    inputs: tuple[Laid, ...],
    states: tuple[Arg, ...],
    place: Place,
    limits: Limits,
    shared: tuple[int, int],
    backward: bool = False,
    hybrid: Hybrid | None = None,
    includes: tuple[str, ...] = ("math",),
    sizes: tuple[str, ...] = (),
) -> tuple[Program, ...]:
    """The launch of a body with lib/recurrent.glsl, after those that fill what it reads.

    `sources` are a sequence and perhaps another beside it: (tensor, values of a row). `shared` is what the body has of
    shared memory by itself, in bytes: in all, and for each invocation. Integers among the constants are told if
    `sizes` names them.
    """
    depth, units, gates = terms.shape
    outputs = depth - sum(size for _, size in sources)
    fixed, each = shared[0] + 4 * outputs, shared[1] + 4 * gates
    gathering: tuple[str, ...] = ("gathered",)
    if hybrid is not None:
        fixed, each = fixed + 4 * hybrid.most, each + 16
        constants = {**constants, **hybrid.constants("float" if gates == 1 else "vec4")}
        sizes = (*sizes, *HYBRID_SIZES)
        gathering = ("exact", "hybrid", "gathered_hybrid")
    threads = min(THREADS, limits.invocations)
    while threads > 1 and fixed + each * threads > limits.shared_bytes:
        threads //= 2
    lanes = min(next((n for n in LANES if n >= units), LANES[-1]), threads)
    local = (lanes, threads // lanes, 1)
    constants = {
        "HYBRID": hybrid is not None,
        "DIAGONAL": False,
        "ACTIVATED": ANY_ACTIVATION,
        "PARTIAL": "vec4",
        **constants,
        **sequence.constants(backward),
        "GATES": terms.sum,
        "INPUTS": sources[0][1],
        "AUXILIARY": sum(size for _, size in sources[1:]),
        "BESIDE": len(sources) > 1,
        "UNITS": units,
        "OUTPUTS": outputs,
        "LANES": local[0] * local[1],
        "LANE_STEP": 1,
        "ROW_STEP": place.step,
        "ROW_START": place.start,
    }
    named = zip(("source", "auxiliary"), sources, strict=False)
    read = (terms.arg(limits), *inputs)
    given = (*(Arg(name, tensor) for name, (tensor, _) in named), *(arg for arg, _ in read))
    program = Program(
        body, constants, given, place.tensor, groups_for(sequence.batches, 1, limits), local,
        includes=(*includes, "reduce", "recurrent", *gathering), shared=fixed + each * local[0] * local[1],
        states=states, sizes=(*SIZES, *sizes),
    )  # fmt: skip
    return (*(before for _, programs in read for before in programs), program)
