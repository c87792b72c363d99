"""In which GLSL a shader is written: that of OpenGL 4.3 or of OpenGL ES 3.1, and the extensions that it requires."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

from ...shaders.program import Limits, Program

# The extensions that bring OpenGL ES 3.1 the qualifier, and buffer textures.
PRECISE, BUFFER_TEXTURES = "GL_EXT_gpu_shader5", "GL_EXT_texture_buffer"
# Those by which subgroups reduce values.
SUBGROUPS = ("GL_KHR_shader_subgroup_basic", "GL_KHR_shader_subgroup_arithmetic")


def begin(api: str, extensions: Collection[str] = ()) -> tuple[str, ...]:
    """How a shader begins. Without `PRECISE` OpenGL ES still keeps the word for itself, so it becomes nothing."""
    required = (f"#extension {name} : require" for name in extensions)
    if api == "gl":
        return "#version 430", *required
    qualifier = () if PRECISE in extensions else ("#define precise",)
    return "#version 310 es", *required, *qualifier, "precision highp float;", "precision highp int;"


def head(api: str) -> str:
    """How a shader begins that is no kernel's."""
    return "\n".join((*begin(api), ""))


def extensions(program: Program, texels: bool, api: str, limits: Limits) -> Iterator[str]:
    """Those that a program's shader is written in; `texels` says whether it reads any."""
    if api == "gles" and limits.precise:
        yield PRECISE
    if api == "gles" and texels:
        yield BUFFER_TEXTURES
    if program.half_sums:
        yield limits.halves
    if limits.subgroups and in_one_tree(program):
        yield from SUBGROUPS


def in_one_tree(program: Program) -> bool:
    """Whether all lanes of a group join theirs to one result.

    Of fewer it is not known which share a subgroup: how a driver divides a group into these is its own affair.
    """
    lanes = program.constants["LANES"] if "reduce" in program.includes else 1
    return bool(lanes > 1 and lanes == math.prod(program.local))
