"""Convolutions, products, pools, recurrent ops: types of activations, weights, biases and results together."""

from __future__ import annotations

from typing import Any

import numpy as np

from case import FLOAT, FLOAT16, FLOAT64, INT4, INT8, INT16, INT32, INT64, UINT8, Body, Input, Shape, Type, by_channel

from . import ACTIVATIONS, BOTH, COMPLEX, I8, I16, RANKS, TYPES, U8, Forms, form, forms

Types = tuple[Type, Type, Type, Type]  # of the input, the weights, the bias and the output
W8, W4, B32, B64 = INT8.quantized(0.25), INT4.quantized(0.25), INT32.quantized(0.125), INT64.quantized(0.125)


def weighted(channels: int, axis: int) -> list[Types]:
    each, four = (Type(name, by_channel(np.full(channels, 0.25), axis)) for name in ("INT8", "INT4"))
    short, long = (Type(name, by_channel(np.full(channels, 0.125))) for name in ("INT32", "INT64"))
    w_u8 = UINT8.quantized(0.25, 9)
    same: list[Types] = [(t, t, t, t) for t in (FLOAT, FLOAT16, FLOAT64, INT32)]
    return [
        *same, (FLOAT, FLOAT16, FLOAT, FLOAT), (I8, W8, B32, I8), (I8, each, short, I8), (U8, w_u8, B32, U8),
        (I16, W8, B64, I16), (I16, W8, B32, I16), (I16, each, long, I16), (I16, each, short, I16), (I8, W4, B32, I8),
        (I8, four, short, I8), (FLOAT, W8, FLOAT, FLOAT), (FLOAT, each, FLOAT, FLOAT), (FLOAT, w_u8, FLOAT, FLOAT),
        (FLOAT, W4, FLOAT, FLOAT), (FLOAT, four, FLOAT, FLOAT), (I8, W8, B32, I16), (U8, w_u8, B32, I16),
    ]  # fmt: skip


SIZES: dict[str, tuple[Shape, Shape, int, int]] = {  # of the input and the weights, channels, and their axis
    "CONV_2D": ((2, 5, 5, 4), (6, 3, 3, 4), 6, 0), "DEPTHWISE_CONV_2D": ((2, 5, 5, 4), (1, 3, 3, 8), 8, 3),
    "TRANSPOSE_CONV": ((2, 3, 3, 4), (6, 3, 3, 4), 6, 0), "CONV_3D": ((1, 4, 4, 4, 4), (2, 2, 2, 4, 6), 6, 4),
    "CONV_3D_TRANSPOSE": ((1, 3, 3, 3, 4), (2, 2, 2, 6, 4), 6, 3),
}  # fmt: skip


@forms(*SIZES)
def convolutions(kind: str) -> Forms:
    _, sized, channels, axis = SIZES[kind]
    space = "dhw" if "3D" in kind else "hw"
    strides = [{f"stride_{a}": s for a in space} for s in (1, 2)]
    dilated = {f"dilation_{a}_factor": 2 for a in space}
    for types in weighted(channels, axis):
        for padding in ("SAME", "VALID"):
            for there in BOTH:
                for computed in BOTH:
                    yield convolution(kind, types, sized, there, computed, **strides[0], padding=padding)
            yield convolution(kind, types, sized, **strides[1], padding=padding)
            if kind != "TRANSPOSE_CONV":
                yield convolution(kind, types, sized, **strides[0], **dilated, padding=padding)
        for name in ACTIVATIONS:
            yield convolution(kind, types, sized, **strides[0], fused_activation_function=name)
        if kind == "CONV_2D":
            yield convolution(kind, types, (6, 3, 3, 2), **strides[0])
        if kind in ("CONV_2D", "TRANSPOSE_CONV"):
            yield convolution(kind, types, sized, **strides[0], quantized_bias_type=types[2].name)


def convolution(
    kind: str, types: Types, sized: Shape, there: bool = True, computed: bool = False, **options: Any
) -> Any:
    shape, _, channels, _ = SIZES[kind]
    a, w, bias, made = types
    weights, added = w.constant(sized), bias.constant((channels,))
    if computed:
        weights, added = w(sized), bias((channels,))
    if kind == "DEPTHWISE_CONV_2D":
        options["depth_multiplier"] = 2
    if "TRANSPOSE" not in kind:
        return form(kind, a(shape), weights, added if there else None, makes=made, **options)
    space = sized[:3] if "3D" in kind else sized[1:3]
    stride, valid = options["stride_h"], options.get("padding") == "VALID"
    out = [(n - 1) * stride + k if valid else n * stride for n, k in zip(shape[1:-1], space, strict=True)]
    size = [shape[0], *out, channels]
    return form(kind, size, weights, a(shape), added if there else None, makes=made, outputs=[size], **options)


@forms("FULLY_CONNECTED")
def fully_connected(kind: str) -> Forms:
    for a, w, bias, made in weighted(6, 0):
        for name in ACTIVATIONS:
            options: dict[str, Any] = {"fused_activation_function": name, "makes": made}
            for added in (bias.constant((6,)), None, bias((6,))):
                yield form(kind, a((3, 8)), w.constant((6, 8)), added, **options)
                yield form(kind, a((3, 8)), w((6, 8)), added, **options)
        x, weights, added = a((2, 3, 8)), w.constant((6, 8)), bias.constant((6,))
        yield from (form(kind, x, weights, added, makes=made, keep_num_dims=keep) for keep in BOTH)
        yield form(kind, x, weights, added, makes=made, asymmetric_quantize_inputs=True)
        yield form(kind, x, weights, added, makes=made, weights_format="SHUFFLED4x16INT8")
        yield form(kind, x, weights, added, makes=made, quantized_bias_type=bias.name)


BATCHES: list[tuple[Shape, Shape]] = [
    ((), ()), ((2,), (2,)), ((2, 3), (3,)), ((2, 1, 3), (1, 2, 1)), ((1, 2, 1, 3), ()), ((1, 1, 1, 2, 3), (1,)),
]  # fmt: skip


@forms("BATCH_MATMUL STABLEHLO_DOT_GENERAL")
def products(kind: str) -> Forms:
    combos = [*((t, t, t) for t in TYPES), (FLOAT, I8, FLOAT), (I8, I8, B32), (I8, I8, INT32), (I16, I8, I16)]
    for a, b, made in [*combos, (FLOAT, W4, FLOAT)]:
        for left, right in BATCHES:
            if kind != "BATCH_MATMUL":
                batch, n = [*range(len(left))], len(left)
                yield form(
                    kind, a((*left, 2, 5)), b((*right, 5, 4)), makes=made, lhs_batching_dimensions=batch,
                    rhs_batching_dimensions=batch, lhs_contracting_dimensions=[n + 1], rhs_contracting_dimensions=[n],
                )  # fmt: skip
                continue
            for x, y in ((x, y) for x in BOTH for y in BOTH):
                one, two = a((*left, *((5, 2) if x else (2, 5)))), b((*right, *((4, 5) if y else (5, 4))))
                yield form(kind, one, two, makes=made, adj_x=x, adj_y=y)
                yield form(kind, one, two.fixed(), makes=made, adj_x=x, adj_y=y, asymmetric_quantize_inputs=x)


@forms("AVERAGE_POOL_2D MAX_POOL_2D L2_POOL_2D")
def pools(kind: str) -> Forms:
    for type in TYPES:
        for name in ACTIVATIONS:
            for padding in ("SAME", "VALID"):
                for size in (1, 2, 5):
                    window = {"filter_height": size, "filter_width": size, "stride_h": 2, "stride_w": 2}
                    options = {"padding": padding, "fused_activation_function": name}
                    yield form(kind, type((2, 5, 5, 3)), **window, **options)


@forms("STABLEHLO_REDUCE_WINDOW STABLEHLO_SCATTER")
def computations(kind: str) -> Forms:
    for type in TYPES:
        for name in ("ADD", "MULTIPLY", "MAXIMUM", "MINIMUM", "AND", "OR"):
            body, one = Body(f"STABLEHLO_{name}", type), [1, 1]
            if kind == "STABLEHLO_SCATTER":
                along = {"update_window_dims": [1], "inserted_window_dims": [0], "scatter_dims_to_operand_dims": [0]}
                given: list[Input] = [INT32((2, 1)), type((2, 4))]
                made = {"update_computation_subgraph_index": body, "index_vector_dim": 1, "outputs": [(4, 4)]}
                yield form(kind, type((4, 4)), *given, makes=type, **along, **made)
            else:
                steps = {"window_strides": one, "base_dilations": one, "window_dilations": one, "padding": [0] * 4}
                made = {"body_subgraph_index": body, "window_dimensions": [2, 2], "outputs": [(3, 3)]}
                yield form(kind, type((4, 4)), type(()), makes=type, **steps, **made)


@forms("REDUCE_WINDOW RFFT2D")
def windows(kind: str) -> Forms:
    for type in TYPES:
        two = [np.array([2, 2]), *[np.array([1, 1])] * 2]
        if kind == "RFFT2D":
            yield from (form(kind, type(shape), [2, 4], makes=COMPLEX) for shape in RANKS[2:])
        else:
            for name in ("ADD", "MUL", "MINIMUM", "MAXIMUM", "ALL", "ANY"):
                yield form(kind, type((4, 4)), type(np.array(1)), *two, reduce_function=name)


CELLS: list[Types] = [  # of the input, the weights, the bias and the state
    (FLOAT, FLOAT, FLOAT, FLOAT), (FLOAT, W8, FLOAT, FLOAT), (FLOAT, UINT8.quantized(0.25), FLOAT, FLOAT),
    (I8, W8, B32, I16), (I8, W8, B32, I8),
]  # fmt: skip


@forms("SVDF RNN UNIDIRECTIONAL_SEQUENCE_RNN BIDIRECTIONAL_SEQUENCE_RNN")
def cells(kind: str) -> Forms:
    for a, w, b, state in CELLS:
        for name in ACTIVATIONS:
            for flag in BOTH:
                options = {"fused_activation_function": name, "asymmetric_quantize_inputs": flag, "makes": a}
                cell = [w.constant((5, 3)), w.constant((5, 5)), b.constant((5,)), state.variable((2, 5))]
                if kind == "SVDF":
                    recent = INT16.quantized(0.25) if a is I8 and state is I16 else w
                    given = [w.constant((8, 3)), recent.constant((8, 4)), b.constant((4,)), state.variable((2, 32))]
                    yield form(kind, a((2, 3)), *given, rank=2, **options)
                elif kind == "RNN":
                    yield form(kind, a((2, 3)), *cell, **options)
                elif kind.startswith("UNI"):
                    yield from (form(kind, a((2, 2, 3)), *cell, time_major=major, **options) for major in BOTH)
                else:
                    for merged in BOTH:
                        more = {"time_major": flag, "merge_outputs": merged, "outputs": 1 if merged else 2}
                        yield form(kind, a((2, 2, 3)), *cell, *cell, None, None, None, **more, **options)
