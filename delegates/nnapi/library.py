"""libneuralnetworks.so by ctypes: calls whose result codes become errors, handles that are freed, devices."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import ExitStack
from ctypes import byref, c_char_p, c_int, c_int32, c_int64, c_uint32, c_void_p
from dataclasses import dataclass
from typing import Any

from ...errors import DelegateError, DeviceAbsent, VersionMismatch
from .abi import ANDROID, DEVICE_TYPES, FUNCTIONS, L1, L2, L3, L4, LEVELS, RESULTS

NAMES = (
    "libneuralnetworks.so",
    "/system/lib64/libneuralnetworks.so",
    "/apex/com.android.neuralnetworks/lib64/libneuralnetworks.so",
)
REMEDIES = {
    "OUT_OF_MEMORY": "close what else runs, or give it fewer ops",
    "BAD_DATA": "the device takes less than its feature level says: leave the op to another delegate",
    "OP_FAILED": "the driver gave up: on_failure='replan' goes on without it, another device may take it",
    "UNMAPPABLE": "the device cannot map this memory",
    "OUTPUT_INSUFFICIENT_SIZE": "an output is larger than its buffer",
    "UNAVAILABLE_DEVICE": "the device is taken or gone: try again later, or choose another",
    "MISSED_DEADLINE_TRANSIENT": "it took too long this time: try again",
    "MISSED_DEADLINE_PERSISTENT": "it always takes too long: choose another device",
    "RESOURCE_EXHAUSTED_TRANSIENT": "the device is busy: try again",
    "RESOURCE_EXHAUSTED_PERSISTENT": "the device has too little for this: choose another",
    "DEAD_OBJECT": "the driver died: the next run compiles for the one in its place",
}


class NNAPIError(DelegateError):
    """A call that failed: `function` is its name without the prefix, `code` the name of the result ("BAD_DATA")."""

    def __init__(self, function: str, code: str) -> None:
        """The message has both, and what may help."""
        remedy = REMEDIES.get(code, "this is a fault of delegraph's: please report it")
        super().__init__(f"nnapi: ANeuralNetworks{function}: {code}; {remedy}")
        self.function, self.code = function, code


class TooOld(VersionMismatch):
    """The phone's feature level is below what was asked for."""

    def __init__(self, what: str, needed: int, here: int) -> None:
        """`what` needs feature level `needed` where there is `here`."""
        super().__init__(
            f"nnapi: {what} needs feature level {needed} (Android {ANDROID.get(needed, '?')}), and here is {here} "
            f"(Android {ANDROID.get(here, '?')}): plan for it with NNAPIDelegate(feature_level={here}), or update it"
        )
        self.needed, self.here = needed, here


@dataclass(frozen=True)
class Device:
    """A device as the driver tells of itself; `kind` is "cpu", "gpu", "accelerator", "other" or "unknown"."""

    name: str
    kind: str
    version: str
    level: int
    handle: int

    def __str__(self) -> str:
        return f"{self.name} ({self.kind}, driver {self.version}, feature level {self.level})"


class Library:
    """The API, as far as this phone has it. A library never found is an error that says where it was looked for."""

    def __init__(self, path: str | None = None) -> None:
        """Load it from `path`, else by its usual names. Raises DeviceAbsent."""
        problems = []
        for name in (path,) if path else NAMES:
            try:
                self._library = ctypes.CDLL(name)
                break
            except OSError as error:
                problems.append(str(error))
        else:  # a file that is named may be there and unfit; of the usual ones it is enough that they are not there
            why = problems[0] if path else f"no {NAMES[0]}, which is part of Android 8.1 and later"
            raise DeviceAbsent(f"nnapi: no Neural Networks API here: {why}")
        self._functions: dict[str, Callable[..., int | None]] = {}
        if not self.has("Model_create"):
            raise DeviceAbsent(f"nnapi: {path or name} is not the Neural Networks API: it has no Model_create")
        self.level = self._level()

    def has(self, function: str) -> bool:
        """Whether the library has a function, whatever its level says."""
        return hasattr(self._library, f"ANeuralNetworks{function}")

    def _level(self) -> int:
        """The runtime's feature level: what it says, or as much as its functions show."""
        if self.has("_getRuntimeFeatureLevel"):
            asked = self._library.ANeuralNetworks_getRuntimeFeatureLevel
            asked.restype, asked.argtypes = c_int64, ()
            return max((level for level in LEVELS if level <= asked()), default=L1)
        for function, level in (
            ("Execution_setTimeout", L4), ("_getDeviceCount", L3), ("Model_relaxComputationFloat32toFloat16", L2),
        ):  # fmt: skip
            if self.has(function):
                return level
        return L1

    def __call__(self, function: str, *arguments: Any) -> None:
        """Call a function. Raises NNAPIError for a result that is none, TooOld where the phone lacks it."""
        code = self._function(function)(*arguments)
        if code:
            raise NNAPIError(function, RESULTS[code] if 0 < code < len(RESULTS) else f"result {code}")

    def _function(self, function: str) -> Callable[..., int | None]:
        if function not in self._functions:
            level, arguments = FUNCTIONS[function]
            if level > self.level or not self.has(function):
                raise TooOld(f"ANeuralNetworks{function}", level, self.level)
            found = getattr(self._library, f"ANeuralNetworks{function}")
            found.argtypes, found.restype = arguments, None if function.endswith("_free") else c_int
            self._functions[function] = found
        return self._functions[function]

    def make(self, stack: ExitStack, function: str, *arguments: Any) -> c_void_p:
        """A handle that a function makes (its last argument), which the stack frees."""
        handle = c_void_p()
        self(function, *arguments, byref(handle))
        kind = "Event" if function == "Execution_startCompute" else function.partition("_")[0]
        stack.callback(self, f"{kind}_free", handle)
        return handle

    def devices(self) -> list[Device]:
        """All devices; none are told below feature level 29."""
        if self.level < L3:
            return []
        count = c_uint32()
        self("_getDeviceCount", byref(count))
        return [self._device(k) for k in range(count.value)]

    def _device(self, k: int) -> Device:
        handle, name, version = c_void_p(), c_char_p(), c_char_p()
        kind, level = c_int32(), c_int64()
        self("_getDevice", k, byref(handle))
        for function, result in (("Name", name), ("Version", version), ("Type", kind), ("FeatureLevel", level)):
            self(f"Device_get{function}", handle, byref(result))
        names = ((found.value or b"").decode("utf-8", "replace") for found in (name, version))
        return Device(next(names), DEVICE_TYPES.get(kind.value, "unknown"), next(names), level.value, handle.value or 0)

    def choose(self, wanted: str) -> list[Device]:
        """The devices of a type ("gpu"), or the one of a name, or of part of one. Raises DeviceAbsent, and TooOld."""
        if self.level < L3:
            raise TooOld(f"choosing device {wanted!r}", L3, self.level)
        found = self.devices()
        for fits in (
            [d for d in found if d.kind == wanted], [d for d in found if d.name == wanted],
            [d for d in found if wanted.lower() in d.name.lower()],
        ):  # fmt: skip
            if fits:
                return fits
        there = ", ".join(map(str, found)) or "none"
        raise DeviceAbsent(
            f"nnapi: no device {wanted!r}: say cpu, gpu, accelerator or part of a name; there are {there}"
        )
