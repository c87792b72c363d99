"""SVDF, run after run."""

from __future__ import annotations

from random import Random

from axes import Axis, family
from axes import st as strategies
from case import FLOAT, INT8, INT16, INT32, UINT8, Case, Type, between, case

ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")
SIZES = Axis(  # batches, inputs, units
    [(2, 5, 4), (1, 1, 1), (3, 8, 3)], strategies.tuples(*(strategies.integers(1, 9) for _ in range(3)))
)


def scale_of(type: Type) -> float:
    """The scale of a type that has one."""
    assert isinstance(type.quantization, tuple)
    return type.quantization[0]


@family(activation=ACTIVATIONS, memory=[1, 2, 9], rank=[1, 2, 3], bias=[False, True], size=SIZES)
def svdf(pick: Random, activation: str, memory: int, rank: int, bias: bool, size: tuple[int, int, int]) -> Case:
    batches, inputs, units = size
    filters = units * rank
    return case(
        "SVDF", (batches, inputs), FLOAT.constant((filters, inputs)), FLOAT.constant((filters, memory)),
        FLOAT.constant((units,)) if bias else None, FLOAT.variable((batches, filters * memory)),
        outputs=[(batches, units)], rank=rank, fused_activation_function=activation, runs=3,
    )  # fmt: skip


@family(
    weights=[INT8, UINT8], asymmetric=[False, True], activation=ACTIVATIONS, memory=[1, 3], rank=[1, 2],
    bias=[False, True], size=SIZES, whole=[False, True],
)  # fmt: skip
def hybrid_svdf(
    pick: Random, weights: Type, asymmetric: bool, activation: str, memory: int, rank: int, bias: bool,
    size: tuple[int, int, int], whole: bool,
) -> Case:  # fmt: skip
    """Whole numbers often lie half way between two of the integers that they become."""
    batches, inputs, units = size
    filters = units * rank
    source = FLOAT((batches, inputs), between(-20, 20) if whole else None)
    return case(
        "SVDF", source, weights.affine(pick, zero_point=0).constant((filters, inputs)),
        weights.affine(pick, zero_point=0).constant((filters, memory)), FLOAT.constant((units,)) if bias else None,
        FLOAT.variable((batches, filters * memory)), outputs=[(batches, units)], rank=rank, runs=3,
        fused_activation_function=activation, asymmetric_quantize_inputs=asymmetric,
    )  # fmt: skip


@family(memory=[1, 2, 9], rank=[1, 2, 3], bias=[False, True], size=SIZES)
def quantized_svdf(pick: Random, memory: int, rank: int, bias: bool, size: tuple[int, int, int]) -> Case:
    batches, inputs, units = size
    filters = units * rank
    source, features, times = INT8.affine(pick, -2, -1), INT8.affine(pick, -2, -1, 0), INT16.affine(pick, -4, -3)
    kept = INT16.quantized(scale_of(source) * scale_of(features) * inputs**0.5 * pick.uniform(0.3, 3))
    made = INT8.quantized(
        scale_of(kept) * scale_of(times) * 15000**2 * (memory * rank) ** 0.5 / pick.uniform(20, 200),
        pick.randint(-128, 127),
    )
    added = INT32.quantized(scale_of(kept) * scale_of(times)).constant((units,), between(-(2**28), 2**28))
    return case(
        "SVDF", source((batches, inputs)), features.constant((filters, inputs)), times.constant((filters, memory)),
        added if bias else None,
        kept.variable((batches, filters * memory)), makes=made, outputs=[(batches, units)], rank=rank, runs=3,
        fused_activation_function="RELU", tolerance=0.0,
    )  # fmt: skip
