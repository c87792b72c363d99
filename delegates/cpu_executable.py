"""A partition inside the TensorFlow Lite runtime, whose tensors are the host's memory of what crosses its border."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from ctypes import addressof, c_char
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..buffers import HostArena
from ..errors import DelegateError
from ..graph.model import PACKED, Graph, Op, Tensor
from ..graph.write import submodel_ops
from .base import Executable, Partition

# How a runtime names what failed: a node's place in the sub-model, which is none that the user knows, and its op.
NODE = re.compile(r"\s?Node number (\d+) \(([^)]*)\) ")


class CPUExecutable:
    """A partition inside the runtime; tensors are matched to the runtime's by name.

    Border tensors that the plan gives no place lie in the runtime. Of one that several partitions share, the first to
    be compiled has the host's copy, which is the one that makes it, if any does; the others copy it in when they run.
    """

    def __init__(
        self,
        open_runtime: Callable[[bytes], Any],
        graph: Graph,
        partition: Partition,
        arena: HostArena,
        offsets: Mapping[int, int],
        keep: frozenset[int],
    ) -> None:
        """Open, allocate and check the sub-model, and find where each boundary tensor lies."""
        self._graph, self._arena, self._ops = graph, arena, partition.ops
        content, names = graph.submodel(partition.ops, keep), graph.submodel_names(partition.ops, keep)
        held = any(op in graph.ties for op in partition.ops)
        self.holding = hashlib.sha256(content).hexdigest() if held else None
        self._said = ""  # by the runtime, which tells all that it ever said each time that something goes wrong
        try:
            self._runtime = open_runtime(content)
            self._runtime.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise self._told(error) from error
        indices = {
            d["name"]: d["index"] for d in self._runtime.get_input_details() + self._runtime.get_output_details()
        }
        places = {d["name"]: d["index"] for d in self._runtime.get_tensor_details()}
        self._variables = {t: places[name] for t, name in names.items() if graph.tensors[t].is_variable}
        self._loose_shapes: dict[int, tuple[int, ...]] = {}
        self._inputs = [(t, indices[names[t]]) for t in partition.inputs]
        self._outputs = [(t, indices[names[t]]) for t in partition.outputs]
        self._views = {
            t: arena.view(offsets[t], graph.tensors[t].shape, graph.tensors[t].dtype)
            for t in (*partition.inputs, *partition.outputs)
            if t in offsets
        }
        shapes = {d["index"]: tuple(map(int, d["shape"])) for d in self._runtime.get_output_details()}
        for t, index in self._outputs:
            want, found = graph.tensors[t], shapes[index]
            if t not in graph.dynamic and found != want.shape:
                raise DelegateError(f"cpu: tensor {want.name!r} is {found} in the runtime, {want.shape} in the model")
        self._inside = {
            t: Inside(graph.tensors[t], index)
            for t, index in (*self._inputs, *self._outputs)
            if t not in offsets and t not in graph.dynamic and t not in arena.held
        }
        arena.held.update(self._inside)
        self._elsewhere = [(t, index) for t, index in self._outputs if t not in self._inside]
        self._copied = [(t, index) for t, index in self._inputs if t not in self._inside]
        self._loose = [(t, index) for t, index in self._copied if t in graph.dynamic]
        self._attach()
        # What has memory before it is made has a shape that no run changes, unless inputs' do.
        self._unsure = [
            (t, index)
            for t, index in self._outputs
            if t not in graph.dynamic and (self._loose or not has_memory(self._runtime, index))
        ]

    def _told(self, error: ValueError | RuntimeError) -> DelegateError:
        """What the runtime raised, with ops named as the model has them, and nothing of what it raised before."""
        said = str(error)
        fresh, self._said = " ".join(said.removeprefix(self._said).split()), said
        first, last = (self._graph.ops[i] for i in (self._ops[0], self._ops[-1]))
        what = f"op {named(first)}" if first is last else f"ops {named(first)} to {named(last)}"
        return DelegateError(f"cpu: {what}: {NODE.sub(self._renumbered, fresh)}")

    def _renumbered(self, found: re.Match[str]) -> str:
        """What the runtime calls a node of the sub-model, as the op of the model that it is."""
        ops = submodel_ops(self._graph, self._ops)
        op = self._graph.ops[ops[int(found[1])]] if int(found[1]) < len(ops) else None
        return f" op {named(op)} " if op is not None and op.label == found[2] else found[0]

    def _attach(self) -> None:
        """Take the runtime for that in which tensors lie."""
        for inside in self._inside.values():
            inside.attach(self._runtime)

    def run(self) -> None:
        """Copy in what lies elsewhere, invoke, hand on the outputs. Raises DelegateError with the runtime's message."""
        try:
            self._fit()
            for t, index in self._copied:
                self._runtime.set_tensor(index, self._value(t))
            self._runtime.invoke()
            self._hand_on()
        except DelegateError:
            raise
        except (ValueError, RuntimeError) as error:
            raise self._told(error) from error

    def _hand_on(self) -> None:
        """Look at the outputs, and copy those that lie elsewhere. Raises DelegateError, and what the runtime raises."""
        for t, index in self._unsure:
            self._check(t, self._runtime.tensor(index)().shape)
        for t, index in self._elsewhere:
            if t not in self._views:
                self._arena.loose[t] = self._runtime.get_tensor(index)
            elif self._graph.tensors[t].type in PACKED:
                np.copyto(self._views[t], self._runtime.get_tensor(index))
            else:
                np.copyto(self._views[t], self._runtime.tensor(index)())

    def _value(self, tensor: int) -> NDArray[Any]:
        """What an input that lies elsewhere holds now."""
        if tensor in self._views:
            return self._views[tensor]
        held = self._arena.held.get(tensor)
        if held is None:
            return self._arena.loose[tensor]
        return held.now() if isinstance(held, Inside) else held()

    def _check(self, tensor: int, shape: tuple[int, ...]) -> None:
        """That an output's shape, where the model's word was taken for it, is as the model says."""
        want = self._graph.tensors[tensor]
        if shape != want.shape:
            raise DelegateError(f"cpu: tensor {want.name!r} came out as {shape}, where the model says {want.shape}")

    def _fit(self) -> None:
        """Give the runtime the shapes that inputs without a fixed one have this time; variables stay as they are."""
        loose = {index: self._arena.loose[t].shape for t, index in self._loose}
        if loose != self._loose_shapes:
            kept = self.state()
            for index, shape in loose.items():
                self._runtime.resize_tensor_input(index, shape)
            self._runtime.allocate_tensors()
            self.restore(kept)
            self._loose_shapes = loose

    def state(self) -> dict[int, NDArray[Any]]:
        """The variable tensors' values."""
        return {t: self._runtime.get_tensor(index) for t, index in self._variables.items()}

    def restore(self, state: Mapping[int, NDArray[Any]]) -> None:
        """Put values into variable tensors, of those in `state`."""
        for t in self._variables.keys() & state.keys():
            self._runtime.set_tensor(self._variables[t], state[t])

    def reset_variables(self) -> None:
        """Set the partition's variable tensors back to zero."""
        self._runtime.reset_all_variables()

    def take_over(self, former: Executable) -> None:
        """Go on in the runtime of another executable of the same sub-model, in which its resources live."""
        assert isinstance(former, CPUExecutable) and former.holding == self.holding
        self._runtime, former._runtime = former._runtime, None
        self._loose_shapes = former._loose_shapes
        self._attach()

    def suspend(self) -> None:
        """Free the runtime's interpreter, unless resources live in it."""
        if self.holding is None:
            self.close()

    def close(self) -> None:
        """Free the runtime's interpreter."""
        self._runtime = None
        self._views, self._inside = {}, {}


def has_memory(runtime: Any, index: int) -> bool:
    """Whether a tensor of the runtime's lies somewhere by now."""
    try:
        return runtime.tensor(index)() is not None
    except ValueError:
        return False


def named(op: Op) -> str:
    """An op in words."""
    return f"{op.index} ({op.label})"


class Inside:
    """A tensor in the runtime's memory, which a run that gives some tensor a size may move: looked for at each call.

    The runtime refuses to run while an array of its own is alive somewhere, be it in the traceback of an error. Those
    that a call gives keep the memory alive, but do not count.
    """

    def __init__(self, tensor: Tensor, index: int) -> None:
        """`index` is the runtime's; `attach` says which runtime."""
        self._index = index
        self._runtime: Any = None
        self.now: Callable[[], NDArray[Any]]  # the runtime's own array, to be let go of before it runs again
        self._address = 0
        self._view: NDArray[Any] = np.zeros(tensor.shape, tensor.dtype)  # of an output that is not made yet

    def attach(self, runtime: Any) -> None:
        """From now on, that of this runtime."""
        self._runtime, self.now = runtime, runtime.tensor(self._index)

    def __call__(self) -> NDArray[Any]:
        """The array, writable."""
        try:
            found: Any = self.now()
        except ValueError:  # the runtime gives it memory when it runs
            self._address, self._view = 0, np.zeros_like(self._view)
            return self._view
        address = addressof(c_char.from_buffer(found)) if found.size else 0  # numpy takes three times as long to tell
        if (address, found.shape) != (self._address, self._view.shape):
            self._address, self._view = address, np.asarray(_Memory(found, self._runtime))
        return self._view


class _Memory:
    """The base object of an array over a runtime's memory."""

    def __init__(self, array: NDArray[Any], runtime: Any) -> None:
        self.__array_interface__ = array.__array_interface__
        self._runtime = runtime
