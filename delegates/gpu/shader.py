"""Compute shaders as GL's own program objects, through ctypes: moderngl compiles one at a time, and waits for each.

A context must be current in everything here.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import Any

from .context import INT, POINTER, UINT, function, quick
from .device import Device
from .dialect import head
from .texels import BufferTexture

GL_COMPUTE_SHADER = 0x91B9
GL_COMPILE_STATUS, GL_LINK_STATUS, GL_INFO_LOG_LENGTH = 0x8B81, 0x8B82, 0x8B84
GL_PROGRAM_BINARY_RETRIEVABLE_HINT, GL_PROGRAM_BINARY_LENGTH = 0x8257, 0x8741
GL_DISPATCH_INDIRECT_BUFFER, GL_STATIC_DRAW = 0x90EE, 0x88E4

Textures = Sequence[tuple[int, BufferTexture]]  # each with the unit it is bound to
Binary = tuple[int, bytes]  # the driver's format, and what is in it


class Calls:
    """GL's functions that shaders take."""

    def __init__(self) -> None:
        """Find them. Raises NoGL where one is missing."""
        size = ctypes.c_ssize_t
        self.create_shader = function("glCreateShader", UINT, UINT)
        self.shader_source = function("glShaderSource", None, UINT, INT, POINTER, POINTER)
        self.compile_shader = function("glCompileShader", None, UINT)
        self.delete_shader = function("glDeleteShader", None, UINT)
        self.shader_iv = function("glGetShaderiv", None, UINT, UINT, POINTER)
        self.shader_log = function("glGetShaderInfoLog", None, UINT, INT, POINTER, POINTER)
        self.create_program = function("glCreateProgram", UINT)
        self.program_parameter = function("glProgramParameteri", None, UINT, UINT, INT)
        self.attach = function("glAttachShader", None, UINT, UINT)
        self.link = function("glLinkProgram", None, UINT)
        self.delete_program = function("glDeleteProgram", None, UINT)
        self.program_iv = function("glGetProgramiv", None, UINT, UINT, POINTER)
        self.program_log = function("glGetProgramInfoLog", None, UINT, INT, POINTER, POINTER)
        self.get_binary = function("glGetProgramBinary", None, UINT, INT, POINTER, POINTER, POINTER)
        self.set_binary = function("glProgramBinary", None, UINT, UINT, POINTER, INT)
        self.tell = quick("glProgramUniform1iv", None, UINT, INT, INT, POINTER)
        self.use = quick("glUseProgram", None, UINT)
        self.dispatch = quick("glDispatchCompute", None, UINT, UINT, UINT)
        self.compute = function("glDispatchCompute", None, UINT, UINT, UINT)
        self.dispatch_indirect = function("glDispatchComputeIndirect", None, size)
        self.new_buffers = function("glGenBuffers", None, INT, POINTER)
        self.delete_buffers = function("glDeleteBuffers", None, INT, POINTER)
        self.bind_buffer = function("glBindBuffer", None, UINT, UINT)
        self.buffer_data = function("glBufferData", None, UINT, size, POINTER, UINT)


@cache
def calls() -> Calls:
    """GL's functions, found once."""
    return Calls()


class Shader:
    """A compute shader, which may not have been linked: `problem` says."""

    def __init__(self, program: int, shader: int = 0) -> None:
        """Take over a program of GL's, and what it is compiled from, if it is."""
        self._gl = calls()
        self.number = program
        self._shader = shader

    @classmethod
    def compiled(cls, text: str) -> Shader:
        """Hand a text to the driver, which may be compiling it still when this returns."""
        gl, code = calls(), text.encode()
        shader, program = gl.create_shader(GL_COMPUTE_SHADER), gl.create_program()
        lines, length = ctypes.c_char_p(code), INT(len(code))
        gl.shader_source(shader, 1, ctypes.byref(lines), ctypes.byref(length))
        gl.compile_shader(shader)
        gl.program_parameter(program, GL_PROGRAM_BINARY_RETRIEVABLE_HINT, 1)
        gl.attach(program, shader)
        gl.link(program)
        return cls(program, shader)

    @classmethod
    def loaded(cls, binary: Binary) -> Shader:
        """A program from what `binary` gave, which the driver may refuse."""
        gl, (form, content) = calls(), binary
        program = gl.create_program()
        gl.set_binary(program, form, content, len(content))
        return cls(program)

    def problem(self) -> str | None:
        """Wait for the driver: None if the shader can run, else what the driver says of it."""
        gl, number = self._gl, self._shader
        if not self._integer(gl.program_iv, self.number, GL_LINK_STATUS):
            if number and not self._integer(gl.shader_iv, number, GL_COMPILE_STATUS):
                return self._log(number, gl.shader_iv, gl.shader_log)
            return self._log(self.number, gl.program_iv, gl.program_log)
        if number:
            self._shader = 0
            gl.delete_shader(number)
        return None

    def binary(self) -> Binary | None:
        """What the driver made of it, to be `loaded` another time; None where it gives nothing."""
        gl = self._gl
        room = self._integer(gl.program_iv, self.number, GL_PROGRAM_BINARY_LENGTH)
        if room <= 0:
            return None
        content, length, form = ctypes.create_string_buffer(room), INT(0), UINT(0)
        gl.get_binary(self.number, room, ctypes.byref(length), ctypes.byref(form), content)
        return (form.value, content.raw[: length.value]) if 0 < length.value <= room else None

    def using(self) -> Callable[[], Any]:
        """The call after which this is what is launched."""
        return partial(self._gl.use, self.number)

    def launching(self, groups: tuple[int, int, int], computes: bool) -> Callable[[], Any]:
        """The call that launches so many groups. Where the driver `computes` in it, other threads may run meanwhile."""
        return partial(self._gl.compute if computes else self._gl.dispatch, *groups)

    def telling(self, sizes: Iterable[int]) -> Callable[[], Any]:
        """The call that sets what it is told at a launch: its uniforms, from location 0 on."""
        found = list(sizes)
        return partial(self._gl.tell, self.number, 0, len(found), (INT * len(found))(*found))

    def run(self, x: int = 1, y: int = 1, z: int = 1) -> None:
        """Launch so many groups of it."""
        self._gl.use(self.number)
        self._gl.compute(x, y, z)

    def release(self) -> None:
        """Free it. May be called twice."""
        program, shader, self.number, self._shader = self.number, self._shader, 0, 0
        self._gl.delete_program(program)  # 0 is passed over
        self._gl.delete_shader(shader)

    @staticmethod
    def _integer(ask: object, number: int, name: int) -> int:
        found = INT(0)
        ask(number, name, ctypes.byref(found))  # type: ignore[operator]
        return found.value

    def _log(self, number: int, ask: object, tell: object) -> str:
        room = max(self._integer(ask, number, GL_INFO_LOG_LENGTH), 1)
        found = ctypes.create_string_buffer(room)
        tell(number, room, None, found)  # type: ignore[operator]
        return found.value.decode(errors="replace")


def of_no_kernel(device: Device, text: str, what: str) -> Shader:
    """The shader of GLSL that lacks only its head. A context must be current.

    Raises DelegateError, saying `what` it is, where it does not compile.
    """
    shader = Shader.compiled(head(device.api) + text)
    if (problem := shader.problem()) is None:
        return shader
    shader.release()
    raise device.failure(f"the shader that {what} does not compile: {problem}")


class Nothing:
    """A launch of no groups, for which software drivers compile a shader to machine code all the same."""

    def __init__(self) -> None:
        """Make the buffer that it takes."""
        gl = self._gl = calls()
        self._buffer, none = UINT(0), (UINT * 3)(0, 0, 0)
        gl.new_buffers(1, ctypes.byref(self._buffer))
        gl.bind_buffer(GL_DISPATCH_INDIRECT_BUFFER, self._buffer)
        gl.buffer_data(GL_DISPATCH_INDIRECT_BUFFER, ctypes.sizeof(none), none, GL_STATIC_DRAW)

    def launch(self, shader: Shader, textures: Textures = ()) -> None:
        """Launch no groups of a shader, with the textures bound whose formats its machine code depends on."""
        for unit, texture in textures:
            texture.bind(unit)()
        self._gl.bind_buffer(GL_DISPATCH_INDIRECT_BUFFER, self._buffer)
        self._gl.use(shader.number)
        self._gl.dispatch_indirect(0)
        self._gl.bind_buffer(GL_DISPATCH_INDIRECT_BUFFER, 0)

    def release(self) -> None:
        """Free the buffer."""
        self._gl.delete_buffers(1, ctypes.byref(self._buffer))
