"""Graph, Op, Tensor: the immutable view that everything else works on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .known import Known
    from .ties import Tie


class Options(Mapping[str, Any]):
    """One op's builtin options: read-only, by item or by attribute, under TFLite's own field names (`stride_w`)."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, Any] | None = None) -> None:
        """`fields` maps option names to scalars, strings or 1-D numpy arrays; schema defaults are filled in."""
        self._fields = dict(fields or {})

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __getattr__(self, name: str) -> Any:
        try:
            return self._fields[name]
        except KeyError:
            raise AttributeError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Options({self._fields})"


@dataclass(frozen=True)
class Quantization:
    """Affine quantisation, real = scale * (q - zero_point), per tensor or along one axis (TFLite's spec)."""

    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]
    axis: int = 0


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor of a subgraph.

    `type` is TFLite's name ("FLOAT32", "INT8"); `shape` is static ([] where the file gives none), `shape_signature`
    has -1 where a dimension is not known. `data` is the raw constant, None for an activation.
    """

    index: int
    name: str
    type: str
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...]
    data: memoryview | None = None
    quantization: Quantization | None = None
    is_variable: bool = False
    is_sparse: bool = False

    @property
    def dtype(self) -> np.dtype[Any]:
        """The numpy type of one element in host memory; raises KeyError where it has none (STRING, INT2, RESOURCE)."""
        return HOST_TYPES[self.type]

    @property
    def size(self) -> int:
        """Number of elements."""
        n = 1
        for d in self.shape:
            n *= d
        return n

    @property
    def nbytes(self) -> int:
        """Bytes of the dense tensor in host memory; 0 where elements have no fixed size."""
        dtype = HOST_TYPES.get(self.type)
        return self.size * dtype.itemsize if dtype is not None else 0

    @property
    def is_constant(self) -> bool:
        """Whether the file holds its value."""
        return self.data is not None

    def with_shape(self, shape: tuple[int, ...]) -> Tensor:
        """The same tensor in another shape; a signature that fixes nothing more than the shape follows it."""
        signature = shape if self.shape_signature == self.shape else self.shape_signature
        return self if shape == self.shape else replace(self, shape=shape, shape_signature=signature)

    @property
    def array(self) -> NDArray[Any]:
        """A read-only view of a dense constant, of shape `shape` and dtype `dtype`; int8 of what is packed."""
        assert self.data is not None and not self.is_sparse
        if self.type in PACKED:
            return unpacked(self.data, PACKED[self.type])[: self.size].reshape(self.shape)
        return np.frombuffer(self.data, self.dtype).reshape(self.shape)


NUMPY_TYPES: dict[str, np.dtype[Any]] = {
    name: np.dtype(code)
    for name, code in {
        "FLOAT32": "f4", "FLOAT16": "f2", "FLOAT64": "f8", "INT8": "i1", "UINT8": "u1", "INT16": "i2", "UINT16": "u2",
        "INT32": "i4", "UINT32": "u4", "INT64": "i8", "UINT64": "u8", "BOOL": "?", "COMPLEX64": "c8",
        "COMPLEX128": "c16",
    }.items()
}  # fmt: skip


# Bits of an element, for types that lie several to a byte, the lowest bits first.
PACKED = {"INT4": 4, "INT2": 2}
# What an array holds of a tensor that is computed: also of INT4, which a runtime packs and unpacks by itself.
HOST_TYPES = {**NUMPY_TYPES, "INT4": np.dtype(np.int8)}


def unpacked(data: memoryview, bits: int) -> NDArray[np.int8]:
    """Signed numbers of so many bits, read off the bytes that hold them."""
    raw = np.frombuffer(data, np.int8)[:, None]
    spare = np.arange(8 - bits, -1, -bits, dtype=np.int8)  # bits above each number in its byte
    found: NDArray[np.int8] = ((raw << spare).astype(np.int8) >> np.int8(8 - bits)).reshape(-1)
    return found


@dataclass(frozen=True, eq=False)
class Op:
    """One operator: `kind` is TFLite's name ("CONV_2D"), or "CUSTOM" with `custom_code`; -1 is an absent input.

    `intermediates` are tensors that nothing writes: they say how an integer LSTM quantises what it makes on the way.
    `way` is no part of the file: how it is to be done by a delegate that knows several ways; "" leaves it to that.
    """

    index: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Options = field(default_factory=Options)
    custom_code: str = ""
    version: int = 1
    intermediates: tuple[int, ...] = ()
    way: str = ""

    @property
    def label(self) -> str:
        """The kind as people read it: a custom op by its own name."""
        return self.custom_code if self.kind == "CUSTOM" else self.kind


@dataclass(frozen=True, eq=False)
class Graph:
    """One subgraph; ops are in execution order, so an op reads only what stands before it."""

    model: Model = field(repr=False)
    index: int
    name: str
    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @cached_property
    def producer(self) -> Mapping[int, int]:
        """Tensor index -> index of the op that writes it."""
        return {t: op.index for op in self.ops for t in op.outputs}

    @cached_property
    def consumers(self) -> Mapping[int, tuple[int, ...]]:
        """Tensor index -> indices of the ops that read it, ascending, each once."""
        found: dict[int, dict[int, None]] = {}
        for op in self.ops:
            for t in op.inputs:
                if t >= 0:
                    found.setdefault(t, {})[op.index] = None
        return {t: tuple(ops) for t, ops in found.items()}

    @cached_property
    def known(self) -> Known:
        """What is known of the tensors before the graph runs."""
        from .known import Known

        return Known(self)

    @property
    def folded(self) -> Mapping[int, Tensor]:
        """Tensor index -> constant Tensor (dense, `data` filled), for what is computed once and runs nowhere.

        That is what DEQUANTIZE and DENSIFY make of constants, and what arithmetic makes of static shapes.
        """
        return self.known.folded

    @cached_property
    def dynamic(self) -> frozenset[int]:
        """Tensors whose shape depends on data, or whose elements have no fixed size (strings, resources)."""
        return self.known.dynamic

    @cached_property
    def ties(self) -> Mapping[int, Tie]:
        """Op index -> the ops that have to run in one runtime with it, because they share state that lives there."""
        from .ties import ties

        return ties(self)

    @cached_property
    def resources(self) -> frozenset[tuple[object, ...]]:
        """Keys of the variables and hash tables that its ops use, or those of subgraphs that they call."""
        from .ties import resources

        return resources(self)

    @cached_property
    def assigns(self) -> bool:
        """Whether running it changes a variable that lives inside a runtime."""
        from .ties import assigns

        return any(assigns(self, op) for op in self.ops)

    def is_constant(self, tensor: int) -> bool:
        """Whether a tensor's value is known before the graph runs: in the file, or after folding."""
        return tensor >= 0 and (self.tensors[tensor].is_constant or tensor in self.folded)

    def constant(self, tensor: int) -> NDArray[Any] | None:
        """The value of a tensor that is constant in the file or after folding.

        None for one that is absent, computed, or of a type that neither numpy has nor `unpacked` reads.
        """
        if tensor < 0:
            return None
        if tensor in self.folded:
            return self.folded[tensor].array
        t = self.tensors[tensor]
        if t.data is None or not (t.type in NUMPY_TYPES or t.type in PACKED):
            return None
        return self._densified(t) if t.is_sparse else t.array

    def _densified(self, tensor: Tensor) -> NDArray[Any] | None:
        from .fold import DENSIFIED, densified

        if tensor.index not in self._dense and tensor.type in DENSIFIED:
            self._dense[tensor.index] = densified(self, tensor)
        return self._dense.get(tensor.index)

    @cached_property
    def _dense(self) -> dict[int, NDArray[Any]]:
        return {}

    def boundary(
        self, ops: Iterable[int], keep: frozenset[int] = frozenset()
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """(inputs, outputs) of a set of ops: activations read from outside, and written for outside or for the user.

        What is written and in `keep` counts as an output.
        """
        inside = set(ops) - self.folded_ops
        reads = {t: None for i in sorted(inside) for t in self.ops[i].inputs if t >= 0}
        writes = {t: None for i in sorted(inside) for t in self.ops[i].outputs}
        inputs = (t for t in reads if t not in writes and not self.is_constant(t) and not self.tensors[t].is_variable)
        wanted = keep | set(self.outputs)
        outputs = (t for t in writes if t in wanted or any(c not in inside for c in self.readers(t)))
        return tuple(inputs), tuple(outputs)

    def readers(self, tensor: int) -> tuple[int, ...]:
        """The ops that read a tensor's value: its consumers, but for those that fold away."""
        return tuple(op for op in self.consumers.get(tensor, ()) if op not in self.folded_ops)

    @cached_property
    def folded_ops(self) -> frozenset[int]:
        """Ops that fold away: those that make what is `folded`."""
        return frozenset(self.producer[t] for t in self.folded)

    def submodel(self, ops: Iterable[int], keep: frozenset[int] = frozenset()) -> bytes:
        """A valid .tflite of just these ops, with their weights, quantisation and any subgraphs they call.

        Inputs and outputs are `boundary(ops, keep)`, under their own names made unique; folded ops that these need
        are carried along. Raises ValueError if the set is not convex.
        """
        from .write import submodel

        return submodel(self, ops, keep)

    def submodel_names(self, ops: Iterable[int], keep: frozenset[int] = frozenset()) -> Mapping[int, str]:
        """Tensor index -> name there, for inputs, outputs and variables of `submodel(ops, keep)`.

        Raises ValueError as that does.
        """
        from .write import submodel_names

        return submodel_names(self, ops, keep)

    def with_shapes(self, shapes: Mapping[int, tuple[int, ...]]) -> Graph:
        """The same graph with other static shapes for some tensors, as after `resize_tensor_input`."""
        return replace(self, tensors=tuple(t.with_shape(shapes.get(t.index, t.shape)) for t in self.tensors))

    def with_ways(self, ways: Mapping[int, str]) -> Graph:
        """The same graph with other ways to do some of its ops, by their index."""
        if not ways:
            return self
        return replace(self, ops=tuple(replace(op, way=ways.get(op.index, op.way)) for op in self.ops))


@dataclass(frozen=True, eq=False)
class Signature:
    """A named entry point: input and output names -> tensor indices of graph `graph`."""

    key: str
    graph: int
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Model:
    """A whole checked .tflite file. `tables` is the decoded Model table, for writing parts of it out again."""

    content: bytes = field(repr=False)
    tables: Mapping[str, Any] = field(repr=False)
    description: str = ""
    signatures: tuple[Signature, ...] = ()
    graphs: tuple[Graph, ...] = field(default=(), init=False)

    @classmethod
    def build(
        cls,
        content: bytes,
        tables: Mapping[str, Any],
        description: str,
        signatures: Sequence[Signature],
        graphs: Callable[[Model], Iterable[Graph]],
    ) -> Model:
        """A model whose graphs refer back to it, as `graphs(model)` makes them."""
        model = cls(content, tables, description, tuple(signatures))
        object.__setattr__(model, "graphs", tuple(graphs(model)))
        return model

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the bytes, in hex."""
        import hashlib

        return hashlib.sha256(self.content).hexdigest()
