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
from collections.abc import Callable, Iterable, Mapping
from time import perf_counter

from .context import EGLContext, NoGL
from .device import Device
from .shader import Nothing, Shader, Textures

log = logging.getLogger("delegraph.gpu")

SLOW = 0.03  # seconds for one shader, beyond which it was not in Mesa's cache, and help is worth a context
MOST = 8  # threads
UNSHARED = ("MESA_SHADER_CACHE_DISABLE", "MESA_GLSL_CACHE_DISABLE")


class Work:
    """Texts to be made shaders, by several threads in contexts that share their objects."""

    def __init__(self, textures: Mapping[str, Textures]) -> None:
        """The texts, and what each shader will find bound. A context must be current."""
        self._textures = textures
        self._todo = deque(sorted(textures, key=len))
        self._nothing = Nothing()
        self.made: dict[str, Shader] = {}

    def __len__(self) -> int:
        """How many nobody has taken yet."""
        return len(self._todo)

    def step(self, first: bool = False) -> bool:
        """Do one: the longest left, so that all are done at about the same time; at `first` the shortest, to see."""
        try:
            text = self._todo.popleft() if first else self._todo.pop()
        except IndexError:
            return False
        shader = self.made[text] = Shader.compiled(text)
        if shader.problem() is None:
            self._nothing.launch(shader, self._textures[text])
        return True

    def finish(self) -> None:
        """Find in the context that is current what was made in others."""
        for text, shader in self.made.items():
            if shader.problem() is None:
                self._nothing.launch(shader, self._textures[text])

    def close(self) -> None:
        """Do no more."""
        self._todo.clear()
        self._nothing.release()


def machine_code(device: Device, textures: Mapping[str, Textures], meanwhile: Callable[[], None]) -> dict[str, Shader]:
    """A shader for each text, made as far as the driver can, unless it has a `problem`. A context must be current.

    `meanwhile` is done here while other threads have begun, if any help.
    """
    work = Work(textures)
    helpers: list[threading.Thread] = []
    try:
        start = perf_counter()
        if work.step(first=True) and perf_counter() - start > SLOW:
            helpers = started(work, others(device, len(work)))
        meanwhile()
        start = perf_counter()
        while work.step():
            if not helpers and perf_counter() - start > SLOW:
                helpers = started(work, others(device, len(work) - 1))
            start = perf_counter()
        for helper in helpers:
            helper.join()
        if helpers:
            work.finish()
    except BaseException:
        work.close()
        for helper in helpers:
            helper.join()
        for shader in work.made.values():
            shader.release()
        raise
    work.close()
    return work.made


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


def started(work: Work, contexts: Iterable[EGLContext]) -> list[threading.Thread]:
    """Threads that help, one for each context."""
    helpers = [threading.Thread(target=help_with, args=(work, own)) for own in contexts]
    for helper in helpers:
        helper.start()
    return helpers


def help_with(work: Work, own: EGLContext) -> None:
    """Work in a context of this thread's own until there is none."""
    try:
        with own:
            while work.step():
                pass
    finally:
        own.release()
