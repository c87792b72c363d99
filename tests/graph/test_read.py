"""What `read` accepts, and that each kind of bad input names its field."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from delegraph.errors import InvalidModel
from delegraph.graph import flat
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Quantization
from delegraph.graph.read import read

from .kit import noise
from .wholes import control_flow

Tables = dict[str, Any]


def small() -> GraphBuilder:
    """Tensors: 0 input, 1 weights, 2 bias, 3 convolved, 4 sparse, 5 densified, 6 strings, 7 quantised, 8 sum."""
    b = GraphBuilder("small")
    x = b.input((1, 5, 5, 3), name="x")
    weights, bias = b.constant(noise(4, 3, 3, 3)), b.constant(noise(4))
    y = b.op("CONV_2D", [x, weights, bias], (1, 5, 5, 4), name="y", stride_w=1, stride_h=1)
    values = np.zeros((8, 4), np.float32)
    values[::3, 1] = 1
    dense = b.op("DENSIFY", [b.sparse_constant(values, [0, 1, 0], blocks={1: 2})], (8, 4))
    b.constant(["ab", "c"], "STRING")
    scales = Quantization(np.float32([0.1, 0.2]), np.int64([0, 0]), 1)
    b.constant(np.zeros((3, 2), np.int8), quantization=scales)
    b.output(y, b.op("SUM", [dense, b.constant(np.int32([0]))], (4,)))
    b.signature("serving_default", {"x": x}, {"y": y})
    return b


def broken(change: Callable[[Tables], object], content: bytes | None = None) -> bytes:
    """The small model, or another, with something changed in its tables."""
    tables = flat.decode(content or small().build())
    change(tables)
    return flat.encode(tables)


def tensor(i: int, **fields: Any) -> Callable[[Tables], object]:
    return lambda t: t["subgraphs"][0]["tensors"][i].update(fields)


def quantization(**fields: Any) -> Callable[[Tables], object]:
    return lambda t: t["subgraphs"][0]["tensors"][7]["quantization"].update(fields)


def sparsity(**fields: Any) -> Callable[[Tables], object]:
    return lambda t: t["subgraphs"][0]["tensors"][4]["sparsity"].update(fields)


def level(i: int, **fields: Any) -> Callable[[Tables], object]:
    return lambda t: t["subgraphs"][0]["tensors"][4]["sparsity"]["dim_metadata"][i].update(fields)


def operator(i: int, **fields: Any) -> Callable[[Tables], object]:
    return lambda t: t["subgraphs"][0]["operators"][i].update(fields)


def options(i: int, **fields: Any) -> Callable[[Tables], object]:
    return lambda t: t["subgraphs"][0]["operators"][i]["builtin_options"].update(fields)


def subgraph(**fields: Any) -> Callable[[Tables], object]:
    return lambda t: t["subgraphs"][0].update(fields)


def signature(**fields: Any) -> Callable[[Tables], object]:
    return lambda t: t["signature_defs"][0].update(fields)


def buffer_of(i: int, **fields: Any) -> Callable[[Tables], object]:
    return lambda t: t["buffers"][t["subgraphs"][0]["tensors"][i]["buffer"]].update(fields)


def vector(kind: str, *values: int) -> dict[str, Any]:
    return {f"{kind}_type": 1, kind: {"values": np.int32(values)}}


T, OP = "subgraphs[0].tensors[{}].{}", "subgraphs[0].operators[{}].{}"
HUGE = 1 << 30

BAD: list[tuple[Callable[[Tables], object], str]] = [
    (lambda t: t.update(version=2), "version"),
    (lambda t: t.update(subgraphs=[]), "subgraphs"),
    (lambda t: t["operator_codes"][0].update(builtin_code=5000), "operator_codes[0].builtin_code"),
    (
        lambda t: t["operator_codes"][0].update(builtin_code=-4, deprecated_builtin_code=-4),
        "operator_codes[0].builtin_code",
    ),
    (lambda t: t["operator_codes"][0].update(builtin_code=51), "operator_codes[0].builtin_code"),
    (lambda t: t["operator_codes"][0].update(builtin_code=32), "operator_codes[0].custom_code"),
    (lambda t: t["operator_codes"][0].update(version=0), "operator_codes[0].version"),
    (lambda t: t["buffers"][1].update(data=None, offset=HUGE, size=4), "buffers[1].offset"),
    (lambda t: t["buffers"][1].update(data=None, offset=8, size=(1 << 64) - 1), "buffers[1].offset"),
    (tensor(0, type=99), T.format(0, "type")),
    (tensor(0, shape=[1, -5, 5, 3]), T.format(0, "shape[1]")),
    (tensor(0, shape=[1 << 20, 1 << 20]), T.format(0, "shape")),
    (tensor(0, shape=[(1 << 31) - 1] * 4), T.format(0, "shape")),
    (tensor(0, shape=[1] * 50), T.format(0, "shape")),
    (tensor(0, shape_signature=[-1, 5]), T.format(0, "shape_signature")),
    (tensor(0, shape_signature=[-2, 5, 5, 3]), T.format(0, "shape_signature")),
    (tensor(0, buffer=77), T.format(0, "buffer")),
    (tensor(1, shape=[4, 3, 3, 4]), T.format(1, "buffer")),
    (tensor(1, type=2), ""),  # INT32 has as many bytes: the file holds together, the kernel refuses
    (tensor(1, type=4), T.format(1, "buffer")),
    (tensor(1, is_variable=True), T.format(1, "is_variable")),
    (buffer_of(1, data=b""), T.format(1, "buffer")),
    (buffer_of(1, data=bytes(4 * 108 - 1)), T.format(1, "buffer")),
    (buffer_of(1, data=bytes(4 * 108 + 1)), T.format(1, "buffer")),
    (buffer_of(6, data=b""), T.format(6, "buffer")),
    (buffer_of(6, data=np.int32([3, 16, 18, 19]).tobytes() + b"abc"), T.format(6, "buffer")),
    (buffer_of(6, data=np.int32([2, 16, 99, 19]).tobytes() + b"abc"), T.format(6, "buffer")),
    (buffer_of(6, data=np.int32([2, 16, 18, HUGE]).tobytes() + b"abc"), T.format(6, "buffer")),
    (buffer_of(6, data=np.int32([2, -16, 18, 19]).tobytes() + b"abc"), T.format(6, "buffer")),
    (tensor(1, type=13), T.format(1, "buffer")),
    (quantization(zero_point=None), T.format(7, "quantization.zero_point")),
    (quantization(zero_point=[0, 0, 0]), T.format(7, "quantization.zero_point")),
    (quantization(zero_point=[0, 300]), T.format(7, "quantization.zero_point")),
    (quantization(scale=[0.1, float("inf")]), T.format(7, "quantization.scale")),
    (quantization(scale=[0.1, float("nan")]), T.format(7, "quantization.scale")),
    (quantization(scale=[-0.1, 0.1]), T.format(7, "quantization.scale")),
    (quantization(scale=[0.0], zero_point=[0]), T.format(7, "quantization.scale")),
    (quantization(scale=[0.1] * 3, zero_point=[0] * 3), T.format(7, "quantization.scale")),
    (quantization(quantized_dimension=2), T.format(7, "quantization.quantized_dimension")),
    (quantization(quantized_dimension=-1), T.format(7, "quantization.quantized_dimension")),
    (quantization(quantized_dimension=0), T.format(7, "quantization.scale")),
    (sparsity(traversal_order=[0, 1]), T.format(4, "sparsity.traversal_order")),
    (sparsity(traversal_order=[0, 1, 1]), T.format(4, "sparsity.traversal_order")),
    (sparsity(traversal_order=[0, 2, 1]), T.format(4, "sparsity.traversal_order")),
    (sparsity(traversal_order=None), T.format(4, "sparsity.traversal_order")),
    (sparsity(block_map=[2]), T.format(4, "sparsity.block_map")),
    (sparsity(dim_metadata=[]), T.format(4, "sparsity.dim_metadata")),
    (level(0, format=2), T.format(4, "sparsity.dim_metadata[0].format")),
    (level(0, dense_size=9), T.format(4, "sparsity.dim_metadata[0].dense_size")),
    (level(2, dense_size=3), T.format(4, "sparsity.dim_metadata[2].dense_size")),
    (level(2, dense_size=0), T.format(4, "sparsity.dim_metadata[2].dense_size")),
    (level(2, format=1), T.format(4, "sparsity.dim_metadata[2].format")),
    (level(1, array_segments=None), T.format(4, "sparsity.dim_metadata[1].array_segments")),
    (
        level(1, **vector("array_segments", 0, 1, 1, 1, 2, 2, 1, 3, 3)),
        T.format(4, "sparsity.dim_metadata[1].array_segments"),
    ),
    (level(1, **vector("array_segments", *[0] * 8, HUGE)), T.format(4, "sparsity.dim_metadata[1].array_indices")),
    (level(1, **vector("array_indices", 0, 0)), T.format(4, "sparsity.dim_metadata[1].array_indices")),
    (level(1, **vector("array_indices", 0, 0, 2)), T.format(4, "sparsity.dim_metadata[1].array_indices")),
    (level(1, **vector("array_indices", 0, 0, -1)), T.format(4, "sparsity.dim_metadata[1].array_indices")),
    (buffer_of(4, data=bytes(4)), T.format(4, "buffer")),
    (tensor(4, buffer=0), T.format(4, "sparsity")),
    (tensor(5, shape=[4, 8]), OP.format(1, "outputs[0]")),
    (operator(0, opcode_index=9), OP.format(0, "opcode_index")),
    (operator(0, inputs=[0, 1, 99]), OP.format(0, "inputs[2]")),
    (operator(0, inputs=[0, 1, -2]), OP.format(0, "inputs[2]")),
    (operator(0, inputs=[-1, 1, 2]), OP.format(0, "inputs[0]")),
    (operator(0, inputs=[0, 1, 3]), OP.format(0, "inputs[2]")),  # its own output: a cycle
    (operator(0, inputs=[0]), OP.format(0, "inputs")),
    (operator(0, inputs=None), OP.format(0, "inputs")),
    (operator(0, outputs=[-1]), OP.format(0, "outputs[0]")),
    (operator(0, outputs=[99]), OP.format(0, "outputs[0]")),
    (operator(0, outputs=[0]), OP.format(0, "outputs[0]")),
    (operator(0, outputs=[1]), OP.format(0, "outputs[0]")),
    (operator(1, outputs=[3]), OP.format(1, "outputs[0]")),
    (operator(0, intermediates=[99]), OP.format(0, "intermediates[0]")),
    (operator(0, large_custom_options_offset=HUGE), OP.format(0, "large_custom_options_offset")),
    (options(0, padding=7), OP.format(0, "builtin_options.padding")),
    (options(0, fused_activation_function=-1), OP.format(0, "builtin_options.fused_activation_function")),
    (options(0, stride_w=0), OP.format(0, "options.stride_w")),
    (options(0, dilation_h_factor=-3), OP.format(0, "options.dilation_h_factor")),
    (options(0, stride_h=HUGE), OP.format(0, "options.stride_h")),
    (operator(0, builtin_options=None), OP.format(0, "options.stride_w")),
    (operator(0, builtin_options_type=5, builtin_options={}), OP.format(0, "options.stride_w")),
    (subgraph(operators=[]), "subgraphs[0].outputs[0]"),
    (lambda t: t["subgraphs"][0]["operators"].reverse(), OP.format(0, "inputs[0]")),
    (subgraph(inputs=[99]), "subgraphs[0].inputs[0]"),
    (subgraph(inputs=[-1]), "subgraphs[0].inputs[0]"),
    (subgraph(inputs=[0, 1]), "subgraphs[0].inputs[1]"),
    (subgraph(outputs=[4, 99]), "subgraphs[0].outputs[1]"),
    (signature(subgraph_index=1), "signature_defs[0].subgraph_index"),
    (signature(signature_key=None), "signature_defs[0].signature_key"),
    (signature(inputs=[{"name": "x", "tensor_index": 99}]), "signature_defs[0].inputs[0].tensor_index"),
    (signature(inputs=[{"name": "x", "tensor_index": 3}]), "signature_defs[0].inputs[0].tensor_index"),
    (signature(inputs=[{"name": "x"}] * 2), "signature_defs[0].inputs[1].name"),
    (signature(outputs=[{"tensor_index": 3}]), "signature_defs[0].outputs[0].name"),
]


@pytest.mark.parametrize(("change", "field"), BAD)
def test_bad_fields_are_named(change: Callable[[Tables], object], field: str) -> None:
    content = broken(change)
    if not field:
        assert read(content)
        return
    with pytest.raises(InvalidModel) as caught:
        read(content)
    assert caught.value.field == field, caught.value
    assert str(caught.value) == f"invalid model: {field}: {caught.value.problem}"


BAD_CALLS: list[tuple[str, dict[str, int], str]] = [
    ("IF", {"then_subgraph_index": 99}, "options.then_subgraph_index"),
    ("IF", {"then_subgraph_index": -1}, "options.then_subgraph_index"),
    ("IF", {"else_subgraph_index": 0}, "inputs"),
    ("IF", {"then_subgraph_index": 3}, "inputs"),
    ("WHILE", {"body_subgraph_index": 3}, "outputs"),
    ("CALL_ONCE", {"init_subgraph_index": 1}, "inputs"),
]


@pytest.mark.parametrize(("kind", "change", "field"), BAD_CALLS)
def test_bad_calls_are_named(kind: str, change: dict[str, int], field: str) -> None:
    index = [op.kind for op in read(control_flow()).graphs[0].ops].index(kind)
    with pytest.raises(InvalidModel) as caught:
        read(broken(options(index, **change), control_flow()))
    assert caught.value.field == OP.format(index, field), caught.value


@pytest.mark.parametrize("mask", ["ellipsis_mask", "new_axis_mask"])
def test_a_slice_of_axes_that_runtimes_look_for_beyond_the_shape(mask: str) -> None:
    b = GraphBuilder()
    begin, end, step = (b.constant(np.array(values, np.int32)) for values in ([0, 1], [1, 2], [1, 1]))
    b.output(b.op("STRIDED_SLICE", [b.input((3, 4)), begin, end, step], (1, 2), offset=True, **{mask: 1}))
    with pytest.raises(InvalidModel) as caught:
        read(b.build())
    assert caught.value.field == OP.format(0, "options.offset"), caught.value


def test_subgraphs_that_call_each_other() -> None:
    b = GraphBuilder()
    graphs = [b, b.subgraph("one"), b.subgraph("two")]
    for graph, callee in zip(graphs, (1, 2, 1), strict=True):
        made = graph.tensor((1,))
        graph.op("STABLEHLO_COMPOSITE", [graph.input((1,))], outputs=[made], decomposition_subgraph_index=callee)
        graph.output(made)
    with pytest.raises(InvalidModel, match="call each other") as caught:
        read(b.build())
    assert caught.value.field == OP.format(0, "options.decomposition_subgraph_index")


def test_calls_too_deep() -> None:
    b = GraphBuilder()
    graphs = [b, *(b.subgraph(f"level {i}") for i in range(40))]
    for graph, callee in zip(graphs, [*graphs[1:], None], strict=True):
        x = graph.input((1,))
        if callee is None:
            graph.output(x)
        else:
            made = graph.tensor((1,))
            graph.op("STABLEHLO_COMPOSITE", [x], outputs=[made], decomposition_subgraph_index=callee.index)
            graph.output(made)
    with pytest.raises(InvalidModel, match="more than 32 deep"):
        read(b.build())


def test_variables_and_hash_tables_keep_their_own_numbers() -> None:
    tables = flat.decode(control_flow())
    index = [op.kind for op in read(control_flow()).graphs[0].ops].index("HASHTABLE")
    tables["subgraphs"][0]["operators"][index]["builtin_options"]["table_id"] = 0
    with pytest.raises(InvalidModel, match="taken by a variable"):
        read(flat.encode(tables))


def test_not_a_model(tmp_path: Path) -> None:
    for content in (b"", b"TFL3", bytes(7)):
        with pytest.raises(InvalidModel, match="too few"):
            read(content)
    with pytest.raises(InvalidModel, match="identifier"):
        read(bytes(100))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("model.tflite", small().build())
    with pytest.raises(InvalidModel, match="zip"):
        read(archive.getvalue())
    with pytest.raises(InvalidModel) as caught:
        read(b"\xff\xff\xff\xffTFL3" + bytes(100))
    assert caught.value.field == "file"


def test_every_source(tmp_path: Path) -> None:
    content = small().build()
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    for source in (content, bytearray(content), memoryview(content), path, str(path)):
        model = read(source)
        assert model.content == content and isinstance(model.content, bytes)
        assert model.description == "small" and len(model.graphs) == 1


def test_a_zip_behind_a_model_is_metadata() -> None:
    """TFLite Metadata packs labels as a zip that follows the flatbuffer."""
    content = io.BytesIO(small().build())
    content.seek(0, io.SEEK_END)
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr("labels.txt", "cat\ndog\n")
    assert read(content.getvalue()).graphs[0].ops


@pytest.mark.parametrize("name", ["no such file.tflite", "."])
def test_a_file_that_does_not_open_raises_as_tflite_does(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Could not open") as caught:
        read(tmp_path / name)
    assert not isinstance(caught.value, InvalidModel)
    assert str(os.fspath(tmp_path / name)) in str(caught.value)


def test_what_read_makes() -> None:
    model = read(small().build())
    graph = model.graphs[0]
    assert graph.model is model and model.signatures[0].inputs == {"x": 0}
    conv = graph.ops[0]
    assert (conv.kind, conv.inputs, conv.outputs) == ("CONV_2D", (0, 1, 2), (3,))
    assert conv.options.padding == "SAME" and conv.options["fused_activation_function"] == "NONE"
    assert conv.options.dilation_w_factor == 1
    weights = graph.tensors[1]
    assert weights.type == "FLOAT32" and np.array_equal(weights.array, noise(4, 3, 3, 3))
    assert not weights.array.flags.writeable
    q = graph.tensors[7].quantization
    assert q is not None and q.axis == 1 and q.scales.tolist() == [np.float32(0.1), np.float32(0.2)]
    assert graph.tensors[4].is_sparse and not graph.tensors[0].is_constant
    assert "content" not in repr(model) and len(repr(model)) < 10_000


def test_data_outside_the_flatbuffer() -> None:
    """Where buffers stand behind the flatbuffer, as in models of more than 2 GB."""
    whole = read(small().build())
    tables = flat.decode(whole.content)
    pieces = bytearray()
    start = 1 << 14
    for buffer in tables["buffers"][1:]:
        if buffer["data"] is not None:
            buffer.update(offset=start + len(pieces), size=len(buffer["data"]))
            pieces += bytes(buffer.pop("data"))
    content = flat.encode(tables)
    content += bytes(start - len(content)) + pieces
    again = read(content)
    for a, b in zip(whole.graphs[0].tensors, again.graphs[0].tensors, strict=True):
        assert a.data == b.data
    assert read(again.graphs[0].submodel([0])).graphs[0].tensors[1].data == whole.graphs[0].tensors[1].data
    with pytest.raises(InvalidModel, match="past the end"):
        read(content[:-1])


def test_an_empty_constant_without_a_buffer() -> None:
    """A new shape of no dimensions, [], makes a scalar; converters may leave its buffer out."""
    b = GraphBuilder()
    shape = b.tensor((0,), "INT32")
    b.output(b.op("RESHAPE", [b.input((1,)), shape], ()))
    graph = read(b.build()).graphs[0]
    assert graph.constant(shape) is not None and graph.boundary([0]) == ((0 + 1,), (2,))


def test_a_constant_that_everything_shares_is_not_looked_at_again_and_again() -> None:
    """Thousands of tensors over one long buffer of strings would take hours to check, and say nothing new."""
    b = GraphBuilder()
    b.constant([""] * 20_000, "STRING")
    tables = b.tables()
    tables["subgraphs"][0]["tensors"] *= 3000
    with pytest.raises(InvalidModel, match="shared by too many") as caught:
        read(flat.encode(tables))
    assert caught.value.field.endswith(".buffer")
