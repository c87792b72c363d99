"""Constants of constants: bit-identical to what the runtime makes, and computed only when looked at."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph, Quantization, Tensor
from delegraph.graph.read import read
from delegraph.graph.sparse import DENSE, SPARSE_CSR, check_sparsity, densify, sparsify

interpreter = pytest.importorskip("ai_edge_litert.interpreter")


def folded_by_runtime(graph: Graph, tensor: int) -> NDArray[np.float32]:
    runtime = interpreter.Interpreter(
        model_content=graph.model.content,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=interpreter.OpResolverType.BUILTIN_REF,
    )
    runtime.allocate_tensors()
    runtime.invoke()
    value: NDArray[np.float32] = runtime.get_tensor(tensor)
    return value


def with_constant(make: str, value: NDArray[np.generic], quantization: Quantization | None = None) -> tuple[Graph, int]:
    """A graph that adds a folded constant of value's shape to its input."""
    b = GraphBuilder()
    x = b.input(value.shape)
    constant = b.constant(value, make, quantization=quantization)
    made = b.op("DEQUANTIZE", [constant], value.shape, dtype="FLOAT32")
    b.output(b.op("ADD", [x, made], value.shape))
    return read(b.build()).graphs[0], made


def integers(kind: str, *shape: int) -> NDArray[np.generic]:
    limits = (-8, 7) if kind == "INT4" else (np.iinfo(kind.lower()).min, np.iinfo(kind.lower()).max)
    dtype = "int8" if kind == "INT4" else kind.lower()
    return np.random.default_rng(3).integers(*limits, shape, endpoint=True).astype(dtype)


@pytest.mark.parametrize("kind", ["INT8", "UINT8", "INT16", "INT4"])
def test_dequantize_per_tensor(kind: str) -> None:
    q = Quantization(np.float32([0.0371]), np.int64([5 if kind != "INT16" else 0]))
    graph, made = with_constant(kind, integers(kind, 5, 7), q)
    assert graph.folded_ops == {0}
    assert graph.folded[made].array.tobytes() == folded_by_runtime(graph, made).tobytes()


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_dequantize_per_channel(axis: int) -> None:
    value = integers("INT8", 3, 4, 5, 2)
    count = value.shape[axis]
    q = Quantization(np.linspace(0.01, 0.3, count, dtype=np.float32), np.arange(count, dtype=np.int64), axis)
    graph, made = with_constant("INT8", value, q)
    assert graph.folded[made].array.tobytes() == folded_by_runtime(graph, made).tobytes()


def test_dequantize_half_floats() -> None:
    value = np.array([0, -0.0, 1, -2.5, 65504, 6e-8, 1e-5, np.inf, -np.inf], np.float16)
    graph, made = with_constant("FLOAT16", value)
    assert graph.folded[made].array.tobytes() == folded_by_runtime(graph, made).tobytes()
    assert graph.folded[made].type == "FLOAT32" and not graph.folded[made].array.flags.writeable


def sparse_values(*shape: int, dtype: str = "float32") -> NDArray[np.generic]:
    rng = np.random.default_rng(sum(shape))
    value = rng.integers(-5, 6, shape)
    value[rng.random(shape) < 0.7] = 0
    return value.astype(dtype)


LAYOUTS = [
    ((6, 8), [DENSE, SPARSE_CSR], None, None),
    ((6, 8), [SPARSE_CSR, SPARSE_CSR], None, None),
    ((6, 8), [SPARSE_CSR, DENSE], None, None),
    ((6, 8), [DENSE, SPARSE_CSR], [1, 0], None),
    ((8, 12), [DENSE, SPARSE_CSR, DENSE], [0, 1, 2], {1: 4}),
    ((8, 12), [DENSE, SPARSE_CSR, DENSE, DENSE], [0, 1, 2, 3], {0: 2, 1: 4}),
    ((8, 12), [DENSE, SPARSE_CSR, DENSE, DENSE], [1, 0, 3, 2], {0: 2, 1: 4}),
    ((4, 3, 3, 8), [DENSE, DENSE, DENSE, SPARSE_CSR], None, None),
    ((4, 1, 1, 8), [DENSE, DENSE, DENSE, SPARSE_CSR, DENSE], [0, 1, 2, 3, 4], {0: 2}),
    ((300, 2), [DENSE, SPARSE_CSR], [1, 0], None),
    ((0, 3), [DENSE, SPARSE_CSR], None, None),
]


@pytest.mark.parametrize(("shape", "formats", "order", "blocks"), LAYOUTS)
def test_sparse_and_back(
    shape: tuple[int, ...], formats: list[int], order: list[int] | None, blocks: dict[int, int] | None
) -> None:
    value = sparse_values(*shape)
    table, stored = sparsify(value, formats, order or (), blocks)
    assert check_sparsity("", {**table, "dim_metadata": [_whole(d) for d in table["dim_metadata"]]}, shape) == len(
        stored
    )
    table["dim_metadata"] = [_whole(d) for d in table["dim_metadata"]]
    assert np.array_equal(densify(table, shape, stored), value)


def _whole(metadata: dict[str, object]) -> dict[str, object]:
    return {"dense_size": 0, "array_segments": None, "array_indices": None, **metadata}


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if 0 not in layout[0]], ids=str)
def test_densify_is_the_runtimes(
    dtype: str, layout: tuple[tuple[int, ...], list[int], list[int] | None, dict[int, int] | None]
) -> None:
    shape, formats, order, blocks = layout
    b = GraphBuilder()
    x = b.input(shape)
    q = Quantization(np.float32([0.5]), np.int64([2])) if dtype == "int8" else None
    value = sparse_values(*shape, dtype=dtype)
    sparse = b.sparse_constant(value, formats, order=order or (), blocks=blocks, quantization=q)
    made = b.op("DENSIFY", [sparse], shape, quantization=q)
    if dtype != "float32":
        made = b.op("DEQUANTIZE", [made], shape, dtype="FLOAT32")
    b.output(b.op("ADD", [x, made], shape))
    graph = read(b.build()).graphs[0]
    found = graph.constant(sparse)  # nobody may take the stored values for the dense ones
    assert found is not None and np.array_equal(found, value)
    assert graph.folded[made].array.tobytes() == folded_by_runtime(graph, made).tobytes()
    expected = (value.astype(np.float32) - 2) / 2 if q else value.astype(np.float32)
    assert np.array_equal(graph.folded[made].array, expected)


def test_what_does_not_fold() -> None:
    b = GraphBuilder()
    half = b.constant(np.float16([1, 2]))
    out = b.op("DEQUANTIZE", [half], (2,), dtype="FLOAT32")  # the user asks for it, so it has to be made
    live = b.op("DEQUANTIZE", [b.input((2,), "FLOAT16")], (2,), dtype="FLOAT32")
    b.output(out, live, b.op("ADD", [out, live], (2,)))
    graph = read(b.build()).graphs[0]
    assert not graph.folded and not graph.folded_ops
    assert graph.boundary([2]) == ((out, live), (live + 1,))


def test_folding_waits_for_the_first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    from delegraph.graph import fold

    graph, made = with_constant("FLOAT16", np.float16([1, 2]))
    calls = itertools.count()
    original = fold.dequantized

    def counted(source: Tensor) -> NDArray[np.float32]:
        next(calls)
        return original(source)

    monkeypatch.setattr(fold, "dequantized", counted)
    assert made in graph.folded and len(graph.folded) == 1 and graph.is_constant(made)
    assert graph.boundary([1])[0] == graph.inputs and next(calls) == 0
    first = graph.constant(made)
    assert graph.constant(made) is not None and next(calls) == 2
    assert first is not None and first.tolist() == [1, 2]
