"""The GL space's memory: one buffer, read and written at byte offsets; and what tensors become on the way there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from ...buffers import Form
from ...errors import DelegateError, Learned
from ...graph.model import Tensor
from ...shaders.types import STORED, half, in_half, stored, stored_bytes
from .device import Device
from .reals import steps_of

Learn = Callable[[Sequence[int]], Learned]  # takes up that tensors hold more than half does


def new_buffer(device: Device, nbytes: int) -> Any:
    """A GL buffer of `nbytes` bytes. Raises DelegateError where the GPU has no room for it."""
    with device.current() as ctx:
        try:
            buffer = ctx.buffer(reserve=max(nbytes, 16))
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
        self._check(offset, data.nbytes)
        if data.nbytes:
            with self.device.current():
                self.buffer.write(data, offset)

    def read(self, offset: int, out: NDArray[Any]) -> None:
        """Wait for what was launched, then copy bytes out into a C-contiguous host array."""
        self._check(offset, out.nbytes)
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

    def _check(self, offset: int, nbytes: int) -> None:
        if self.buffer is None:
            raise DelegateError("this GPU arena is closed")
        if offset < 0 or offset + nbytes > self.nbytes:
            raise DelegateError(f"bytes {offset} to {offset + nbytes} lie outside an arena of {self.nbytes}")


def form(tensor: Tensor, learn: Learn | None = None) -> Form:
    """How a tensor lies in GL, and how it gets there and back.

    Where it lies in half, `learn` takes up that it holds more on its way there, and makes the error to raise.
    """
    steps, nbytes = steps_of(tensor), stored_bytes(tensor)
    if half(tensor):
        return Form(nbytes, partial(_into_half, tensor, learn), partial(_out_of_half, tensor))
    if steps is not None:
        return Form(nbytes, steps.reals, lambda raw: steps.integers(raw.view(np.float32)))
    if tensor.type not in STORED or STORED[tensor.type].dtype == tensor.dtype:
        return Form(nbytes)
    return Form(nbytes, stored, lambda raw: raw.view(STORED[tensor.type].dtype))


def _into_half(tensor: Tensor, learn: Learn | None, data: NDArray[Any]) -> NDArray[np.float16]:
    steps = steps_of(tensor)
    reals = data if steps is None else steps.reals(data)
    found = in_half(reals)
    if learn is not None and (np.isinf(found[: reals.size]) & np.isfinite(reals.reshape(-1))).any():
        raise learn([tensor.index])
    return found


def _out_of_half(tensor: Tensor, raw: NDArray[np.uint8]) -> NDArray[Any]:
    steps, found = steps_of(tensor), raw.view(np.float16)[: tensor.size].astype(np.float32)
    return found if steps is None else steps.integers(found)
