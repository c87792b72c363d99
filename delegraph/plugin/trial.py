"""A runtime tried: a graph of one op is taken, run, failed in and let go, and each call is as it should be."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from types import ModuleType

import numpy as np

from ..graph.builder import GraphBuilder
from . import abi
from .looker import Differs, Looker, same
from .native import DELEGATE_CODE, GraphContext, NativeDelegate


class _Doubler(NativeDelegate):
    """Takes the whole of a model of one op and doubles its input, or fails; also its own kernel."""

    def __init__(self) -> None:
        super().__init__("probe")
        self.seen: list[str] = []
        self.fails = False

    def take(self, context: GraphContext) -> Sequence[int]:
        same("PreviewDelegatePartitioning", context.parts([0]), [(0,)])
        return [0]

    def kernel(self, context: GraphContext, part: abi.DelegateParams) -> _Doubler:
        found = tuple(map(abi.ints, (part.nodes, part.inputs, part.outputs)))
        same("TfLiteDelegateParams", found, ((0,), (0,), (1,)))
        self.seen.append("init")
        return self

    def prepare(self, context: GraphContext) -> None:
        self.seen.append("prepare")

    def invoke(self, context: GraphContext) -> None:
        if self.fails:
            raise Differs("as asked")
        x, y = ((ctypes.c_float * 3).from_address(context.tensor(t).data) for t in (0, 1))
        y[:] = [2 * v for v in x]
        self.seen.append("invoke")

    def close(self) -> None:
        self.seen.append("free")

    def failed(self, callback: str, error: BaseException, trace: str) -> None:
        self.seen.append(f"{callback}: {error}")


def run(runtime: ModuleType) -> None:
    """Take a graph of one op, run it, fail in it and let it go."""
    b = GraphBuilder()
    b.output(b.op("ABS", [b.input((3,))], (3,)))
    taker = _Doubler()

    def look_at_taken(address: int) -> None:
        context = GraphContext(address)
        taken, registration = context.node(context.plan()[0])
        same("TfLiteNode.delegate", taken.delegate, taker.address)
        same("TfLiteRegistration.builtin_code", registration.builtin_code, DELEGATE_CODE)

    second = Looker(look_at_taken)
    plain_kernels = runtime.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = runtime.Interpreter(
        model_content=b.build(), experimental_delegates=[taker, second], experimental_op_resolver_type=plain_kernels
    )
    if second.problem is not None:
        raise second.problem
    interpreter.allocate_tensors()
    value = np.array([1, -2, 3], np.float32)
    interpreter.set_tensor(0, value)
    interpreter.invoke()
    same("what a kernel computed", interpreter.get_tensor(1).tolist(), (2 * value).tolist())
    taker.fails = True
    try:
        interpreter.invoke()
    except RuntimeError as error:
        same("whether ReportError reached the user", "as asked" in str(error), True)
    del interpreter
    seen = [s for i, s in enumerate(taker.seen) if i == 0 or s != taker.seen[i - 1]]
    same("the calls of a kernel", seen, ["init", "prepare", "invoke", "invoke: as asked", "free"])
