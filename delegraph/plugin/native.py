"""A TfLiteDelegate whose callbacks are Python: what the runtime calls, and nothing of what is computed.

Exceptions stop here: they are kept for whoever owns the delegate and reported to the runtime, which raises its own
error with their message. The structures that a runtime may still point to are never freed, only used again.
"""

from __future__ import annotations

import ctypes
import itertools
import traceback
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from ctypes import byref, c_int, c_void_p
from typing import Protocol

from . import abi

DELEGATE_CODE = 51  # BuiltinOperator_DELEGATE
SPARE = 64  # structures that are left alone before one is used again, since an old interpreter may still look at it
FAILED = c_void_p(-1).value  # TfLiteKernelInitFailed


class Kernel(Protocol):
    """A part of the runtime's graph that a delegate took; `context` is the runtime's, as of the call."""

    def prepare(self, context: GraphContext) -> None:
        """Get ready for the shapes that the tensors have now. May be called many times."""

    def invoke(self, context: GraphContext) -> None:
        """Compute the outputs from the inputs, in the tensors' own memory."""

    def close(self) -> None:
        """The runtime has no more use for it."""


class GraphContext:
    """A runtime's TfLiteContext: one subgraph of one interpreter."""

    def __init__(self, address: int) -> None:
        """Valid as long as the callback that was given the address."""
        self.address = address
        self.struct = abi.Context.from_address(address)

    def plan(self) -> tuple[int, ...]:
        """The nodes in the order in which they would run. Only while a delegate prepares."""
        found = c_void_p()
        self._check(self.struct.GetExecutionPlan(self.address, byref(found)), "GetExecutionPlan")
        return abi.ints(found.value)

    def node(self, index: int) -> tuple[abi.Node, abi.Registration]:
        """A node and what it runs. Only while a delegate prepares."""
        node, registration = c_void_p(), c_void_p()
        status = self.struct.GetNodeAndRegistration(self.address, index, byref(node), byref(registration))
        self._check(status, "GetNodeAndRegistration")
        assert node.value and registration.value
        return abi.Node.from_address(node.value), abi.Registration.from_address(registration.value)

    def tensor(self, index: int) -> abi.Tensor:
        """A tensor, where it is now: other calls to the runtime may move it."""
        if not 0 <= index < self.struct.tensors_size:
            raise IndexError(f"tensor {index} is not one of {self.struct.tensors_size}")
        return abi.Tensor.from_address(self.struct.tensors + index * ctypes.sizeof(abi.Tensor))

    def shape(self, index: int) -> tuple[int, ...]:
        """The present dimensions of a tensor."""
        return abi.ints(self.tensor(index).dims)

    def subgraph(self, count: int) -> int:
        """Which of the model's first `count` subgraphs this is. Only while a delegate prepares."""
        for index in range(count if count > 1 else 0):
            found = c_void_p()
            self._check(self.struct.AcquireSubgraphContext(self.address, index, byref(found)), "AcquireSubgraphContext")
            self._check(self.struct.ReleaseSubgraphContext(self.address, index), "ReleaseSubgraphContext")
            if found.value == self.address:
                return index
        return 0

    def parts(self, nodes: Sequence[int]) -> list[tuple[int, ...]]:
        """How the runtime would cut these nodes into parts. Only while a delegate prepares."""
        wanted, found, count = abi.int_array(nodes), c_void_p(), c_int()
        status = self.struct.PreviewDelegatePartitioning(
            self.address, ctypes.addressof(wanted), byref(found), byref(count)
        )
        self._check(status, "PreviewDelegatePartitioning")
        if not found.value:
            return []
        return [abi.ints(part.nodes) for part in (abi.DelegateParams * count.value).from_address(found.value)]

    def replace(self, nodes: Sequence[int], native: NativeDelegate) -> None:
        """Have these nodes run by kernels of a delegate. Only while it prepares."""
        registration = abi.Registration(
            init=_INIT, free=_FREE, prepare=_PREPARE_KERNEL, invoke=_INVOKE, builtin_code=DELEGATE_CODE,
            custom_name=native.title, version=1,
        )  # fmt: skip
        wanted = abi.int_array(nodes)
        status = self.struct.ReplaceNodeSubsetsWithDelegateKernels(
            self.address, registration, ctypes.addressof(wanted), native.address
        )
        self._check(status, "ReplaceNodeSubsetsWithDelegateKernels")

    def report(self, message: str) -> None:
        """Hand a message to the runtime's error reporter."""
        self.struct.ReportError(self.address, b"%s", message.encode("utf-8", "replace"))

    def _check(self, status: int, function: str) -> None:
        if status != abi.OK:
            raise RuntimeError(f"the runtime's {function} failed with status {status}")


class NativeDelegate(ABC):
    """What a runtime's Interpreter takes in `experimental_delegates`; what it does is in the methods of a subclass.

    A kernel keeps it alive, so it may be forgotten before the interpreters that use it.
    """

    def __init__(self, name: str) -> None:
        """`name` is what the runtime calls the nodes in its own lists."""
        self.title = name.encode()
        self._struct = _pool.popleft() if len(_pool) > SPARE else abi.Delegate()
        self._struct.prepare = _PREPARE
        self._struct.flags = 0
        self.address = ctypes.addressof(self._struct)
        _natives[self.address] = self
        weakref.finalize(self, _pool.append, self._struct).atexit = False

    @abstractmethod
    def take(self, context: GraphContext) -> Sequence[int]:
        """The nodes to take, of those in `context.plan()`. Called again whenever the runtime plans anew."""

    @abstractmethod
    def kernel(self, context: GraphContext, part: abi.DelegateParams) -> Kernel:
        """What will run one part; called while `take`'s answer is carried out."""

    @abstractmethod
    def failed(self, callback: str, error: BaseException, trace: str) -> None:
        """Something was raised in a callback; the runtime is told by itself."""

    def _get_native_delegate_pointer(self) -> int:
        return self.address

    @property
    def flags(self) -> int:
        """TfLiteDelegateFlags, read by a runtime before it calls."""
        return int(self._struct.flags)

    @flags.setter
    def flags(self, flags: int) -> None:
        self._struct.flags = flags


_pool: deque[abi.Delegate] = deque()
_natives: weakref.WeakValueDictionary[int, NativeDelegate] = weakref.WeakValueDictionary()
_kernels: dict[int, tuple[Kernel, NativeDelegate]] = {}  # by what the runtime holds as the node's user data
_handles = itertools.count(1)


def _guarded(native: NativeDelegate, callback: str, context: GraphContext, call: Callable[[], None]) -> int:
    """The status of a callback: whatever it raises is told to the delegate's owner and to the runtime."""
    try:
        call()
    except BaseException as error:
        with suppress(BaseException):
            native.failed(callback, error, "".join(traceback.format_exception(error)))
        with suppress(BaseException):
            context.report(f"{native.title.decode()}: {str(error) or type(error).__name__}")
        return abi.ERROR
    return abi.OK


def _prepare(context: int, delegate: int) -> int:
    native = _natives.get(delegate)
    if native is None:
        return abi.OK  # whoever owned it is gone: it takes nothing
    at = GraphContext(context)

    def prepare() -> None:
        nodes = native.take(at)
        if nodes:
            at.replace(nodes, native)

    return _guarded(native, "Prepare", at, prepare)


def _init(context: int, buffer: int, length: int) -> int | None:
    part = abi.DelegateParams.from_address(buffer)
    native = _natives[part.delegate]
    handle = next(_handles)

    def init() -> None:
        _kernels[handle] = native.kernel(GraphContext(context), part), native

    return handle if _guarded(native, "init", GraphContext(context), init) == abi.OK else FAILED


def _free(context: int, handle: int) -> None:
    found = _kernels.pop(handle, None)
    if found is not None:
        _guarded(found[1], "free", GraphContext(context), found[0].close)


def _prepare_kernel(context: int, node: int) -> int:
    found = _kernels.get(abi.Node.from_address(node).user_data)
    if found is None:
        return abi.ERROR
    at = GraphContext(context)
    return _guarded(found[1], "prepare", at, lambda: found[0].prepare(at))


def _invoke(context: int, node: int) -> int:
    found = _kernels.get(abi.Node.from_address(node).user_data)
    if found is None:
        return abi.ERROR
    at = GraphContext(context)
    return _guarded(found[1], "invoke", at, lambda: found[0].invoke(at))


# Of the process, not of a delegate: a runtime may call them as long as it lives.
_PREPARE, _INIT, _FREE = abi.STEP(_prepare), abi.INIT(_init), abi.FREE(_free)
_PREPARE_KERNEL, _INVOKE = abi.STEP(_prepare_kernel), abi.STEP(_invoke)
