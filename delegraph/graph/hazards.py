"""What a row of check.py cannot say: relations between values that make a kernel abort or leave its memory.

Only what the file holds can be checked ahead. Values that a model computes while it runs are left to the kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .examined import Case
from .recurrent import gates, states, svdf
from .tensors import MAX_ELEMENTS, MAX_RANK

MAX_MADE = 1 << 28  # elements that a constant may ask for where kernels do not look whether they got the memory
MAX_WINDOW = 1 << 16


def output_scale(case: Case) -> None:
    """QuantizeMultiplierSmallerThanOneExp aborts where the output's scale is too small beside the inputs'."""
    a, b, out = (case.tensors[t] for t in (*case.op.inputs, *case.op.outputs))
    shift = {"INT8": 20, "UINT8": 20, "INT16": 15}.get(out.type)
    if shift is None or out.quantization is None:
        return
    widest = 2 * max((float(t.quantization.scales[0]) for t in (a, b) if t.quantization is not None), default=0.0)
    least = widest**2 / (1 << 14) if case.op.kind == "SQUARED_DIFFERENCE" else widest / (1 << shift)
    if not 0 < least < float(out.quantization.scales[0]):
        case.wrong("outputs[0]", f"scale {out.quantization.scales[0]:g} is too far below its inputs' {widest / 2:g}")


def addition(case: Case) -> None:
    """ADD of 16 bits with scales that are powers of 2 takes no heed of shapes."""
    output_scale(case)
    a, b, out = (case.tensors[t] for t in (*case.op.inputs, *case.op.outputs))
    found = [float(t.quantization.scales[0]) for t in (a, b, out) if t.quantization is not None]
    powers = len(found) == 3 and all(abs(math.log2(s) - round(math.log2(s))) < 1e-3 for s in found if s > 0)
    if out.type == "INT16" and case.op.options["pot_scale_int16"] and powers and a.shape != b.shape:
        case.wrong("inputs[1]", f"shape {list(b.shape)} beside {list(a.shape)}, with scales that are powers of 2")


def scales(case: Case) -> None:
    """Comparisons abort on a scale of 1, and on one that is not above 0."""
    for i in (0, 1):
        q, type = case.input(i).quantization, case.input(i).type
        scaled = type in ("INT8", "UINT8") or (type == "INT16" and case.op.kind in ("EQUAL", "NOT_EQUAL"))
        if scaled and q is not None and q.scales.size and not 0 < float(q.scales[0]) != 1:
            case.wrong(f"inputs[{i}]", f"a scale of {q.scales[0]:g}")


def slope(case: Case) -> None:
    """PRELU reads its slopes as they should be, whatever they are."""
    wanted = {"INT16": ("INT8", "INT16")}.get(case.input(0).type, (case.input(0).type,))
    if case.input(1).type not in wanted:
        case.wrong("inputs[1]", f"{case.input(1).type}, where PRELU wants {' or '.join(wanted)}")


def same_shape(case: Case) -> None:
    """XNNPACK takes the output's shape from the file where the input is a constant."""
    source, result = case.input(0).shape, case.tensors[case.op.outputs[0]].shape
    if source and result and source != result:
        case.wrong("outputs[0]", f"shape {list(result)}, where the input has {list(source)}")


def shape_at(i: int) -> Callable[[Case], None]:
    """Input `i` gives the output's shape."""

    def check(case: Case) -> None:
        if case.input(i).size > MAX_RANK:
            case.wrong(f"inputs[{i}]", f"{case.input(i).size} dimensions are more than {MAX_RANK}")
        case.within(i, 0, MAX_MADE, MAX_MADE)

    return check


def slice_(case: Case) -> None:
    """tflite-runtime 2.14 checks neither the bounds of constants nor the output's shape in the file."""
    shape, out = np.array(case.input(0).shape, np.int64), case.tensors[case.op.outputs[0]]
    begin, size = case.ints(1), case.ints(2)
    for i, value in ((1, begin), (2, size)):
        if value is not None and len(value) != len(shape):
            case.wrong(f"inputs[{i}]", f"{len(value)} values for rank {len(shape)}")
    start = begin if begin is not None else np.zeros(len(shape), np.int64)
    if ((start < 0) | (start > shape)).any():
        case.wrong("inputs[1]", f"{start.tolist()} is outside {shape.tolist()}")
    if size is None:
        return
    if ((size < -1) | (start + size > shape)).any():
        case.wrong("inputs[2]", f"{size.tolist()} from {start.tolist()} is outside {shape.tolist()}")
    made = np.where(size < 0, shape - start, size).tolist()
    known = begin is not None or (size >= 0).all()
    if known and out.shape and -1 not in out.shape_signature and made != list(out.shape):
        case.wrong("outputs[0]", f"shape {list(out.shape)}, where {made} comes out")


def broadcast_args(case: Case) -> None:
    """Shapes that do not broadcast abort."""
    a, b = case.ints(0), case.ints(1)
    for x, y in zip(a[::-1], b[::-1], strict=False) if a is not None and b is not None else ():
        if x != y and 1 not in (x, y):
            case.wrong("inputs[1]", f"{y} does not broadcast with {x}")


def places(indices: int, shape: int) -> Callable[[Case], None]:
    """Rows of input `indices` are places in a tensor of the shape that input `shape` gives."""

    def check(case: Case) -> None:
        case.within(shape, 1, MAX_MADE, MAX_MADE)
        rows, sizes = case.ints(indices), case.ints(shape)
        if rows is None or sizes is None or not len(rows):
            return
        # SPARSE_TO_DENSE also takes a list of places in a vector, and one place.
        width = 1 if len(sizes) == 1 else (case.input(indices).shape or (1,))[-1]
        if not 0 < width <= len(sizes):
            case.wrong(f"inputs[{indices}]", f"places of {width} numbers in {sizes.tolist()}")
        found = rows.reshape(-1, width)
        if ((found < 0) | (found >= sizes[:width])).any():
            case.wrong(f"inputs[{indices}]", f"a place outside {sizes.tolist()}")

    return check


def transpose_conv(case: Case) -> None:
    """The input has to be what a convolution of the output would give, or the kernel writes outside it."""
    shape = case.ints(0)
    if shape is None:
        return
    weights, source, options = case.input(1).shape, case.input(2).shape, case.op.options
    if len(shape) != len(source) or (shape < 1).any() or np.prod(shape.astype(float)) > MAX_MADE:
        case.wrong("inputs[0]", f"{shape.tolist()} is not the shape of an output")
    if shape[0] != source[0] or shape[-1] != weights[0 if len(shape) == 4 else 3]:
        case.wrong("inputs[0]", f"{shape.tolist()} does not fit {list(source)} and {list(weights)}")
    strides = [options[name] for name in ("stride_d", "stride_h", "stride_w") if name in options]
    filters = weights[1:3] if len(shape) == 4 else weights[:3]
    for d, (stride, size) in enumerate(zip(strides, filters, strict=True), 1):
        reach = int(shape[d]) if options["padding"] == "SAME" else int(shape[d]) - size + 1
        if -(-reach // stride) != source[d]:
            case.wrong("inputs[0]", f"{shape.tolist()} does not come of {list(source)} with filter {list(filters)}")


def windows(case: Case) -> None:
    """Windows, strides and dilations, one for each dimension."""
    for i in (1,) if case.op.kind == "DILATE" else (2, 3, 4):
        case.within(i, 1, MAX_WINDOW)
        found = case.ints(i)
        if found is not None and len(found) != len(case.input(0).shape):
            case.wrong(f"inputs[{i}]", f"{len(found)} values for rank {len(case.input(0).shape)}")


def radius(case: Case) -> None:
    """A negative one counts backwards out of the row."""
    if not 0 <= case.op.options["radius"] <= MAX_WINDOW:
        case.wrong("options.radius", f"{case.op.options['radius']} is not a radius")


def pad(case: Case) -> None:
    """The output must have a size."""
    shape, around = case.input(0).shape, case.ints(1)
    if around is None or len(around) != 2 * len(shape):
        return
    made = np.array(shape, float) + around.reshape(-1, 2).sum(axis=1)
    if (around < 0).any() or np.prod(made) > MAX_ELEMENTS:
        case.wrong("inputs[1]", f"{around.tolist()} around {list(shape)}")


def resize(case: Case) -> None:
    """The output must have a size."""
    batch, _, _, channels = case.input(0).shape
    case.within(1, 1, MAX_ELEMENTS, MAX_ELEMENTS / max(batch * channels, 1))


def tile(case: Case) -> None:
    """The output must have a size."""
    case.within(1, 0, MAX_MADE, MAX_MADE / max(case.input(0).size, 1))


def divisor(case: Case) -> None:
    """Integers divided by 0 end the process."""
    by = case.ints(1)
    if by is not None and (by == 0).any() and case.input(1).quantization is None:
        case.wrong("inputs[1]", "integers are divided by 0")


def progression(case: Case) -> None:
    """Start, limit and step, which is not 0."""
    for i in range(3):
        case.within(i, -MAX_MADE, MAX_MADE)
    step = case.ints(2)
    if step is not None and (step == 0).any():
        case.wrong("inputs[2]", "the step is 0")


def steps(case: Case) -> None:
    """Steps of a strided slice, which are not 0; ends that count from begins go with none but the input's axes."""
    case.within(3, -MAX_WINDOW, MAX_WINDOW)
    found = case.ints(3)
    if found is not None and (found == 0).any():
        case.wrong("inputs[3]", "a step is 0")
    options = case.op.options
    if options["offset"] and (options["ellipsis_mask"] or options["new_axis_mask"]):
        case.wrong("options.offset", "it goes with neither an ellipsis nor a new axis")


def segments(case: Case) -> None:
    """The number of segments, each of them a row of the output."""
    case.within(2, 0, MAX_MADE // max(math.prod(case.input(0).shape[1:]), 1))


def top(case: Case) -> None:
    """How many of the last dimension."""
    case.within(1, 1, (case.input(0).shape or (0,))[-1])


def groups(case: Case) -> None:
    """Filters of a grouped convolution divide the channels evenly."""
    channels, (out, *_, each) = case.input(0).shape[-1], case.input(1).shape
    if channels % each or out % (channels // each):
        case.wrong("inputs[1]", f"{out} filters of {each} channels do not fit {channels} channels")


def workspace(case: Case) -> None:
    """Where weights are shuffled, the input is copied into the second output, whatever size that has."""
    found = case.tensors[case.op.outputs[-1]]
    if case.op.options["weights_format"] != "DEFAULT" and found.size < case.input(0).size:
        case.wrong("outputs[1]", f"shape {list(found.shape)} for an input of {case.input(0).size} values")


def reverse_sequence(case: Case) -> None:
    """Lengths within the dimension they count."""
    case.within(1, 0, case.input(0).shape[case.op.options["seq_dim"]])


def permutation(case: Case) -> None:
    """Every dimension once."""
    rank, order = len(case.input(0).shape), case.ints(1)
    if order is not None and sorted((order % max(rank, 1)).tolist()) != list(range(rank)):
        case.wrong("inputs[1]", f"{order.tolist()} does not order {rank} dimensions")


def diagonal(case: Case) -> None:
    """A diagonal for each matrix."""
    whole, line = case.input(0).shape, case.input(1).shape
    if len(whole) < 2 or line != (*whole[:-2], min(whole[-2:])):
        case.wrong("inputs[1]", f"{list(line)} is not the shape of a diagonal of {list(whole)}")


def shared_name(case: Case) -> None:
    """tflite-runtime 2.14 reads it wherever it is."""
    if case.op.options["shared_name"] is None:
        case.wrong("options.shared_name", "there is none")


HAZARDS: dict[str, Callable[[Case], None]] = {
    kind: check
    for kinds, check in (
        ("ADD", addition),
        ("SQUARED_DIFFERENCE SUB", output_scale),
        ("EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL NOT_EQUAL", scales),
        ("PRELU", slope),
        ("DENSIFY DEQUANTIZE", same_shape),
        ("FILL RANDOM_STANDARD_NORMAL RANDOM_UNIFORM", shape_at(0)),
        ("BROADCAST_TO MULTINOMIAL", shape_at(1)),
        ("SLICE", slice_),
        ("BROADCAST_ARGS", broadcast_args),
        ("SPARSE_TO_DENSE", places(0, 1)),
        ("SCATTER_ND", places(0, 2)),
        ("EMBEDDING_LOOKUP_SPARSE", places(1, 2)),
        ("TRANSPOSE_CONV CONV_3D_TRANSPOSE", transpose_conv),
        ("DILATE REDUCE_WINDOW", windows),
        ("LOCAL_RESPONSE_NORMALIZATION", radius),
        ("TILE", tile),
        ("MIRROR_PAD PAD PADV2", pad),
        ("RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR", resize),
        ("DIV FLOOR_DIV FLOOR_MOD", divisor),
        ("RANGE", progression),
        ("STRIDED_SLICE", steps),
        ("UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_MIN UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_SUM", segments),
        ("TOPK_V2", top),
        ("CONV_2D", groups),
        ("FULLY_CONNECTED", workspace),
        ("REVERSE_SEQUENCE", reverse_sequence),
        ("TRANSPOSE", permutation),
        ("MATRIX_SET_DIAG", diagonal),
        ("RNN UNIDIRECTIONAL_SEQUENCE_RNN BIDIRECTIONAL_SEQUENCE_RNN", states),
        ("SVDF", svdf),
        ("LSTM UNIDIRECTIONAL_SEQUENCE_LSTM BIDIRECTIONAL_SEQUENCE_LSTM", gates),
        ("VAR_HANDLE", shared_name),
    )
    for kind in kinds.split()
}
