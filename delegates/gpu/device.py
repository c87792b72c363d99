"""The GL device: which one is wanted, its limits, one context on it, and waiting for it."""

from __future__ import annotations

import ctypes
import logging
import math
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import moderngl

from ...errors import DelegateError
from ...shaders.program import Limits
from .context import (
    APIS,
    PACKAGES,
    UINT,
    NoGL,
    address,
    as_before,
    current_egl,
    function,
    open_context,
    reset_status,
    software_flags,
)
from .dialect import BUFFER_TEXTURES
from .limits import integer, read_limits

log = logging.getLogger("delegraph.gpu")

SOFTWARE = ("llvmpipe", "softpipe", "swiftshader", "software rasterizer", "swrast")

SOFTWARE_LANES = 8  # of 32 bits, as llvmpipe runs them on 256-bit SIMD

GL_SYNC_GPU_COMMANDS_COMPLETE = 0x9117
GL_SYNC_FLUSH_COMMANDS_BIT = 0x1
GL_TIMEOUT_EXPIRED, GL_WAIT_FAILED = 0x911B, 0x911D
WAIT_NS = 1_000_000_000

GL_SHADER_STORAGE_BUFFER_OFFSET_ALIGNMENT = 0x90DF
GL_MAX_TEXTURE_BUFFER_SIZE, GL_TEXTURE_BUFFER_OFFSET_ALIGNMENT = 0x8C2B, 0x919F

# What lets a driver compile in threads, by the extension that brings it.
COMPILER_THREADS = {
    "GL_KHR_parallel_shader_compile": "glMaxShaderCompilerThreadsKHR",
    "GL_ARB_parallel_shader_compile": "glMaxShaderCompilerThreadsARB",
}


def is_software(name: str) -> bool:
    """Whether a renderer of this name is software."""
    return any(word in name.lower() for word in SOFTWARE)


class Device:
    """One GL context, current only inside `current()`; any thread may use it, one at a time."""

    def __init__(self, ctx: moderngl.Context, own: bool = True) -> None:
        """Work in a context, current in no other thread meanwhile; `own` ones are destroyed at the end."""
        self.name = self.version = self.vendor = ""
        self.lost = False  # whether the context is no more, with all that was in it
        self._ctx: moderngl.Context | None = ctx
        self._handle = 0  # EGL's, where it is EGL's
        self.lock = threading.RLock()
        self._current = False
        self._pid = os.getpid()
        # For a delegate that nobody closes. At exit the driver may be gone before us, and needs no help.
        self._finalizer = weakref.finalize(self, destroy, ctx if own else None, self._pid)
        self._finalizer.atexit = False
        self._pending = False
        with self.current():
            self.name = str(ctx.info["GL_RENDERER"])
            self.version = str(ctx.info["GL_VERSION"])
            self.vendor = str(ctx.info["GL_VENDOR"])
            self.binds_many = "GL_ARB_multi_bind" in ctx.extensions and bool(address("glBindTextures"))
            compile_in_parallel(ctx)
            self._handle = current_egl()
            _ = ctx.error  # moderngl asks OpenGL ES for more than that knows
            limits = read_limits(ctx, self.api)
            if self.software:
                threads = SOFTWARE_LANES * (os.cpu_count() or 1)
                limits = replace(limits, lanes=SOFTWARE_LANES, threads=threads, texels=self._has_texels(limits))
            self.limits = limits
            self.alignment = integer(GL_SHADER_STORAGE_BUFFER_OFFSET_ALIGNMENT)
            if limits.texels:
                self.alignment = math.lcm(self.alignment, integer(GL_TEXTURE_BUFFER_OFFSET_ALIGNMENT))
        self._fence = function("glFenceSync", ctypes.c_void_p, UINT, UINT)
        self._wait_for = function("glClientWaitSync", UINT, ctypes.c_void_p, UINT, ctypes.c_uint64)
        self._delete_fence = function("glDeleteSync", None, ctypes.c_void_p)

    @property
    def api(self) -> str:
        """Which of `APIS` it speaks."""
        return "gles" if self.version.startswith("OpenGL ES") else "gl"

    @property
    def mesa(self) -> bool:
        """Whether the driver is Mesa's."""
        return "Mesa" in self.version

    @property
    def software(self) -> bool:
        """Whether it is the CPU that computes."""
        return is_software(self.name)

    def _has_texels(self, limits: Limits) -> bool:
        """Whether it has buffer textures, as large as storage blocks are. The context must be current."""
        assert self._ctx is not None
        if self.api != "gl" and BUFFER_TEXTURES not in self._ctx.extensions:
            return False
        return integer(GL_MAX_TEXTURE_BUFFER_SIZE) >= limits.storage_bytes // 4

    def answers(self, wanted: int | str | None, index: int) -> bool:
        """Whether it is the one asked for; where none was, any but software."""
        if wanted is None:
            return not self.software
        return wanted == index if isinstance(wanted, int) else wanted.lower() in self.name.lower()

    @contextmanager
    def current(self) -> Iterator[moderngl.Context]:
        """Hold the lock and make the context current. Raises DelegateError when closed or lost, or after a fork."""
        self.check_process()
        with self.lock:
            if self.lost:
                raise self._gone()
            if self._ctx is None:
                raise DelegateError("this GPU delegate is closed")
            if self._current:
                yield self._ctx
                return
            self._current = True
            try:
                with as_before(), self._ctx:
                    if self._handle and current_egl() != self._handle:
                        raise self._gone()
                    yield self._ctx
            finally:
                self._current = False

    def _gone(self) -> DelegateError:
        self.lost = True
        return DelegateError(f"the OpenGL context on {self.name} is lost, as after a reset of the GPU")

    def failure(self, what: str) -> DelegateError:
        """The error of something that GL failed to do: if the context was lost, that. It must be current."""
        with self.current() as ctx:
            return self._gone() if reset_status(ctx) else DelegateError(what)

    def check(self, what: str) -> None:
        """Raise DelegateError if GL noted an error in `what`. The context must be current."""
        assert self._ctx is not None
        if (error := self._ctx.error) != "GL_NO_ERROR":
            raise self.failure(f"OpenGL reports {error} in {what}")

    def check_process(self) -> None:
        """Raise DelegateError in a child of the process that made the context."""
        if os.getpid() != self._pid:
            raise DelegateError(
                "a GL context does not survive os.fork(): create the GPUDelegate in the child process, "
                "or start processes with multiprocessing's 'spawn' method"
            )

    def launched(self) -> None:
        """Note that work was handed to the GPU."""
        self._pending = True

    def wait(self) -> None:
        """Until all that was launched is done, without holding the GIL. The context must be current."""
        if not self._pending:
            return
        fence = self._fence(GL_SYNC_GPU_COMMANDS_COMPLETE, 0)
        try:
            status = GL_TIMEOUT_EXPIRED
            while status == GL_TIMEOUT_EXPIRED:
                status = self._wait_for(fence, GL_SYNC_FLUSH_COMMANDS_BIT, WAIT_NS)
                if status == GL_TIMEOUT_EXPIRED and self._ctx is not None and reset_status(self._ctx):
                    raise self._gone()
            if status == GL_WAIT_FAILED:
                raise self.failure(f"{self.name} failed while it computed")
        finally:
            self._delete_fence(fence)
        self._pending = False

    def release(self, *objects: Any) -> None:
        """Free GL objects, if the context is still there to free them in."""
        if os.getpid() != self._pid or self._ctx is None or self.lost:
            return
        try:
            with self.current():
                for item in objects:
                    item.release()
        except DelegateError:
            if not self.lost:
                raise

    def close(self) -> None:
        """Destroy the context and all that is in it. May be called twice; in a forked child it only lets go of it."""
        with self.lock:
            self._ctx = None
            self._finalizer()


def destroy(ctx: moderngl.Context | None, pid: int) -> None:
    """Destroy a context, if there is one, unless this is a forked child of the process that made it."""
    if ctx is not None and os.getpid() == pid:
        ctx.release()


def compile_in_parallel(ctx: moderngl.Context) -> None:
    """Let the driver compile in as many threads as it likes, if it can. A context must be current."""
    for extension, name in COMPILER_THREADS.items():
        if extension in ctx.extensions and address(name):
            function(name, None, UINT)(0xFFFFFFFF)
            return


def open_first(index: int, apis: tuple[str, ...]) -> Device:
    """EGL device `index` by the first of some APIs that gives a context. Raises NoGL, saying why each did not."""
    problems = []
    for api in apis:
        try:
            return Device(open_context(index, api))
        except NoGL as problem:
            problems.append(problem)
    raise NoGL("; ".join(problem.args[0] for problem in problems), problems[0].args[1])


def open_device(wanted: int | str | None, api: str | None = None) -> Device:
    """A device by index, by part of its name, or (None) the first that is no software, else the first. NoGL if none.

    With no `api` a device without desktop OpenGL's compute shaders is taken by way of OpenGL ES.
    Raises DelegateError where `wanted` is not here, naming those that are.
    """
    apis = tuple(APIS) if api is None else (api,)
    flags = software_flags() or (False,)
    order = list(range(len(flags)))
    if wanted is None:
        order.sort(key=lambda k: flags[k])
    elif wanted in order:
        order = [int(wanted)]
    tried: list[str] = []
    fallback: Device | None = None
    for index in order:
        try:
            device = open_first(index, apis)
        except NoGL as error:
            tried.append(f"{index}: {error.args[0]}")
            continue
        tried.append(f"{index}: {device.name}")
        if device.answers(wanted, index):
            if fallback is not None:
                fallback.close()
            return device
        if wanted is None and fallback is None:
            fallback = device
        else:
            device.close()
    if fallback is not None:
        log.warning("no GPU here: computing on %s, which is software", fallback.name)
        return fallback
    if wanted is None:
        raise NoGL("; ".join(tried), PACKAGES)
    raise DelegateError(f"there is no GPU device {wanted!r}; the devices here: {'; '.join(tried)}")
