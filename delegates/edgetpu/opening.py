"""Whether a device opens, and what is told of it comes back: a live check that needs no compiled model."""

from __future__ import annotations

import numpy as np

from ...graph.builder import GraphBuilder
from ..engine import Port, Program, Site

LENGTH = 7


def self_test(site: Site) -> str:
    """Open an interpreter with the device in it, and have its runtime add two vectors. Raises nothing."""
    builder = GraphBuilder()
    x, y = (builder.input((1, LENGTH), name=name) for name in "xy")
    builder.output(builder.op("ADD", [x, y], (1, LENGTH), name="sum"))
    port = {name: Port(name, (1, LENGTH), np.dtype(np.float32)) for name in ("x", "y", "sum")}
    program = Program(builder.build(), {0: port["x"], 1: port["y"]}, {2: port["sum"]})
    arena = site.allocate(3 * 64)
    try:
        executable = site.load(program, arena, {0: 0, 1: 64, 2: 128})
        try:
            given, found = np.arange(LENGTH, dtype=np.float32), np.empty(LENGTH, np.float32)
            arena.write(0, given)
            arena.write(64, given)
            executable.run()
            arena.read(128, found)
        finally:
            executable.close()
    except Exception as error:  # whatever a driver or a runtime raises is the finding
        return f"failed: {type(error).__name__}: {error}"
    finally:
        arena.close()
    if not np.array_equal(found, 2 * given):
        return f"wrong: what came back is {found.tolist()}, not {(2 * given).tolist()}"
    return "ok: it opens (it computes what edgetpu_compiler made, and no sum)"
