"""A model on the runtime alone and on the GPU with the CPU, side by side: what one gives, the other has to give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ops.harness import delegate, difference

from delegraph import Interpreter
from delegraph.delegates.runtime import load_runtime
from delegraph.graph.builder import GraphBuilder


class Both:
    """The runtime's own interpreter and one with the GPU, over the same model."""

    def __init__(self, content: bytes, resolver: str = "BUILTIN_WITHOUT_DEFAULT_DELEGATES") -> None:
        runtime = load_runtime()
        self.theirs = runtime.open(content, experimental_op_resolver_type=runtime.resolver(resolver))
        self.ours = Interpreter(model_content=content, delegates=[delegate()])
        self.allocate()

    def allocate(self) -> None:
        """`allocate_tensors` of both."""
        for it in (self.theirs, self.ours):
            it.allocate_tensors()

    def resize(self, *shapes: Sequence[int]) -> None:
        """Give inputs these shapes, in order, and allocate."""
        for it in (self.theirs, self.ours):
            for detail, shape in zip(it.get_input_details(), shapes, strict=False):
                it.resize_tensor_input(detail["index"], shape)
        self.allocate()

    def run(self, *inputs: Any, tolerance: float = 1e-5) -> list[NDArray[Any]]:
        """One inference of both: asserts that the outputs are alike, and returns ours."""
        found = []
        for it in (self.theirs, self.ours):
            for detail, value in zip(it.get_input_details(), inputs, strict=True):
                it.set_tensor(detail["index"], np.asarray(value))
            it.invoke()
            found.append([it.get_tensor(detail["index"]) for detail in it.get_output_details()])
        for want, got in zip(*found, strict=True):
            if want.dtype == object:
                assert got.dtype == object and np.array_equal(got, want)
            else:
                assert difference(got, want) <= tolerance
        return found[1]

    def homes(self) -> list[str]:
        """What each op runs on, in order; "" for one that is folded."""
        return ["" if d.folded else d.delegate for d in self.ours.plan.decisions]

    def __enter__(self) -> Both:
        return self

    def __exit__(self, *exc: object) -> None:
        self.ours.close()


def conv(b: GraphBuilder, x: int, shape: tuple[int, ...], seed: int = 0) -> int:
    """A 3x3 convolution that keeps the shape (n, h, w, c), with a RELU."""
    rng = np.random.default_rng(seed)
    c = shape[-1]
    weights = b.constant((rng.standard_normal((c, 3, 3, c)) / 3).astype(np.float32))
    bias = b.constant(rng.standard_normal(c).astype(np.float32))
    signature = (-1, *shape[1:])
    return b.op(
        "CONV_2D", [x, weights, bias], shape, stride_w=1, stride_h=1, padding="SAME", shape_signature=signature,
        fused_activation_function="RELU",
    )  # fmt: skip


def noise(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    """Normal values."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
