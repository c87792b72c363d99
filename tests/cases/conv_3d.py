"""CONV_3D and CONV_3D_TRANSPOSE."""

from __future__ import annotations

from random import Random
from typing import Any

from axes import ACTIVATIONS, Axis, family
from axes import st as strategies
from case import FLOAT, Case, Shape, case

Triple = tuple[int, int, int]
Window = tuple[Triple, Triple, Triple]  # kernel, stride, dilation
ONES: Triple = (1, 1, 1)
WINDOWS: list[Window] = [
    (ONES, ONES, ONES), ((3, 3, 3), ONES, ONES), ((3, 3, 3), (2, 2, 2), ONES), ((1, 4, 3), (1, 3, 2), ONES),
    ((2, 2, 2), ONES, (2, 1, 3)), ((3, 1, 2), (3, 1, 2), (1, 2, 2)), ((2, 3, 1), (1, 2, 3), (1, 2, 1)),
]  # fmt: skip
triples = strategies.tuples(*[strategies.integers(1, 3)] * 3)
windows = Axis(WINDOWS, strategies.tuples(triples, triples, triples))
images = Axis([(2, 3, 5, 4), (1, 2, 3, 4), (1, 5, 8, 7)], strategies.tuples(*[strategies.integers(1, 6)] * 4))
CHANNELS = [(1, 1), (3, 4), (4, 5), (5, 8), (8, 17), (4, 8)]


def options(window: Window, padding: str, activation: str) -> dict[str, Any]:
    named = {f"stride_{a}": n for a, n in zip("dhw", window[1], strict=True)}
    named |= {f"dilation_{a}_factor": n for a, n in zip("dhw", window[2], strict=True)}
    return {**named, "padding": padding, "fused_activation_function": activation}


@family(
    image=images, channels=CHANNELS, window=windows, padding=["SAME", "VALID"], activation=ACTIVATIONS,
    computed=[False, True],
)  # fmt: skip
def conv_3d(
    pick: Random, image: Shape, channels: tuple[int, int], window: Window, padding: str, activation: str, computed: bool
) -> Case | None:
    kernel, _, dilation = window
    if padding == "VALID" and any((k - 1) * d >= n for k, d, n in zip(kernel, dilation, image[1:], strict=True)):
        return None
    into, out = channels
    filters, bias = FLOAT((*kernel, into, out)), FLOAT((out,))
    given = [filters, bias] if computed else [filters.fixed(), bias.fixed()]
    return case("CONV_3D", (*image, into), *given, **options(window, padding, activation))


@family(
    image=images, channels=CHANNELS, window=windows, padding=["SAME", "VALID"], activation=ACTIVATIONS,
    computed=[False, True], bias=[True, False], other=[0, 1],
)  # fmt: skip
def conv_3d_transpose(
    pick: Random, image: Shape, channels: tuple[int, int], window: Window, padding: str, activation: str,
    computed: bool, bias: bool, other: int,
) -> Case | None:  # fmt: skip
    """`other` takes another of the outputs that the forward convolution maps to the input than the usual one."""
    into, out = channels
    kernel, stride, dilation = window
    if padding == "VALID" and dilation != ONES:
        return None
    sizes = [
        n * s - min(other, s - 1) if padding == "SAME" else (n - 1) * s + k + min(other, s - 1)
        for n, s, k in zip(image[1:], stride, kernel, strict=True)
    ]
    size = [image[0], *sizes, out]
    filters, added = FLOAT((*kernel, out, into)), FLOAT((out,))
    if not computed:
        filters, added = filters.fixed(), added.fixed()
    given = [filters, FLOAT((*image, into)), *([added] if bias else [])]
    return case("CONV_3D_TRANSPOSE", size, *given, outputs=[size], **options(window, padding, activation))
