"""Models of one op in one line, for tests that no conformance case can be: of launches, of refusals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from case import Case, Input, Type, by_channel, case
from conformance import oracle

__all__ = ["Input", "Type", "by_channel", "model", "one"]


def model(
    kind: str, inputs: Sequence[Input], shapes: Sequence[Sequence[int]], makes: Type | None = None, **options: Any
) -> bytes:
    """One op, whose inputs are given as a case's are, and whose outputs are declared with some shapes."""
    found = case(kind, *inputs, makes=makes, outputs=[tuple(shape) for shape in shapes], **options)
    return oracle.model(found, oracle.drawn(found, np.random.default_rng(0)), [tuple(shape) for shape in shapes])


def one(kind: str, *inputs: Input, outputs: int = 1, makes: Type | None = None, **options: Any) -> bytes:
    """One op with the output shapes that the reference kernels compute.

    Raises RuntimeError where they refuse it, as they do SLICE, where they do not correct the file's shape but compare.
    """
    found: Case = case(kind, *inputs, makes=makes, outputs=outputs, **options)
    held = oracle.drawn(found, np.random.default_rng(0))
    return oracle.model(found, held, oracle.shapes_of(found, held))
