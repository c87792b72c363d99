"""What gives the shapes of an op's outputs, by its kind."""

from __future__ import annotations

from collections.abc import Sequence

from .model import Op

UNSORTED = ("UNSORTED_SEGMENT_MAX", "UNSORTED_SEGMENT_MIN", "UNSORTED_SEGMENT_PROD", "UNSORTED_SEGMENT_SUM")

# The inputs whose values give an op's output shapes; where one of them is computed, the shapes are not known before.
SHAPE_INPUTS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(
        (
            "ARG_MAX", "ARG_MIN", "BROADCAST_TO", "DILATE", "EXPAND_DIMS", "MEAN", "MIRROR_PAD", "MULTINOMIAL",
            "ONE_HOT", "PAD", "PADV2", "REDUCE_ALL", "REDUCE_ANY", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD",
            "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "RFFT2D", "SEGMENT_SUM", "SPARSE_TO_DENSE",
            "SUM", "TILE", "TOPK_V2", "TRANSPOSE",
        ),
        (1,),
    ),
    **dict.fromkeys(
        (
            "CONV_3D_TRANSPOSE", "FILL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM", "SPLIT", "TRANSPOSE_CONV",
            "WHERE",
        ),
        (0,),
    ),
    **dict.fromkeys(("BATCH_TO_SPACE_ND", "SLICE", "SPACE_TO_BATCH_ND", "SPLIT_V"), (1, 2)),
    **dict.fromkeys(
        (
            *UNSORTED, "EMBEDDING_LOOKUP_SPARSE", "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5", "SCATTER_ND",
        ),
        (2,),
    ),
    "RANGE": (0, 1, 2),
    "REDUCE_WINDOW": (2, 3, 4),
    "STRIDED_SLICE": (1, 2, 3),
}  # fmt: skip

# Of these one constant input gives the whole shape, unless it holds a -1, whatever the other inputs are.
WHOLE_SHAPES = {
    "BROADCAST_TO": 1, "FILL": 0, "NON_MAX_SUPPRESSION_V4": 2, "NON_MAX_SUPPRESSION_V5": 2, "RESHAPE": 1,
    "SCATTER_ND": 2, "SLICE": 2, "SPARSE_TO_DENSE": 1,
}  # fmt: skip

# Shapes that only the run itself gives, or that the file need not state truly.
UNKNOWN = frozenset(("SKIP_GRAM", "STABLEHLO_CUSTOM_CALL", "STABLEHLO_WHILE", "UNIQUE"))

# The options that name the subgraphs which give an op's outputs.
CALLS = {
    "CALL": ("subgraph",), "IF": ("then_subgraph_index", "else_subgraph_index"),
    "STABLEHLO_COMPOSITE": ("decomposition_subgraph_index",), "WHILE": ("body_subgraph_index",),
}  # fmt: skip

# Ops whose outputs a runtime may not give a shape before it runs.
LATE = frozenset((
    *UNKNOWN, *CALLS, *UNSORTED, "ASSIGN_VARIABLE", "CALL_ONCE", "EMBEDDING_LOOKUP_SPARSE", "HASHTABLE",
    "HASHTABLE_FIND", "HASHTABLE_IMPORT", "HASHTABLE_SIZE", "READ_VARIABLE", "VAR_HANDLE",
))  # fmt: skip

# What these give depends on the rank of what they read, not on its sizes.
ABOUT_SHAPES = frozenset(("RANK", "SHAPE"))

UNSIZED_TYPES = frozenset(("RESOURCE", "STRING", "VARIANT"))


def one_each(op: Op, strides: Sequence[int]) -> bool:
    """Whether a strided slice takes one position, or all, of each axis: then its shape is known, wherever it is."""
    o = op.options
    whole = o["begin_mask"] & o["end_mask"] | o["shrink_axis_mask"] | o["new_axis_mask"] | o["ellipsis_mask"]
    return not o["offset"] and all(whole >> k & 1 for k in range(len(strides)))
