"""CONV_2D, grouped too, and CONV_3D.

Refuses filters of another rank than the input, channels that are no multiple of the filters', VALID windows that do
not fit; filters of INT2 that are computed; FLOAT16 filters, but by way of a constant DEQUANTIZE.
"""

from __future__ import annotations

from math import prod

from ..graph.model import Graph, Op
from . import im2col, winograd
from .arguments import Refused, answering, result, values
from .convolution import DEPTHS, NOWHERE, WINDOW, geometry, windows
from .hybrid import Rows
from .product import Product
from .program import Arg, Limits, Lowered
from .sums import READ, WRITTEN, sums_of
from .tiling import Tiles
from .ways import Ways, least
from .weights import Weights

OPS = ("CONV_2D", "CONV_3D")
TYPES, RESULTS = READ, WRITTEN
# Time to find what lies under a tap, as llvmpipe has it, where that of multiplying four by four is 1.
FINDING = 6.0
# How many values a gate has to multiply, in a launch of 0.2 ms, before software compiles a shader for that, in 0.2 s.
GATED = 1 << 17


@answering
def lower(graph: Graph, op: Op, limits: Limits) -> Lowered:
    """One launch, or three by Winograd's ways.

    2D: input NHWC, filters OHWI, where I divides C (grouped where it is less). 3D: NDHWC and DHWIO.

    Filters and bias may be computed. A gate multiplies what is read (see `gated`).
    """
    source, filters = (values(graph, op, k, READ[op.kind]) for k in (0, 1))
    image, sizes = (graph.tensors[t].shape for t in (source, filters))
    flat = op.kind == "CONV_2D"
    rank = 4 if flat else 5
    if len(image) != rank or len(sizes) != rank:
        raise Refused("shape", f"filters {list(sizes)} over {list(image)}", f"rank {rank}")
    kernel = sizes[1:-1] if flat else sizes[:-2]
    depth, channels = (sizes[-1], sizes[0]) if flat else sizes[-2:]
    sets = image[-1] // depth
    if image[-1] != sets * depth or channels % sets or (sets > 1 and not flat):
        raise Refused("groups", f"{channels} filters of {depth} channels over {image[-1]}", "as many for each group")
    spans = windows(image[1:-1], kernel, op)
    each_image = Rows(source, image[0], prod(image[1:]))
    sums = sums_of(graph, op, source, filters, 2, channels, limits, each_image)
    output = result(graph, op, limits, (image[0], *(span.out for span in spans), channels), types=WRITTEN[op.kind])
    each, taps = channels // sets, prod(kernel)
    steps = (each * taps * depth, depth, 1, taps * depth) if flat else (0, depth * channels, channels, 1)
    pixels = image[0] * prod(span.out for span in spans)
    signed = bool(sums.before)
    gate = values(graph, op, 3) if op.options.get("gated") else -1
    one = all(s.pointwise for s in spans)
    if gate >= 0 and (sets > 1 or not one or sums.one != "float" or (limits.texels and prod(image) < GATED)):
        raise Refused("gate", f"filters {list(sizes)} over {list(image)}", "floats, 1 by 1, over a large image")
    if sets == 1 and (one or all(s.covering for s in spans)):
        weights = Weights(filters, (1, 1, taps * depth, channels), (0, 0, *steps[2:]), sums.weights_zero, signed)
        product = Product(sums.source, weights, output, pixels, sums, rows_a_scale=pixels // image[0], gate=gate)
        return Ways.between(sums.before, product.ways(graph, limits))
    weights = Weights(filters, (sets, taps, depth, each), steps, sums.weights_zero, signed)
    constants = {**geometry(*(NOWHERE,) * flat, *spans), "PIXEL_STEPS": image[-1] // weights.step}
    if limits.texels:
        constants["PADDED"] = 1
    arg = Arg("source", sums.source, "vec4" if weights.step == 4 else "float")
    plain = Tiles(
        graph, "conv", constants, (arg,), weights, output, pixels, limits, sums, sets, sets,
        rows_a_scale=pixels // image[0], told=(*DEPTHS * (not flat), *WINDOW * limits.texels),
        finding=FINDING * limits.texels,
    ).ways()  # fmt: skip
    found = plain
    if flat and sets == 1 and im2col.applies(graph, sums.source, filters, spans, pixels):
        found += im2col.ways(graph, sums, filters, output, image[0], spans, limits)
    by_tiles = flat and sets == 1 and winograd.applies(graph, image[0], spans, depth, channels, filters, output)
    if by_tiles and winograd.near_enough(graph, op, filters):
        found += winograd.ways(graph, sums, filters, output, image[0], spans, limits, least(plain))
    return Ways.between(sums.before, found)
