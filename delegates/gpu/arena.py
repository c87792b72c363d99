"""The GL space's memory: one buffer, read and written at byte offsets."""

from __future__ import annotations

from typing import Any

import moderngl
from numpy.typing import NDArray

from ...errors import DelegateError
from .device import Device
from .texels import roomy


def new_buffer(device: Device, nbytes: int) -> Any:
    """A GL buffer of `nbytes` bytes. Raises DelegateError where the GPU has no room for it."""
    with device.current() as ctx:
        try:
            buffer = ctx.buffer(reserve=roomy(nbytes) if device.limits.texels else max(nbytes, 16))
        except (moderngl.Error, MemoryError, OverflowError) as error:
            raise DelegateError(f"{device.name} has no room for a buffer of {nbytes} bytes: {error}") from None
        if (problem := ctx.error) != "GL_NO_ERROR":
            buffer.release()
            raise DelegateError(f"{device.name} has no room for a buffer of {nbytes} bytes: {problem}")
        return buffer


def read(device: Device, buffer: Any, out: NDArray[Any], offset: int) -> None:
    """Copy bytes out of a buffer. The context must be current. Raises DelegateError where there is nothing to read."""
    try:
        buffer.read_into(out, out.nbytes, offset)
    except moderngl.Error as error:
        raise device.failure(f"{device.name} does not hand out what it computed: {error}") from None
    device.check("reading")


class GLArena:
    """One GL buffer, of which tensors occupy ranges."""

    def __init__(self, device: Device, nbytes: int) -> None:
        """Reserve `nbytes` bytes of GPU memory. Raises DelegateError if there is not enough."""
        self.device = device
        self.nbytes = nbytes
        self.buffer = new_buffer(device, nbytes)

    def write(self, offset: int, data: NDArray[Any]) -> None:
        """Copy a C-contiguous host array in, at a byte offset."""
        self.check(offset, data.nbytes)
        if data.nbytes:
            with self.device.current():
                self.buffer.write(data, offset)

    def read(self, offset: int, out: NDArray[Any]) -> None:
        """Wait for what was launched, then copy bytes out into a C-contiguous host array."""
        self.check(offset, out.nbytes)
        if out.nbytes:
            with self.device.current():
                self.device.wait()
                read(self.device, self.buffer, out, offset)

    def wait(self) -> None:
        """Until all that was launched is done."""
        with self.device.current():
            self.device.wait()

    def close(self) -> None:
        """Free the memory. May be called twice."""
        if self.buffer is not None:
            self.device.release(self.buffer)
            self.buffer = None

    def check(self, offset: int, nbytes: int) -> None:
        """Raise DelegateError where it has no such bytes."""
        if self.buffer is None:
            raise DelegateError("this GPU arena is closed")
        if offset < 0 or offset + nbytes > self.nbytes:
            raise DelegateError(f"bytes {offset} to {offset + nbytes} lie outside an arena of {self.nbytes}")
