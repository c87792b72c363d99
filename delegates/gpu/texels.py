"""Buffer textures: what is only read, read as texels. Software does that many times faster than storage blocks.

Mesa's llvmpipe (22.3) reads storage lane by lane, in a loop, wherever an index may differ between lanes; four floats
take some 20 times as long that way as a texel does.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count, takewhile
from typing import Any

from .context import POINTER, UINT, function, quick

GL_TEXTURE_BUFFER, GL_TEXTURE0 = 0x8C2A, 0x84C0
SIZE = ctypes.c_ssize_t


@dataclass(frozen=True)
class Texel:
    """How a value is a texel: the sampler of such, GLSL that makes the value of one, GL's format."""

    sampler: str
    value: str
    format: int


# By the type of an array's elements, `Slot.element`.
TEXELS = {
    "float": Texel("samplerBuffer", "{}.x", 0x822E),
    "vec4": Texel("samplerBuffer", "{}", 0x8814),
    "int": Texel("isamplerBuffer", "{}.x", 0x8235),
    "ivec2": Texel("isamplerBuffer", "{}.xy", 0x823B),
    "ivec4": Texel("isamplerBuffer", "{}", 0x8D82),
    "uint": Texel("usamplerBuffer", "{}.x", 0x8236),
    "uvec2": Texel("usamplerBuffer", "{}.xy", 0x823C),
    "uvec4": Texel("usamplerBuffer", "{}", 0x8D70),
    "float of half": Texel("samplerBuffer", "{}.x", 0x822D),
    "vec4 of half": Texel("samplerBuffer", "{}", 0x881A),
    "int of INT8": Texel("isamplerBuffer", "{}.x", 0x8231),
    "ivec4 of INT8": Texel("isamplerBuffer", "{}", 0x8D8E),
    "int of UINT8": Texel("usamplerBuffer", "int({}.x)", 0x8232),
    "ivec4 of UINT8": Texel("usamplerBuffer", "ivec4({})", 0x8D7C),
}


class BufferTexture:
    """Bytes of a GL buffer as texels. The context must be current where it is made, bound or released."""

    def __init__(self, buffer: Any, offset: int, nbytes: int, element: str) -> None:
        """Elements of a type among TEXELS in `nbytes` bytes of `buffer` (moderngl's), from an aligned offset on."""
        name = ctypes.c_uint(0)
        function("glGenTextures", None, ctypes.c_int, POINTER)(1, ctypes.byref(name))
        self.name = name.value
        self.bind(0)()
        ranged = function("glTexBufferRange", None, UINT, UINT, UINT, SIZE, SIZE)
        ranged(GL_TEXTURE_BUFFER, TEXELS[element].format, buffer.glo, offset, evened(nbytes))

    def bind(self, unit: int) -> Callable[[], None]:
        """The call that binds it to a texture unit."""
        activate, bind = quick("glActiveTexture", None, UINT), quick("glBindTexture", None, UINT, UINT)
        return partial(bound, activate, GL_TEXTURE0 + unit, bind, self.name)

    def release(self) -> None:
        """Delete it."""
        function("glDeleteTextures", None, ctypes.c_int, POINTER)(1, ctypes.byref(ctypes.c_uint(self.name)))


# llvmpipe (22.3) compiles a shader anew for a texture of other "levels", for which it takes bits 8 to 15 of its size in
# bytes, and for one in a buffer whose size is a power of two. So none is like that.


def evened(nbytes: int) -> int:
    """A texture's bytes, made such that one shader's machine code serves textures of any size."""
    return nbytes if nbytes & 0xFF00 else nbytes + 0x100


def roomy(nbytes: int) -> int:
    """Bytes of a buffer for textures, so that the last may be `evened`, and of no power of two."""
    room = max(nbytes, 16) + 0x100
    return room if room & (room - 1) else room + 16


def bind_all(units: Mapping[int, BufferTexture], at_once: bool) -> list[Callable[[], None]]:
    """The calls that bind textures, each to its unit: one for those in a row if GL can bind several `at_once`."""
    if not at_once:
        return [texture.bind(unit) for unit, texture in units.items()]
    calls: list[Callable[[], None]] = []
    bind = quick("glBindTextures", None, UINT, ctypes.c_int, POINTER)
    for start in (unit for unit in sorted(units) if unit - 1 not in units):
        row = [units[unit].name for unit in takewhile(units.__contains__, count(start))]
        calls.append(partial(bind, start, len(row), (UINT * len(row))(*row)))
    return calls


def bound(activate: Callable[..., Any], unit: int, bind: Callable[..., Any], name: int) -> None:
    """Bind a texture to a unit."""
    activate(unit)
    bind(GL_TEXTURE_BUFFER, name)
