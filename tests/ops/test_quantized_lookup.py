"""Ops of one 8-bit operand: all 256 inputs, at many scales."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from delegraph.graph.builder import GraphBuilder

from .harness import check, graph_of, refuses, run_gpu
from .quantized import TYPES, affine, exact, noise

KINDS = ("HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "TANH")
OF_VERSION_1 = ("ELU", "HARD_SWISH", "RELU_0_TO_1", "RELU_N1_TO_1")


def of_all(kind: str, dtype: str, rng: np.random.Generator, made_of: str = "", **options: Any) -> tuple[bytes, Any]:
    """A model of one op, and every value of its input's type."""
    b = GraphBuilder()
    info = np.iinfo(dtype)
    q = affine(rng, dtype, -3, -0.5)
    made = (float(np.float32(q[0] * rng.uniform(0.5, 2))), affine(rng, made_of or dtype)[1])
    if kind in ("LOGISTIC", "TANH"):
        made = (1 / 256, int(info.min)) if kind == "LOGISTIC" else (1 / 128, int(info.min) + 128)
    x = b.input((4, 8, 8), dtype, quantization=q)
    version = 1 if kind in OF_VERSION_1 else 2
    b.output(b.op(kind, [x], (4, 8, 8), dtype=made_of or dtype, quantization=made, op_version=version, **options))
    return b.build(), np.arange(info.min, info.max + 1).astype(dtype).reshape(4, 8, 8)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_input(kind: str, dtype: str) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        options = {"alpha": float(rng.uniform(0.01, 1.5))} if kind == "LEAKY_RELU" else {}
        content, values = of_all(kind, dtype, rng, **options)
        check(content, inputs=[values], tolerance=0.0, launches=1)


def test_elu_has_the_bits_of_the_only_kernel_there_is() -> None:
    for seed in range(8):
        content, values = of_all("ELU", "int8", np.random.default_rng(seed))
        resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        runtime = Interpreter(model_content=content, experimental_op_resolver_type=resolver)
        runtime.allocate_tensors()
        runtime.set_tensor(runtime.get_input_details()[0]["index"], values)
        runtime.invoke()
        wanted = runtime.get_tensor(runtime.get_output_details()[0]["index"])
        np.testing.assert_array_equal(run_gpu(graph_of(content), [values])[0], wanted)


def test_tables_are_stages() -> None:
    """A convolution, what activates it and what dequantises that: one launch."""
    rng = np.random.default_rng(0)
    b = GraphBuilder()
    x = b.input((1, 5, 4, 8), "int8", quantization=(0.3, 20))
    w = b.constant(noise(rng, "int8", (8, 1, 1, 8)), quantization=(0.01, 0))
    bias = b.constant(np.arange(8, dtype=np.int32), quantization=(0.003, 0))
    made = b.op("CONV_2D", [x, w, bias], (1, 5, 4, 8), quantization=(0.2, -9), op_version=3, stride_w=1, stride_h=1)
    made = b.op("LOGISTIC", [made], (1, 5, 4, 8), quantization=(1 / 256, -128), op_version=2)
    b.output(b.op("DEQUANTIZE", [made], (1, 5, 4, 8), dtype="FLOAT32", op_version=2))
    exact(b.build(), rng, launches=1)


def test_refusals() -> None:
    b = GraphBuilder()
    x = b.input((1, 8), "int8", quantization=(0.3, 20))
    b.output(b.op("LEAKY_RELU", [x], (1, 8), quantization=(0.2, -9), alpha=-0.5, op_version=2))
    refuses(b.build(), "alpha")
