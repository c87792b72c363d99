"""Compiling for drivers whose GPU is the CPU: they make machine code when a shader first runs, on one core.

Mesa keeps that code on disk, where all contexts find it. So threads with contexts of their own each take some of the
shaders, and the context that will run them finds what the others made. Without that cache nothing is lost but the
others' work.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

from .arena import new_buffer
from .context import EGLContext, NoGL
from .device import Device
from .shader import Nothing, Shader
from .texels import BufferTexture

log = logging.getLogger("delegraph.gpu")

SLOW = 0.03  # seconds for one shader, beyond which it was not in Mesa's cache, and help is worth a context
MOST = 8  # threads
Units = Sequence[tuple[int, str]]  # each that will have a texture bound, and of which element, among TEXELS
UNSHARED = ("MESA_SHADER_CACHE_DISABLE", "MESA_GLSL_CACHE_DISABLE")


class Work:
    """Texts to be made shaders, by several threads in contexts that share their objects."""

    def __init__(self, device: Device, units: Mapping[str, Units]) -> None:
        """The texts, and what each shader will find bound. A context must be current.

        Machine code depends on the format of a texture, not on what is in it: small ones stand in for those to come.
        """
        self._device, self._units = device, units
        self._todo = deque(sorted(units, key=len))
        self._nothing = Nothing()
        self._bytes = new_buffer(device, 0)
        elements = {element for found in units.values() for _, element in found}
        self._texels = {element: BufferTexture(self._bytes, 0, 0, element) for element in elements}
        self._helpers: list[threading.Thread] = []
        self.made: dict[str, Shader] = {}

    def __len__(self) -> int:
        """How many nobody has taken yet."""
        return len(self._todo)

    def step(self, first: bool = False) -> bool:
        """Do one: the longest left, so that all are done at about the same time; at `first` the shortest, to see.

        If it takes long, and none help yet, let others help.
        """
        start = perf_counter()
        try:
            text = self._todo.popleft() if first else self._todo.pop()
        except IndexError:
            return False
        self.made[text] = Shader.compiled(text)
        self._launch(text)
        if not self._helpers and perf_counter() - start > SLOW:
            self._help()
        return True

    def _launch(self, text: str) -> None:
        shader = self.made[text]
        if shader.problem() is None:
            self._nothing.launch(shader, [(unit, self._texels[element]) for unit, element in self._units[text]])

    def _help(self) -> None:
        contexts = others(self._device, len(self) - 1)
        self._helpers = [threading.Thread(target=help_with, args=(self, own)) for own in contexts]
        for helper in self._helpers:
            helper.start()

    def finish(self) -> None:
        """Wait for those who help, and find in the context that is current what was made in theirs."""
        for helper in self._helpers:
            helper.join()
        for text in self.made if self._helpers else ():
            self._launch(text)

    def close(self) -> None:
        """Do no more."""
        self._todo.clear()
        for helper in self._helpers:
            helper.join()
        self._nothing.release()
        for texture in self._texels.values():
            texture.release()
        self._bytes.release()


def machine_code(device: Device, units: Mapping[str, Units], meanwhile: Callable[[], None]) -> dict[str, Shader]:
    """A shader for each text, made as far as the driver can, unless it has a `problem`. A context must be current.

    `meanwhile` is done here while other threads have begun, if any help.
    """
    work = Work(device, units)
    try:
        work.step(first=True)
        meanwhile()
        while work.step():
            pass
        work.finish()
    except BaseException:
        work.close()
        for shader in work.made.values():
            shader.release()
        raise
    work.close()
    return work.made


def help_with(work: Work, own: EGLContext) -> None:
    """Work in a context of this thread's own until there is none."""
    try:
        with own:
            while work.step():
                pass
    finally:
        own.release()


def others(device: Device, most: int) -> list[EGLContext]:
    """Contexts beside the current one for other threads, as many as there are cores for, if they would help."""
    if not device.mesa or any(os.environ.get(name, "").lower() in ("1", "true") for name in UNSHARED):
        return []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        return [EGLContext.beside(device.api) for _ in range(min(cores - 1, most, MOST))]
    except NoGL as problem:
        log.debug("no other context to compile in: %s", problem)
        return []
