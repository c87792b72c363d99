"""NON_MAX_SUPPRESSION_V4 and V5: the boxes of the highest scores, but for those that overlap one already taken.

How many may be taken is constant. The thresholds and V5's sigma, by which scores fall as boxes overlap (Soft-NMS, Bodla
et al, arXiv:1704.04503), may be computed. Boxes with the same score are taken in the order of the reference's heap, of
up to as many boxes as shared memory holds (some thousands); of more, the first comes first. What is not taken up is 0.

Refuses a number of boxes to take that is computed or below 1, thresholds that are not scalars, a constant sigma below
0.
"""

from __future__ import annotations

from typing import Any

from ..graph.model import Graph, Op
from .arguments import Refused, answering, integer, result, values
from .program import Arg, Limits, Lowered, Program, Scratch, groups_for
from .reduce import power_of_two
from .types import FLOAT

OPS = ("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5")
TYPES = FLOAT
RESULTS = {"NON_MAX_SUPPRESSION_V4": frozenset({"INT32"}), "NON_MAX_SUPPRESSION_V5": FLOAT | {"INT32"}}

# What one group can look through again for each box that it takes.
MOST_BOXES = 1 << 16


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch of one group, which takes a box at a time; then one for each output, of its part of what that made."""
    soft = op.kind == "NON_MAX_SUPPRESSION_V5"
    boxes, scores = (values(graph, op, k) for k in (0, 1))
    shape, count = graph.tensors[boxes].shape, graph.tensors[scores].size
    if shape != (count, 4) or graph.tensors[scores].shape != (count,) or count > MOST_BOXES:
        met = f"boxes {list(shape)}, scores {list(graph.tensors[scores].shape)}"
        raise Refused("shape", met, f"4 corners and a score for each of at most {MOST_BOXES} boxes")
    wanted = integer(graph, op, 2)
    if wanted < 1:
        raise Refused("count", wanted, "at least 1")
    lanes = power_of_two(min(256, count, limits.invocations))
    constants: dict[str, Any] = {
        "COUNT": count, "WANTED": wanted, "SOFT": soft, "LANES": lanes, "LANE_STEP": 1, "PARTIAL": "Best",
        "EACH": -(-count // lanes), "HEAP": False,
    }  # fmt: skip
    shared = 8 * lanes + 8
    heap = 4 * min(wanted, count) + (12 if soft else 4) * count
    if shared + heap <= limits.shared_bytes:
        shared += heap
        constants |= {"HEAP": True}
    args = [Arg("boxes", boxes, "vec4"), Arg("scores", scores)]
    args += [Arg(name, one(graph, op, k)) for k, name in enumerate(("most", "least", "sigma"), 3) if k < len(op.inputs)]
    taken = Scratch("INT32", 1 + 2 * wanted)
    choose = Program(
        "non_max_suppression", constants, tuple(args), taken, (1, 1, 1), (lanes, 1, 1),
        includes=("reduce", "exact"), shared=shared, fails="its sigma is negative" if soft else "",
    )  # fmt: skip
    parts = [("taken(i + 1u)", (wanted,), "INT32"), ("taken(i)", (), "INT32")]
    if soft:
        parts.insert(1, (f"intBitsToFloat(taken(i + {1 + wanted}u))", (wanted,), "FLOAT32"))
    outputs = [result(graph, op, limits, shape, k, {kind}) for k, (_, shape, kind) in enumerate(parts)]
    return choose, *(
        Program("part", {"RESULT": found}, (Arg("taken", taken),), t, groups_for(graph.tensors[t].size, 64, limits))
        for t, (found, _, _) in zip(outputs, parts, strict=True)
    )


def one(graph: Graph, op: Op, k: int) -> int:
    """Input `k`, one float; a sigma that is constant is not negative."""
    t = values(graph, op, k)
    value = graph.constant(t)
    if graph.tensors[t].shape:
        raise Refused("shape", f"{graph.tensors[t].name!r} has shape {list(graph.tensors[t].shape)}", "a scalar")
    if k == 5 and value is not None and value.item() < 0:
        raise Refused("sigma", value.item(), "at least 0")
    return t
