"""DEPTHWISE_CONV_2D, with any multiplier.

Refuses filters whose channels are no multiple of the input's, filters of INT2 that are computed.
"""

from __future__ import annotations

from functools import partial

from ..graph.model import Graph, Op
from .arguments import Refused, answering, result, values
from .convolution import EXTENTS, Window, geometry, windows
from .hybrid import Rows
from .program import Arg, Limits, Lowered, Program, groups_for
from .sums import READ, WRITTEN, sums_of
from .ways import Way, Ways

OPS = ("DEPTHWISE_CONV_2D",)
TYPES, RESULTS = READ, WRITTEN
COLUMNS, MOST_SPAN = (7, 4, 2, 1), 24  # few of them, so that layers share shaders
SIZES = (*EXTENTS, "TILES", "IMAGES", "STEPS", "IN_STEPS")


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch: input NHWC, filters 1HWO where O is a multiple of C, bias O or none; both may be computed."""
    source, filters = (values(graph, op, k, READ[op.kind]) for k in (0, 1))
    image, sizes = (graph.tensors[t].shape for t in (source, filters))
    if len(image) != 4 or len(sizes) != 4 or sizes[0] != 1 or sizes[3] % image[3]:
        raise Refused("shape", f"filters {list(sizes)} over {list(image)}", "1HWO, O a multiple of C")
    h, w = windows(image[1:3], sizes[1:3], op)
    channels = sizes[3]
    each_image = Rows(source, image[0], image[1] * image[2] * image[3])
    sums = sums_of(graph, op, source, filters, 2, channels, limits, each_image)
    output = result(graph, op, limits, (image[0], h.out, w.out, channels), types=WRITTEN[op.kind])
    multiplier = channels // image[3]
    value, step = ("vec4", 4) if multiplier == 1 and channels % 4 == 0 else ("float", 1)
    inputs = (Arg("source", sums.source, value), Arg("weights", filters, value), *sums.args(1, channels, value))

    def made(columns: int) -> tuple[Program]:
        tiles, steps = -(-w.out // columns), channels // step
        constants = {
            **geometry(h, w), "COLUMNS": columns, "SPAN": span(columns, w),
            "KEEP_ROW": int(span(columns, w) <= MOST_SPAN), "TILES": tiles, "IMAGES": image[0], "STEPS": steps,
            "IN_STEPS": image[3] // step, "MULTIPLIER": multiplier, "WEIGHTS_ZERO": sums.weights_zero,
            **sums.values(value),
        }  # fmt: skip
        program = Program(
            "depthwise_conv_2d", constants, inputs, output, groups_for(image[0] * h.out * tiles * steps, 64, limits),
            value=value, stages=sums.stages, includes=sums.libraries, sizes=(*SIZES, *sums.sizes), along=channels,
        )  # fmt: skip
        return (program,)

    ways = (Way(f"rows of {n}", row_time(n, w), partial(made, n)) for n in row_tiles(w))
    return Ways.between(sums.before, ways)


def span(columns: int, w: Window) -> int:
    """How many columns of input lie under neighbouring columns of output."""
    return (columns - 1) * w.stride + (w.kernel - 1) * w.dilation + 1


def row_tiles(w: Window) -> list[int]:
    """How many neighbouring columns one thread may compute: with what it reads."""
    return [c for c in COLUMNS if span(c, w) <= MOST_SPAN] or [1]


def row_time(columns: int, w: Window) -> float:
    """The time of a row so: what is read, of inputs and weights, past the edge too."""
    return -(-w.out // columns) * (span(columns, w) + w.kernel)
