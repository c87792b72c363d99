"""What stands behind all that an op does: its results brought to values that its outputs can have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ...graph.model import Graph
from ...shaders.program import Answer, Elementwise, Stage


@dataclass(frozen=True)
class Last:
    """GLSL with {} for a float, or four of them, and the library (lib/*.glsl) that it needs."""

    expression: str
    library: str

    def inside(self, stage: Stage) -> Stage:
        """A stage whose result is brought there."""
        found = self.expression.format(stage.expression)
        return replace(stage, expression=found, includes=(*stage.includes, self.library))


HALF = Last("halved({})", "half")


def with_last(lowered: Answer, last: Callable[[int], Last | None]) -> Answer:
    """What a kernel made of an op, where `last` says what is to be done to what goes into a tensor; not to an Alias."""
    if isinstance(lowered, tuple):
        return tuple(
            replace(p, stages=(*p.stages, found.inside(Stage("x"))))
            if isinstance(p.output, int) and (found := last(p.output)) is not None
            else p
            for p in lowered
        )
    if isinstance(lowered, Elementwise) and (found := last(lowered.output)) is not None:
        mirrored = lowered.mirrored and found.inside(lowered.mirrored)
        return replace(lowered, stage=found.inside(lowered.stage), mirrored=mirrored)
    return lowered


def rounded(graph: Graph, lowered: Answer) -> Answer:
    """What a kernel made of an op, with what goes into FLOAT16 rounded to half: kernels compute it in float32."""
    return with_last(lowered, lambda t: HALF if graph.tensors[t].type == "FLOAT16" else None)
