"""What tensors become on their way into GL's memory and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...buffers import Bytes, Form
from ...errors import Learned
from ...graph.model import Tensor
from ...shaders.types import STORED, half, in_half, packing, stored, stored_bytes
from .arena import GLArena
from .crossing import crossing, pays
from .reals import Steps, steps_of

Learn = Callable[[Sequence[int]], Learned]  # takes up that tensors hold more than half does


@dataclass(frozen=True)
class SmallForm(Form):
    """That of integers of one or two bytes, which the GPU converts where that is sooner done; to reals by `steps`."""

    steps: Steps | None = None

    def write(self, arena: Bytes, offset: int, data: NDArray[Any]) -> None:
        """Copy the tensor from the host into an arena, at a byte offset."""
        if not self._crosses(arena, offset, data):
            return super().write(arena, offset, data)
        assert isinstance(arena, GLArena)
        arena.check(offset, self.nbytes)
        crossing(arena.device).widen(arena.device, arena.buffer, offset, np.ascontiguousarray(data), self.steps)

    def read(self, arena: Bytes, offset: int, out: NDArray[Any]) -> None:
        """Copy the tensor out into a C-contiguous host array. Reals are made integers by the host."""
        if self.steps is not None or not self._crosses(arena, offset, out):
            return super().read(arena, offset, out)
        assert isinstance(arena, GLArena)
        arena.check(offset, self.nbytes)
        crossing(arena.device).narrow(arena.device, arena.buffer, offset, out)

    @staticmethod
    def _crosses(arena: Bytes, offset: int, array: NDArray[Any]) -> bool:
        return isinstance(arena, GLArena) and offset % arena.device.alignment == 0 and pays(arena.device, array)


def form(tensor: Tensor, learn: Learn | None = None) -> Form:
    """How a tensor lies in GL, and how it gets there and back.

    Where it lies in half, `learn` takes up that it holds more on its way there, and makes the error to raise.
    """
    steps, nbytes = steps_of(tensor), stored_bytes(tensor)
    if half(tensor):
        return Form(nbytes, partial(_into_half, tensor, learn), partial(_out_of_half, tensor))
    if steps is not None:
        return SmallForm(nbytes, steps.reals, lambda raw: steps.integers(raw.view(np.float32)), steps)
    if packing(tensor) or tensor.type not in STORED or STORED[tensor.type].dtype == tensor.dtype:
        return Form(nbytes)
    return SmallForm(nbytes, stored, lambda raw: raw.view(STORED[tensor.type].dtype))


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
