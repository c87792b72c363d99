"""A delegate that takes nothing and looks, and what it says where something is not as expected."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from types import ModuleType
from typing import Any

from . import abi


class Differs(Exception):
    """What a runtime has is not what was expected."""


def same(what: str, found: object, wanted: object) -> None:
    """Raise Differs, saying of what, unless two values are equal."""
    if found != wanted:
        raise Differs(f"{what} is {found!r}, not {wanted!r}")


class Looker:
    """A delegate that takes nothing and calls a function with the context's address."""

    def __init__(self, prepare: Callable[[int], None]) -> None:
        """What `prepare` raises is kept in `problem`."""
        self.problem: BaseException | None = None
        self.address = 0

        def called(context: int, delegate: int) -> int:
            try:
                self.address = context
                if delegate != ctypes.addressof(self._struct):
                    raise Differs("Prepare was given another delegate")
                prepare(context)
            except BaseException as problem:
                self.problem = problem
            return abi.OK

        self._struct = abi.Delegate(prepare=abi.STEP(called), flags=abi.ALLOW_DYNAMIC)

    def _get_native_delegate_pointer(self) -> int:
        return ctypes.addressof(self._struct)

    def show(self, runtime: ModuleType, model: bytes) -> Any:
        """An interpreter that has shown its graph. Raises what the look at it raised."""
        interpreter = runtime.Interpreter(model_content=model, experimental_delegates=[self])
        if self.problem is not None:
            raise self.problem
        if not self.address:
            raise Differs("Prepare was not called")
        return interpreter
