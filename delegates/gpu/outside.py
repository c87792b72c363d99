"""GL buffers of the caller's own that tensors are taken from and put into, without a way through the host."""

from __future__ import annotations

from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from ...buffers import Arena, Form
from .arena import GLArena, read
from .device import Device


class GLOutside:
    """A range of a buffer in the delegate's context, in which a tensor lies as it does in an arena."""

    space = "gl"

    def __init__(self, device: Device, buffer: moderngl.Buffer, offset: int, form: Form) -> None:
        """Raises ValueError for a buffer of another context, or one without room for the tensor."""
        with device.current() as ctx:
            if not isinstance(buffer, moderngl.Buffer) or buffer.ctx is not ctx:
                raise ValueError("bind a moderngl.Buffer of the context that GPUDelegate(context=...) was given")
            if offset < 0 or offset + form.nbytes > buffer.size:
                raise ValueError(f"the tensor takes {form.nbytes} bytes on the GPU, the buffer has {buffer.size} "
                                 f"of which {offset} are skipped")  # fmt: skip
        self._device, self._buffer, self._offset, self._form = device, buffer, offset, form

    def to_arena(self, arena: Arena, offset: int) -> None:
        """Copy the tensor into an arena of the same device, on the device."""
        assert isinstance(arena, GLArena)
        with self._device.current() as ctx:
            ctx.copy_buffer(arena.buffer, self._buffer, self._form.nbytes, self._offset, offset)

    def from_arena(self, arena: Arena, offset: int) -> None:
        """Copy the tensor out of an arena of the same device, on the device."""
        assert isinstance(arena, GLArena)
        with self._device.current() as ctx:
            ctx.copy_buffer(self._buffer, arena.buffer, self._form.nbytes, offset, self._offset)

    def write(self, offset: int, data: NDArray[Any]) -> None:
        """Copy a host array in, as `Arena.write` does."""
        with self._device.current():
            self._buffer.write(data, self._offset + offset)

    def read(self, offset: int, out: NDArray[Any]) -> None:
        """Wait for what was launched, then copy out into a host array, as `Arena.read` does."""
        with self._device.current():
            self._device.wait()
            read(self._device, self._buffer, out, self._offset + offset)

    def download(self, out: NDArray[Any]) -> None:
        """The tensor's value into a C-contiguous host array of its shape and type."""
        self._form.read(self, 0, out)

    def upload(self, value: NDArray[np.generic]) -> None:
        """A host array's value into the buffer."""
        self._form.write(self, 0, value)
