"""Convolutions over depth, height and width against the reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .harness import check, refuses
from .single import Input, model, one

Triple = tuple[int, int, int]
ONES: Triple = (1, 1, 1)


def noise(*shape: int, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def options(stride: Triple, dilation: Triple, padding: str, activation: str = "NONE") -> dict[str, Any]:
    named = {f"stride_{a}": n for a, n in zip("dhw", stride, strict=True)}
    named |= {f"dilation_{a}_factor": n for a, n in zip("dhw", dilation, strict=True)}
    return {**named, "padding": padding, "fused_activation_function": activation}


def conv(
    image: tuple[int, ...], kernel: Triple, channels: int, stride: Triple = ONES, dilation: Triple = ONES,
    padding: str = "SAME", activation: str = "NONE", computed: bool = False,
) -> bytes:  # fmt: skip
    shape = (*kernel, image[4], channels)
    filters: list[Input] = [shape, (channels,)] if computed else [noise(*shape), noise(channels, seed=2)]
    return one("CONV_3D", image, *filters, **options(stride, dilation, padding, activation))


def test_a_filter_over_everything_is_a_product() -> None:
    check(conv((3, 2, 4, 3, 4), (2, 4, 3), 5, padding="VALID"), launches=1)


def test_disagreeing_channels_are_refused() -> None:
    same = options(ONES, ONES, "SAME")
    refuses(model("CONV_3D", [(1, 2, 2, 2, 4), noise(1, 1, 1, 2, 4)], [(1, 2, 2, 2, 4)], **same), "groups")
    shape = [1, 2, 2, 2, 3]
    refuses(model("CONV_3D_TRANSPOSE", [shape, noise(1, 1, 1, 4, 2), (1, 2, 2, 2, 2)], [shape], **same), "shape")


def test_a_false_output_shape_is_refused() -> None:
    same = options(ONES, ONES, "SAME")
    refuses(model("CONV_3D", [(1, 2, 2, 2, 4), noise(1, 1, 1, 4, 4)], [(1, 2, 2, 2, 5)], **same), "shape")
    shape = [1, 2, 2, 2, 4]
    refuses(
        model("CONV_3D_TRANSPOSE", [shape, noise(1, 1, 1, 4, 2), (1, 2, 2, 2, 2)], [[1, 2, 2, 2, 5]], **same), "shape"
    )
