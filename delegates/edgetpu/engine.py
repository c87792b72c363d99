"""The engine: interpreters with an Edge TPU in them, in whichever process it is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import DelegateError, DeviceAbsent, VersionMismatch
from ..engine import Port
from ..runtime import load_runtime
from . import coral
from .devices import Device, Wanted
from .library import Library, runtime_version
from .package import needed


class Way(Protocol):
    """A way to Edge TPUs."""

    name: str

    def devices(self) -> list[Device]:
        """Those that are here, in the order by which they are numbered."""

    def version(self) -> str:
        """libedgetpu's."""

    def open(self, content: bytes, device: str) -> Any:
        """An interpreter over a model, with the device in it; raises what the runtime raises."""


class Loader:
    """libedgetpu as a delegate of the installed runtime."""

    def __init__(self, path: str | None) -> None:
        """`path` of libedgetpu; None looks for it by name. Raises DeviceAbsent."""
        self._library = Library(path)
        self._runtime = load_runtime()
        self.name = f"{self._runtime.name} {self._runtime.version}"
        self._delegates: dict[str, Any] = {}  # a device is opened once for all interpreters
        self.devices, self.version = self._library.devices, self._library.version

    def open(self, content: bytes, device: str) -> Any:
        """An interpreter of the runtime."""
        if device not in self._delegates:
            options = {"device": device} if device else {}
            self._delegates[device] = self._runtime.module.load_delegate(self._library.path, options)
        return self._runtime.open(content, experimental_delegates=[self._delegates[device]])


def way(library: str | None) -> Way:
    """Coral's pycoral where it is, else libedgetpu and the installed runtime. Raises DeviceAbsent."""
    real, note = coral.found() if library is None else (False, "")
    notes = [note] if note else []
    if real:
        try:
            return coral.Coral()
        except DeviceAbsent as error:
            notes.append(str(error))
    try:
        return Loader(library)
    except DeviceAbsent as error:
        raise DeviceAbsent("; ".join([str(error), *notes])) from error


def make(device: str, library: str | None) -> EdgeTPUEngine:
    """What a child process makes its engine with; both arguments go there as JSON."""
    return EdgeTPUEngine(device, library)


class EdgeTPUEngine:
    """One Edge TPU."""

    def __init__(self, device: str = "", library: str | None = None) -> None:
        """Look for nothing yet. `device` is a device string, empty for any; `library` a path of libedgetpu."""
        self._wanted = Wanted.parse(device)
        self._library = library
        self._way: Way | None = None

    def _found(self) -> Way:
        if self._way is None:
            self._way = way(self._library)
        return self._way

    def here(self) -> str:
        """The device, libedgetpu's version and the way to them. Raises DeviceAbsent with what helps."""
        found = self._found()
        device = self._wanted.pick(found.devices())
        return f"{device}, libedgetpu {found.version()} through {found.name}"

    def load(
        self, program: bytes, inputs: Sequence[Port], outputs: Sequence[Port], variables: Sequence[Port] = ()
    ) -> EdgeTPUProgram:
        """Open a compiled model on the device. Raises DelegateError, VersionMismatch, DeviceAbsent."""
        found = self._found()
        self._wanted.pick(found.devices())  # libedgetpu itself says nothing of a device that is not there
        has, wants = runtime_version(found.version()), needed(program)
        if has is not None and wants > has:
            raise VersionMismatch(
                f"the model is compiled for runtime version {wants} of libedgetpu, and here is {found.version()}: "
                f"install a newer libedgetpu, or compile it with edgetpu_compiler -m {has}"
            )
        try:
            interpreter = found.open(program, str(self._wanted))
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError, OSError) as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise DelegateError(
                f"edgetpu: {self._wanted.pick(found.devices())} does not take the model: {said}"
            ) from error
        return EdgeTPUProgram(interpreter, inputs, outputs, variables)

    def close(self) -> None:
        """Let go of the device."""
        self._way = None


class EdgeTPUProgram:
    """A compiled model in an interpreter with an Edge TPU in it; tensors are found by name."""

    def __init__(
        self, interpreter: Any, inputs: Sequence[Port], outputs: Sequence[Port], variables: Sequence[Port]
    ) -> None:
        """The interpreter's tensors are allocated. Raises DelegateError where one is not as its port says."""
        self._interpreter = interpreter
        self._inputs = _matched(interpreter.get_input_details(), inputs)
        self._outputs = _matched(interpreter.get_output_details(), outputs)
        self._variables = _matched(interpreter.get_tensor_details(), variables)

    def run(self, inputs: Sequence[NDArray[Any]], outputs: Sequence[NDArray[Any]]) -> None:
        """Run once. Raises DelegateError with the runtime's message."""
        try:
            self._put(self._inputs, inputs)
            self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise DelegateError(f"edgetpu: {' '.join(str(error).split())}") from error
        self._get(self._outputs, outputs)

    def state(self, values: Sequence[NDArray[Any]]) -> None:
        """Copy the variables' values out."""
        self._get(self._variables, values)

    def restore(self, values: Sequence[NDArray[Any]]) -> None:
        """Give the variables these values."""
        self._put(self._variables, values)

    def reset(self) -> None:
        """Set the variables back to their start."""
        self._interpreter.reset_all_variables()

    def _put(self, tensors: Sequence[int], values: Sequence[NDArray[Any]]) -> None:
        for index, value in zip(tensors, values, strict=True):
            self._interpreter.set_tensor(index, value)

    def _get(self, tensors: Sequence[int], values: Sequence[NDArray[Any]]) -> None:
        for index, value in zip(tensors, values, strict=True):
            np.copyto(value, self._interpreter.tensor(index)())

    def close(self) -> None:
        """Free the interpreter."""
        self._interpreter = None


def _matched(details: Sequence[dict[str, Any]], ports: Sequence[Port]) -> list[int]:
    """The runtime's index of each port. Raises DelegateError."""
    known = {str(d["name"]): d for d in details}
    for port in ports:
        found = known.get(port.name)
        is_so = found and tuple(map(int, found["shape"])) == port.shape and np.dtype(found["dtype"]) == port.dtype
        if not is_so:
            met = f"{np.dtype(found['dtype'])} {tuple(map(int, found['shape']))}" if found else "not there"
            raise DelegateError(f"edgetpu: tensor {port.name!r} is {met} in the runtime, not {port.dtype} {port.shape}")
    return [int(known[port.name]["index"]) for port in ports]
