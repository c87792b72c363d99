"""Small integers on their way to the GPU and back: bytes cross as they are, and the GPU makes words of them.

In a buffer an element may take a word of 32 bits (`shaders/types.py`), so that what a host array of bytes becomes is
four times as large. Pictures are such arrays. Where they are wanted as reals, these are made on the way too.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import moderngl
import numpy as np
from numpy.typing import NDArray

from ...shaders.program import bits, groups_for
from .arena import new_buffer, read
from .device import Device
from .reals import Steps
from .shader import Shader, of_no_kernel

LEAST = 1 << 14  # elements: fewer are converted by the host before the GPU has begun
SMALL = tuple(map(np.dtype, ("?", "i1", "u1", "i2", "u2")))
LOCAL = 64

# A word of the small ones holds PARTS of them, of BITS each, the first lowest.
COMMON = """
layout(local_size_x = %(local)d) in;
layout(std430, binding = 0) restrict readonly buffer Given { uint given[]; };
layout(std430, binding = 1) restrict writeonly buffer Made { uint made[]; };
layout(location = 0) uniform int told[3];  // how many elements, the zero point, the bits of the scale
const uint PARTS = %(parts)du;
const int BITS = %(bits)d;
void main() {
    uint i = gl_GlobalInvocationID.x + gl_GlobalInvocationID.y * (gl_NumWorkGroups.x * %(local)du);
    uint count = uint(told[0]);
    if (i * PARTS >= count) return;
    uint end = min(PARTS, count - i * PARTS);
"""
WIDENED = """
    for (uint k = 0u; k < end; k++) {
        int value = int(bitfieldExtract(%(kind)s(given[i]), int(k) * BITS, BITS));
        made[i * PARTS + k] = %(value)s;
    }
}
"""
NARROWED = """
    uint word = 0u;
    for (uint k = 0u; k < end; k++) word = bitfieldInsert(word, given[i * PARTS + k], int(k) * BITS, BITS);
    made[i] = word;
}
"""

_CROSSINGS: WeakKeyDictionary[Device, Crossing] = WeakKeyDictionary()


def crossing(device: Device) -> Crossing:
    """That of a device."""
    return _CROSSINGS.setdefault(device, Crossing())


def pays(device: Device, array: NDArray[Any]) -> bool:
    """Whether the GPU does it sooner than the host: not where it is the host."""
    return array.dtype in SMALL and array.size >= LEAST and not device.software


class Crossing:
    """What one device needs for it: shaders by their text, and a buffer that grows."""

    def __init__(self) -> None:
        """Nothing is made yet."""
        self._shaders: dict[str, Shader] = {}
        self._staging: Any = None

    def widen(self, device: Device, buffer: Any, offset: int, data: NDArray[Any], steps: Steps | None) -> None:
        """Copy an array into a buffer as words, or as the reals that `steps` make of it, from an aligned offset on."""
        with device.current() as ctx:
            staging = self._room(device, data.nbytes)
            staging.write(data)
            value = "floatBitsToUint(float(value - told[1]) * intBitsToFloat(told[2]))" if steps else "uint(value)"
            staging.bind_to_storage_buffer(0)
            buffer.bind_to_storage_buffer(1, offset, data.size * 4)
            self._launch(device, WIDENED, value, data, steps)
            ctx.memory_barrier(moderngl.SHADER_STORAGE_BARRIER_BIT | moderngl.TEXTURE_FETCH_BARRIER_BIT)

    def narrow(self, device: Device, buffer: Any, offset: int, out: NDArray[Any]) -> None:
        """Copy words of a buffer, from an aligned offset on, out into an array, when all that was launched is done."""
        with device.current() as ctx:
            staging = self._room(device, out.nbytes)
            buffer.bind_to_storage_buffer(0, offset, out.size * 4)
            staging.bind_to_storage_buffer(1)
            self._launch(device, NARROWED, "", out, None)
            ctx.memory_barrier(moderngl.BUFFER_UPDATE_BARRIER_BIT)
            device.launched()
            device.wait()
            read(device, staging, out, 0)

    def _launch(self, device: Device, body: str, value: str, array: NDArray[Any], steps: Steps | None) -> None:
        width = array.dtype.itemsize * 8
        told = {
            "local": LOCAL, "parts": 32 // width, "bits": width, "kind": "int" if array.dtype.kind == "i" else "uint",
            "value": value,
        }  # fmt: skip
        text = (COMMON + body) % told
        if (shader := self._shaders.get(text)) is None:
            shader = self._shaders[text] = of_no_kernel(device, text, "converts small integers")
        zero, scale = (steps.zero, bits(steps.scale)) if steps is not None else (0, 0)
        shader.telling((array.size, zero, scale))()
        shader.run(*groups_for(-(-array.size // (32 // width)), LOCAL, device.limits))
        device.check("converting small integers")

    def _room(self, device: Device, nbytes: int) -> Any:
        """The buffer, with room for so many bytes."""
        if self._staging is None or self._staging.size < nbytes:
            if self._staging is not None:
                self._staging.release()
                self._staging = None
            self._staging = new_buffer(device, -(-nbytes // 4) * 4)
        return self._staging
