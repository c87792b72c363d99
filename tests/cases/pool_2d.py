"""AVERAGE_POOL_2D, MAX_POOL_2D and L2_POOL_2D, of floats and quantised integers."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from axes import ACTIVATIONS, Axis, family
from axes import st as strategies
from case import FLOAT, INT8, INT16, UINT8, Case, Shape, Type, case, scaled

KINDS = ("AVERAGE_POOL_2D", "L2_POOL_2D", "MAX_POOL_2D")
Window = tuple[int, int, int, int]  # height, width, strides
WINDOWS: list[Window] = [
    (2, 2, 2, 2),
    (3, 3, 1, 1),
    (3, 5, 2, 3),
    (1, 1, 2, 2),
    (5, 4, 1, 7),
    (7, 5, 7, 5),
    (9, 7, 1, 1),
]
IMAGES: list[Shape] = [(1, 5, 5, 1), (2, 17, 13, 3), (1, 7, 8, 4), (2, 8, 5, 5), (1, 9, 7, 8), (2, 7, 5, 3)]
images = Axis(IMAGES, strategies.tuples(*(strategies.integers(1, n) for n in (2, 9, 9, 8))))
windows = Axis(WINDOWS, strategies.tuples(*(strategies.integers(1, 5) for _ in range(4))))


def pool(kind: str, source: Type, image: Shape, window: Window, padding: str, activation: str) -> Case | None:
    if padding == "VALID" and (window[0] > image[1] or window[1] > image[2]):
        return None
    h, w, down, right = window
    return case(
        kind, source(image, scaled(3) if source is FLOAT else None), makes=source, tolerance=1e-6, padding=padding,
        filter_height=h, filter_width=w, stride_h=down, stride_w=right, fused_activation_function=activation,
        op_version=1 if source is FLOAT else 2,
    )  # fmt: skip


@family(kind=KINDS, image=images, window=windows, padding=["SAME", "VALID"], activation=ACTIVATIONS)
def of_floats(pick: Random, kind: str, image: Shape, window: Window, padding: str, activation: str) -> Case | None:
    return pool(kind, FLOAT, image, window, padding, activation)


@family(
    kind=["AVERAGE_POOL_2D", "MAX_POOL_2D"], type=[INT8, UINT8, INT16], image=images, window=windows,
    padding=["SAME", "VALID"], activation=ACTIVATIONS, rescaled=[False, True],
)  # fmt: skip
def of_integers(
    pick: Random, kind: str, type: Type, image: Shape, window: Window, padding: str, activation: str, rescaled: bool
) -> Case | None:
    """Integers as they are: a scale of the result's own matters to the activation alone."""
    source = type.affine(pick)
    found = pool(kind, source, image, window, padding, activation)
    return found and replace(found, makes=(type.affine(pick),)) if rescaled else found


CASES = [
    *(
        made
        for kind in KINDS
        for channels in (1, 3, 8)
        if (made := pool(kind, FLOAT, (2, 7, 5, channels), (15, 15, 7, 7), "SAME", "NONE")) is not None
    ),
    *(
        made
        for kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D")
        for type in (INT8, UINT8, INT16)
        if (made := pool(kind, type, (1, 5, 5, 3), (2, 2, 2, 2), "SAME", "NONE")) is not None
    ),
]
