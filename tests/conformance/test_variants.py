"""Each way in which a kernel may do its work, forced on cases of what it serves, whichever the rules would choose."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import cases
from case import Case
from conformance.check import DELEGATES, conforms
from delegraph.shaders import depthwise_conv_2d, product, tiling, winograd

EVERYWHERE, NOWHERE = 0.0, float("inf")
VARIANTS: dict[str, tuple[ModuleType, str, Any]] = {
    "Winograd wherever it can": (winograd, "MOVED", EVERYWHERE),
    "Winograd nowhere": (winograd, "MOVED", NOWHERE),
    "threads along outputs never": (product, "FEW_ROWS", 0),
    "threads along outputs of up to eight rows": (product, "FEW_ROWS", 8),
    **{f"tiles of {p} pixels by {v} fours": (tiling, "SHAPES", ((p, v),)) for p, v in tiling.SHAPES},
    **{f"rows of {n}": (depthwise_conv_2d, "COLUMNS", (n,)) for n in depthwise_conv_2d.COLUMNS},
}
SERVED = {
    winograd: ("conv_2d-conv_2d_wide",),
    product: ("product-fully_connected", "product-batch_matmul", "hybrid-fully_connected", "conv_2d-dense_of_8_bits"),
    tiling: (
        "conv_2d-conv_2d", "conv_2d-conv_2d_wide", "conv_2d-transpose_conv", "conv_2d-grouped", "conv_2d-of_8_bits",
        "conv_2d-computed_filters", "conv_3d-conv_3d", "product-fully_connected", "hybrid-conv_2d",
    ),
    depthwise_conv_2d: ("conv_2d-depthwise_conv_2d", "hybrid-depthwise_conv_2d"),
}  # fmt: skip
FEW = 1  # cases of a family in the quick tier


def chosen() -> list[Any]:
    of = {name: [case for family, case in cases.listed() if family == name] for name in cases.families()}
    return [
        pytest.param(variant, case, id=f"{variant}: {case.label}", marks=[] if k < FEW else [pytest.mark.slow])
        for variant, (module, _, _) in VARIANTS.items()
        for name in SERVED[module]
        for k, case in enumerate(of[name])
    ]


@pytest.mark.parametrize(("variant", "case"), chosen())
def test_variant(variant: str, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*VARIANTS[variant])
    conforms(case, DELEGATES["gl"]())
