"""One program launched by itself, its buffers bound in the order in which it names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ops.harness import delegate

from delegraph.delegates.gpu.compiler import flat, told
from delegraph.delegates.gpu.programs import Programs
from delegraph.shaders.program import Program

Array = np.ndarray[Any, Any]


def launched(program: Program, elements: int, buffers: Sequence[Array], made: int = 1) -> Array:
    """What buffer `made` holds after a launch that makes so many VALUEs."""
    programs = Programs(delegate().device)
    text, shader = programs.acquire(program, elements)
    with delegate().device.current() as ctx:
        held = [ctx.buffer(np.ascontiguousarray(array).tobytes()) for array in buffers]
        for k, buffer in enumerate(held):
            buffer.bind_to_storage_buffer(k)
        shader.telling(flat(told(program, elements)))()
        shader.run(*program.groups)
        assert ctx.error == "GL_NO_ERROR"
        result = np.frombuffer(held[made].read(), buffers[made].dtype)
        for buffer in held:
            buffer.release()
    programs.release([text])
    return result
