"""What a GL context tells of its device's limits, and of how many threads it runs."""

from __future__ import annotations

import ctypes
from collections.abc import Container
from dataclasses import replace

from ...shaders.program import Limits
from .context import POINTER, UINT, function

GL_MAX_COMPUTE_SHARED_MEMORY_SIZE = 0x8262
GL_MAX_COMPUTE_WORK_GROUP_INVOCATIONS = 0x90EB
GL_MAX_COMPUTE_WORK_GROUP_COUNT = 0x91BE
GL_MAX_COMPUTE_SHADER_STORAGE_BLOCKS = 0x90DB
GL_MAX_SHADER_STORAGE_BUFFER_BINDINGS = 0x90DD
GL_MAX_SHADER_STORAGE_BLOCK_SIZE = 0x90DE

# The extension by which NVIDIA's drivers tell how large a wave is, and how many of them how many processors can hold.
THREAD_GROUP = "GL_NV_shader_thread_group"
GL_WARP_SIZE_NV, GL_WARPS_PER_SM_NV, GL_SM_COUNT_NV = 0x9339, 0x933A, 0x933B
# Of the threads that they can hold, so many run: larger tiles take so many registers that there is no room for more.
RESIDENT = 0.25


def integer(name: int, index: int | None = None) -> int:
    """A number, or one of several, that GL tells of itself. A context must be current."""
    value = ctypes.c_int64(0)
    if index is None:
        function("glGetInteger64v", None, UINT, POINTER)(name, ctypes.byref(value))
    else:
        function("glGetInteger64i_v", None, UINT, UINT, POINTER)(name, index, ctypes.byref(value))
    return value.value


def read_limits(extensions: Container[str]) -> Limits:
    """What the driver allows, and how many threads it says that run. A context with these must be current."""
    limits = Limits(
        storage_bytes=integer(GL_MAX_SHADER_STORAGE_BLOCK_SIZE),
        storage_blocks=min(
            integer(GL_MAX_COMPUTE_SHADER_STORAGE_BLOCKS), integer(GL_MAX_SHADER_STORAGE_BUFFER_BINDINGS)
        ),
        groups=min(integer(GL_MAX_COMPUTE_WORK_GROUP_COUNT, axis) for axis in range(3)),
        invocations=integer(GL_MAX_COMPUTE_WORK_GROUP_INVOCATIONS),
        shared_bytes=integer(GL_MAX_COMPUTE_SHARED_MEMORY_SIZE),
    )
    if THREAD_GROUP not in extensions:
        return limits
    lanes, waves, processors = map(integer, (GL_WARP_SIZE_NV, GL_WARPS_PER_SM_NV, GL_SM_COUNT_NV))
    return replace(limits, lanes=lanes, threads=int(RESIDENT * lanes * waves * processors))
