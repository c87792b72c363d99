"""What must hold of an op before a native runtime may see it, as one table: runtimes take much of it on trust.

What is stated here was found wanting in ai-edge-litert 2.3 or tflite-runtime 2.14 by corrupting models; what a kernel
checks by itself is left to it. Custom ops, and kinds that no row names, are not checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .examined import Case
from .flat import Budget
from .hazards import HAZARDS
from .model import Op, Tensor

MANY = 1 << 30
MAX_STEP = (1 << 15) - 1  # for strides, dilations and windows, so that no product of them leaves an int

# The only kinds that handle tensors whose elements have no fixed size.
UNSIZED_KINDS = frozenset((
    "ADD_N", "ASSIGN_VARIABLE", "BROADCAST_TO", "CALL", "CALL_ONCE", "CONCATENATION", "EQUAL", "EXPAND_DIMS", "FILL",
    "GATHER", "GATHER_ND", "HASHTABLE", "HASHTABLE_FIND", "HASHTABLE_IMPORT", "HASHTABLE_LOOKUP", "HASHTABLE_SIZE",
    "IF", "LSH_PROJECTION", "NOT_EQUAL", "PACK", "RANK", "READ_VARIABLE", "RESHAPE", "SHAPE", "SKIP_GRAM", "SLICE",
    "SPLIT", "SPLIT_V", "SQUEEZE", "STABLEHLO_COMPOSITE", "STRIDED_SLICE", "TILE", "TRANSPOSE", "UNPACK", "VAR_HANDLE",
    "WHILE",
))  # fmt: skip
# The only kinds, of those that need a scale, that can handle one for each channel.
PER_CHANNEL = frozenset((
    "BATCH_MATMUL", "CONV_2D", "DEPTHWISE_CONV_2D", "DEQUANTIZE", "FULLY_CONNECTED", "QUANTIZE", "TRANSPOSE_CONV",
))  # fmt: skip
# Kinds that may name a dimension more than once.
REPEATING = ("MEAN", "REDUCE_", "SUM")
UNSIZED = ("STRING", "RESOURCE", "VARIANT")
TYPES = {"f": ("FLOAT32",), "i": ("INT32", "INT64"), "n": ("INT32",), "l": ("INT64",), "b": ("BOOL",)}


@dataclass(frozen=True)
class Rule:
    """One row: what must hold of every op of the kinds.

    `inputs` and `outputs` are (fewest, most). `types` gives the type of each input, then after ">" of each output,
    the last standing for all that follow: a capital for whatever type the first so called has, "n" INT32, "l" INT64,
    "i" either, "f" FLOAT32, "b" BOOL, "." any. `absent` lists the inputs that may be -1, `positive` the options from 1
    to MAX_STEP, `ranks` the (least, most) dimensions of an input. `filled` inputs have no empty dimension. `counted`
    gives the option that counts the op's inputs or outputs. `axes` gives an option or constant input that names
    dimensions: of which input, and how many there are beyond its own. Tensors of the `quantized` types have a scale.
    """

    kinds: str
    inputs: tuple[int, int]
    outputs: tuple[int, int] = (1, 1)
    types: str = ". > ."
    absent: tuple[int, ...] = ()
    positive: tuple[str, ...] = ()
    ranks: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    filled: tuple[int, ...] = ()
    counted: Mapping[str, str] = field(default_factory=dict)
    axes: Mapping[int | str, tuple[int, int]] = field(default_factory=dict)
    quantized: tuple[str, ...] = ()


NONE, ONE, TWO, THREE, FOUR, FIVE = ((n, n) for n in range(6))
SOME, ANY = (1, MANY), (0, MANY)
EIGHT, SIXTEEN = ("INT8", "UINT8"), ("INT8", "UINT8", "INT16")
STRIDES = ("stride_w", "stride_h")
DILATIONS = ("dilation_w_factor", "dilation_h_factor")
CUBES = ("stride_d", "dilation_d_factor", *STRIDES, *DILATIONS)
LSTM_ABSENT = (1, 5, 9, 10, 11, 12, 16, 17)
LAYER_NORM = (20, 21, 22, 23)

ROWS = (
    Rule(
        "CEIL COS FLOOR GELU MATRIX_DIAG NEG ROUND SIGN SIN SQUARE SQUEEZE ZEROS_LIKE", ONE, types="T > T"
    ),
    Rule("ABS", ONE, types="T > T", quantized=EIGHT),
    Rule(
        "ELU EXP HARD_SWISH L2_NORMALIZATION LEAKY_RELU LOG LOGISTIC RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 RSQRT "
        "SQRT TANH",
        ONE, types="T > T", quantized=SIXTEEN,
    ),
    Rule("FAKE_QUANT", ONE, types="f > f"),
    Rule("LOG_SOFTMAX", ONE, types="T > T", ranks={0: SOME}, filled=(0,), quantized=EIGHT),
    Rule("SOFTMAX", ONE, ranks={0: SOME}, filled=(0,), quantized=EIGHT),
    Rule("BITCAST BUCKETIZE CAST COMPLEX_ABS DENSIFY HASHTABLE_SIZE IMAG READ_VARIABLE REAL SKIP_GRAM", ONE),
    Rule("DEQUANTIZE QUANTIZE", ONE, quantized=EIGHT),
    Rule("RANDOM_STANDARD_NORMAL RANDOM_UNIFORM", ONE, types="n > ."),
    Rule("RANK SHAPE", ONE, types=". > i"),
    Rule("WHERE", ONE, types=". > l"),
    Rule("LOGICAL_NOT", ONE, types="b > b"),
    Rule("LOCAL_RESPONSE_NORMALIZATION", ONE, types="T > T", ranks={0: FOUR}),
    Rule("DEPTH_TO_SPACE SPACE_TO_DEPTH", ONE, types="T > T", positive=("block_size",), ranks={0: FOUR}),
    Rule(
        "AVERAGE_POOL_2D L2_POOL_2D MAX_POOL_2D", ONE, types="T > T", ranks={0: FOUR}, filled=(0,),
        positive=(*STRIDES, "filter_width", "filter_height"),
    ),
    Rule("UNIQUE", ONE, TWO, types="T > T i"),
    Rule("UNPACK", ONE, SOME, types="T > T", counted={"outputs": "num"}, axes={"axis": (0, 0)}),
    Rule("ADD DIV SQUARED_DIFFERENCE", TWO, types="T T > T", quantized=EIGHT),
    Rule("PRELU", TWO, types="T . > T", quantized=SIXTEEN),
    Rule("SUB", TWO, types="T T > T", quantized=SIXTEEN),
    Rule("MUL", TWO, types="T T > .", quantized=EIGHT),
    Rule("BITWISE_XOR FLOOR_DIV FLOOR_MOD MAXIMUM MINIMUM POW RIGHT_SHIFT", TWO, types="T T > T"),
    Rule("ATAN2", TWO, types="T T > T", filled=(0, 1)),
    Rule("EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL NOT_EQUAL", TWO, types="T T > b", quantized=EIGHT),
    Rule("LOGICAL_AND LOGICAL_OR", TWO, types="b b > b"),
    Rule("MEAN SUM", TWO, types="T i > T", axes={1: (0, 0)}, quantized=EIGHT),
    Rule("REDUCE_MAX REDUCE_MIN REDUCE_PROD", TWO, types="T i > T", axes={1: (0, 0)}),
    Rule("REDUCE_ALL REDUCE_ANY", TWO, types="b i > b", axes={1: (0, 0)}),
    Rule("RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR", TWO, types="T n > T", ranks={0: FOUR}, filled=(0,)),
    Rule("BROADCAST_TO GATHER_ND PAD SEGMENT_SUM TILE", TWO, types="T . > T"),
    Rule("MIRROR_PAD", TWO, types="T i > T", filled=(0,)),
    Rule("REVERSE_SEQUENCE", TWO, types="T i > T", ranks={0: (2, MANY)}, axes={"seq_dim": (0, 0), "batch_dim": (0, 0)}),
    Rule("MATRIX_SET_DIAG", TWO, types="T T > T", filled=(0, 1)),
    Rule("CUMSUM TRANSPOSE", TWO, types="T n > T", axes={1: (0, 0)}),
    Rule("REVERSE_V2", TWO, types="T n > T", axes={1: (0, 0)}, filled=(0, 1)),
    Rule("EXPAND_DIMS", TWO, types="T i > T", axes={1: (0, 1)}),
    Rule("GATHER", TWO, types="T . > T", axes={"axis": (0, 0)}),
    Rule("BATCH_MATMUL", TWO, types="T . > .", ranks={0: (2, MANY), 1: (2, MANY)}, filled=(0, 1), quantized=EIGHT),
    Rule("BROADCAST_ARGS", TWO, types="T T > T"),
    Rule("FILL", TWO, types="i T > T"),
    Rule("ARG_MAX ARG_MIN", TWO, types=". i > i", filled=(0,), axes={1: (0, 0)}),
    Rule("MULTINOMIAL", TWO, types=". n > i"),
    Rule("EMBEDDING_LOOKUP", TWO, types="n . > ."),
    Rule("RFFT2D", TWO, types=". n > ."),
    Rule("TOPK_V2", TWO, TWO, types="T . > T ."),
    Rule("SPLIT", TWO, SOME, types="n T > T", counted={"outputs": "num_splits"}, axes={0: (1, 0)}),
    Rule("ASSIGN_VARIABLE", TWO, NONE),
    Rule("RESHAPE", (1, 2), types="T . > T"),
    Rule("PACK", SOME, types="T > T", counted={"inputs": "values_count"}, axes={"axis": (0, 1)}),
    Rule("CONCATENATION", SOME, types="T > T", axes={"axis": (0, 0)}),
    Rule("ADD_N", SOME, types="T > T"),
    Rule("SELECT SELECT_V2", THREE, types="b T T > T"),
    Rule("BATCH_TO_SPACE_ND SLICE SPACE_TO_BATCH_ND", THREE, types="T i i > T"),
    Rule("DYNAMIC_UPDATE_SLICE", THREE, types="T T i > T"),
    Rule("PADV2", THREE, types="T . T > T"),
    Rule("RANGE", THREE, types="T T T > T"),
    Rule("SCATTER_ND", THREE, types="n T n > T"),
    Rule(
        "UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_MIN UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_SUM", THREE, types="T n n > T"
    ),
    Rule("DILATE", THREE, types="T n T > T"),
    Rule("HASHTABLE_FIND", THREE),
    Rule("SPLIT_V", THREE, SOME, types="T i n > T", filled=(0,), counted={"outputs": "num_splits"}, axes={2: (0, 0)}),
    Rule("HASHTABLE_IMPORT", THREE, NONE),
    Rule("HASHTABLE_LOOKUP", THREE, TWO, types="n . T > T ."),
    Rule("STRIDED_SLICE", (4, 5), types="T i i i . > T"),
    Rule("ONE_HOT", FOUR, types="i . T T > T", axes={"axis": (0, 1)}),
    Rule("SPARSE_TO_DENSE", FOUR, types="i i T T > T"),
    Rule("NON_MAX_SUPPRESSION_V4", FIVE, TWO),
    Rule("NON_MAX_SUPPRESSION_V5", (6, 6), THREE),
    Rule("EMBEDDING_LOOKUP_SPARSE", FIVE, types="n n n T T > T"),
    Rule("REDUCE_WINDOW", FIVE, types="T T l l l > T"),
    Rule("LSH_PROJECTION", (2, 3), types="f . f > n", filled=(1,)),
    Rule("HASHTABLE VAR_HANDLE", NONE),
    Rule(
        "CONV_2D", (2, 3), types="T . . > T", absent=(2,), positive=(*STRIDES, *DILATIONS), ranks={0: FOUR, 1: FOUR},
        filled=(0, 1), quantized=EIGHT,
    ),
    Rule(
        "DEPTHWISE_CONV_2D", THREE, types="T . . > T", absent=(2,), positive=(*STRIDES, *DILATIONS),
        ranks={0: FOUR, 1: FOUR}, filled=(0, 1), quantized=EIGHT,
    ),
    Rule(
        "TRANSPOSE_CONV", (3, 4), types="n . T . > T", absent=(3,), positive=STRIDES, ranks={1: FOUR, 2: FOUR},
        filled=(1, 2), quantized=EIGHT,
    ),
    Rule("CONV_3D", (2, 3), types="T . . > T", absent=(2,), positive=CUBES, ranks={0: FIVE, 1: FIVE}, filled=(0, 1)),
    Rule(
        "CONV_3D_TRANSPOSE", (3, 4), types="n . T . > T", absent=(3,), positive=CUBES, ranks={1: FIVE, 2: FIVE},
        filled=(1, 2),
    ),
    Rule("FULLY_CONNECTED", (2, 3), (1, 2), absent=(2,), ranks={1: (2, MANY)}, filled=(0, 1), quantized=EIGHT),
    Rule("SVDF", FIVE, types="T . . . . > T", absent=(3,), positive=("rank",), ranks={0: TWO}, filled=(0, 1, 2)),
    Rule("RNN", FIVE, types="T . . T T > T", ranks={0: TWO}, filled=(0, 1, 2)),
    Rule("UNIDIRECTIONAL_SEQUENCE_RNN", FIVE, types="T . . T T > T", ranks={0: THREE}, filled=(0, 1, 2)),
    Rule(
        "BIDIRECTIONAL_SEQUENCE_RNN", (12, 12), (1, 2), types="T . . T T . . T T . > T", absent=(9, 10, 11),
        ranks={0: THREE}, filled=(0, 1, 2),
    ),
    Rule("LSTM", (5, 24), (1, 4), types="T . > .", absent=(*LSTM_ABSENT, *LAYER_NORM), ranks={0: TWO}, filled=(0,)),
    Rule(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", (20, 24), types="T . > T", absent=(*LSTM_ABSENT, *LAYER_NORM), ranks={0: THREE},
        filled=(0,),
    ),
    Rule(
        "BIDIRECTIONAL_SEQUENCE_LSTM", (48, 48), (1, 2), types="T . > T", ranks={0: THREE}, filled=(0,),
        absent=(*LSTM_ABSENT, *(17 + i for i in LSTM_ABSENT), *range(39, 48)),
    ),
    Rule(
        "STABLEHLO_ADD STABLEHLO_MAXIMUM STABLEHLO_MINIMUM STABLEHLO_MULTIPLY STABLEHLO_PAD STABLEHLO_REDUCE_WINDOW",
        TWO,
        types="T T > T",
    ),
    Rule("STABLEHLO_GATHER", TWO, types="T i > T"),
    Rule("STABLEHLO_SCATTER", THREE, types="T i T > T"),
    Rule("STABLEHLO_RNG_BIT_GENERATOR", ONE, TWO),
    Rule("CALL_ONCE", NONE, NONE),
    Rule("IF", SOME, ANY),
    Rule("CALL STABLEHLO_COMPOSITE STABLEHLO_WHILE WHILE", ANY, ANY),
)  # fmt: skip

RULES = {kind: rule for rule in ROWS for kind in rule.kinds.split()}


def check_op(path: str, op: Op, tensors: Sequence[Tensor], budget: Budget) -> None:
    """Raises InvalidModel naming the first field of an op that breaks its kind's rule."""
    if op.kind == "CUSTOM":
        return
    case = Case(path, op, tensors, budget)
    for name, found in (("inputs", op.inputs), ("outputs", op.outputs)):
        for i, t in enumerate(found):
            if t >= 0 and tensors[t].type in UNSIZED and op.kind not in UNSIZED_KINDS:
                case.wrong(f"{name}[{i}]", f"{op.kind} does not take {tensors[t].type}")
    rule = RULES.get(op.kind)
    if rule is not None:
        _check_counts(case, rule)
        _check_types(case, rule)
        _check_sizes(case, rule)
        _check_axes(case, rule)
    if op.kind in HAZARDS:
        HAZARDS[op.kind](case)


def _check_counts(case: Case, rule: Rule) -> None:
    op = case.op
    for name, found, (least, most) in (("inputs", op.inputs, rule.inputs), ("outputs", op.outputs, rule.outputs)):
        if not least <= len(found) <= most:
            wanted = str(least) if least == most else f"{least} to {most}" if most < MANY else f"at least {least}"
            case.wrong(name, f"{len(found)}, where {op.kind} has {wanted}")
        counter = rule.counted.get(name)
        if counter is not None and op.options[counter] != len(found):
            case.wrong(f"options.{counter}", f"{op.options[counter]}, where there are {len(found)} {name}")
    for i, t in enumerate(op.inputs):
        if t < 0 and i not in rule.absent:
            case.wrong(f"inputs[{i}]", f"{op.kind} cannot do without it")


def _check_types(case: Case, rule: Rule) -> None:
    op, bound = case.op, dict(TYPES)
    for name, found, wanted in zip(("inputs", "outputs"), (op.inputs, op.outputs), rule.types.split(">"), strict=True):
        letters = wanted.split()
        for i, t in enumerate(found):
            if t < 0:
                continue
            tensor, letter = case.tensors[t], letters[min(i, len(letters) - 1)]
            if tensor.type in rule.quantized:
                scales = 0 if tensor.quantization is None else len(tensor.quantization.scales)
                if not scales or (scales > 1 and op.kind not in PER_CHANNEL):
                    case.wrong(f"{name}[{i}]", f"{tensor.type} with {scales} scales, where {op.kind} needs one")
            allowed = (tensor.type,) if letter == "." else bound.setdefault(letter, (tensor.type,))
            if tensor.type not in allowed:
                case.wrong(f"{name}[{i}]", f"{tensor.type}, where {op.kind} wants {' or '.join(allowed)}")


def _check_sizes(case: Case, rule: Rule) -> None:
    op = case.op
    for name in rule.positive:
        if not 0 < op.options[name] <= MAX_STEP:
            case.wrong(f"options.{name}", f"{op.options[name]} is not from 1 to {MAX_STEP}")
    for i, (least, most) in rule.ranks.items():
        rank = len(case.input(i).shape)
        if not least <= rank <= most:
            wanted = least if most == least else f"at least {least}"
            case.wrong(f"inputs[{i}]", f"rank {rank}, where {op.kind} wants {wanted}")
    for i in rule.filled:
        if 0 in case.input(i).shape:
            case.wrong(f"inputs[{i}]", f"shape {list(case.input(i).shape)} is empty")


def _check_axes(case: Case, rule: Rule) -> None:
    for source, (of, more) in rule.axes.items():
        rank = len(case.input(of).shape) + more
        at = f"inputs[{source}]" if isinstance(source, int) else f"options.{source}"
        named = case.ints(source) if isinstance(source, int) else np.array([case.op.options[source]])
        if named is None or not rank:
            continue
        if ((named < -rank) | (named >= rank)).any():
            case.wrong(at, f"{named.tolist()} is not among {rank} dimensions")
        if len(named) > rank and not case.op.kind.startswith(REPEATING):
            case.wrong(at, f"{named.tolist()} names more than {rank} dimensions")
