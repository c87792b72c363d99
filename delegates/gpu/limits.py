"""What a GL context tells of its device's limits, and of how many threads it runs."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import replace

import moderngl

from ...shaders.program import Limits
from .context import POINTER, UINT, function
from .dialect import PRECISE, SUBGROUPS, begin

GL_MAX_COMPUTE_SHARED_MEMORY_SIZE = 0x8262
GL_MAX_COMPUTE_WORK_GROUP_INVOCATIONS = 0x90EB
GL_MAX_COMPUTE_WORK_GROUP_COUNT = 0x91BE
GL_MAX_COMPUTE_SHADER_STORAGE_BLOCKS = 0x90DB
GL_MAX_SHADER_STORAGE_BUFFER_BINDINGS = 0x90DD
GL_MAX_SHADER_STORAGE_BLOCK_SIZE = 0x90DE

# The extensions of GLSL that bring float16_t, f16vec4 and their arithmetic; the first that is there is taken.
HALVES = (
    "GL_EXT_shader_explicit_arithmetic_types_float16",
    "GL_AMD_gpu_shader_half_float",
    "GL_NV_gpu_shader5",
)
# The one for subgroups, and what of these there has to be: that they reduce values, in compute shaders.
SUBGROUP = "GL_KHR_shader_subgroup"
GL_SUBGROUP_SUPPORTED_STAGES_KHR, GL_SUBGROUP_SUPPORTED_FEATURES_KHR = 0x9533, 0x9534
GL_COMPUTE_SHADER_BIT, GL_SUBGROUP_FEATURE_ARITHMETIC_BIT_KHR = 0x20, 0x4

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


# What is done with both, in small.
GIVEN = """
layout(local_size_x = 8) in;
layout(std430, binding = 0) buffer Values { vec4 values[]; };
"""
IN_HALF = """
shared f16vec4 handed[8];
void main() {
    handed[gl_LocalInvocationIndex] = f16vec4(values[gl_LocalInvocationIndex]);
    barrier();
    f16vec4 x = handed[7u - gl_LocalInvocationIndex], sum = f16vec4(0.0);
    for (int c = 0; c < 4; c++) sum += x[c] * x;
    values[gl_LocalInvocationIndex] = vec4(sum);
}
"""
BY_SUBGROUPS = """
void main() {
    vec4 x = subgroupMax(subgroupAdd(values[gl_LocalInvocationIndex]));
    if (subgroupElect()) values[gl_SubgroupID] = x / float(gl_NumSubgroups);
}
"""


def compiles(ctx: moderngl.Context, api: str, extensions: Sequence[str], text: str) -> bool:
    """Whether the driver takes a shader in these extensions: some name what they have in part. A context is current."""
    try:
        ctx.compute_shader("\n".join((*begin(api, extensions), GIVEN, text))).release()
    except moderngl.Error:
        return False
    return True


def halves(ctx: moderngl.Context, api: str) -> str:
    """The extension by which there is arithmetic in half, "" without."""
    found = (name for name in HALVES if name in ctx.extensions)
    return next((name for name in found if compiles(ctx, api, (name,), IN_HALF)), "")


def reduces(ctx: moderngl.Context, api: str) -> bool:
    """Whether subgroups of compute shaders reduce values."""
    return (
        SUBGROUP in ctx.extensions
        and bool(integer(GL_SUBGROUP_SUPPORTED_STAGES_KHR) & GL_COMPUTE_SHADER_BIT)
        and bool(integer(GL_SUBGROUP_SUPPORTED_FEATURES_KHR) & GL_SUBGROUP_FEATURE_ARITHMETIC_BIT_KHR)
        and compiles(ctx, api, SUBGROUPS, BY_SUBGROUPS)
    )


def read_limits(ctx: moderngl.Context, api: str) -> Limits:
    """What the driver allows and has, and how many threads it says that run. The context must be current."""
    limits = Limits(
        storage_bytes=integer(GL_MAX_SHADER_STORAGE_BLOCK_SIZE),
        storage_blocks=min(
            integer(GL_MAX_COMPUTE_SHADER_STORAGE_BLOCKS), integer(GL_MAX_SHADER_STORAGE_BUFFER_BINDINGS)
        ),
        groups=min(integer(GL_MAX_COMPUTE_WORK_GROUP_COUNT, axis) for axis in range(3)),
        invocations=integer(GL_MAX_COMPUTE_WORK_GROUP_INVOCATIONS),
        shared_bytes=integer(GL_MAX_COMPUTE_SHARED_MEMORY_SIZE),
        precise=api == "gl" or PRECISE in ctx.extensions,
        halves=halves(ctx, api),
        subgroups=reduces(ctx, api),
    )
    if THREAD_GROUP not in ctx.extensions:
        return limits
    lanes, waves, processors = map(integer, (GL_WARP_SIZE_NV, GL_WARPS_PER_SM_NV, GL_SM_COUNT_NV))
    return replace(limits, lanes=lanes, threads=int(RESIDENT * lanes * waves * processors))
