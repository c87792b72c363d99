"""The seeded faults are what they say: each changes what the GPU runs for its op, and nothing else."""

from __future__ import annotations

import pytest

from delegraph.delegates.gpu import lowering
from delegraph.graph.read import read
from delegraph.shaders.program import Const, Limits, Scratch

from .faults import FAULTS, Fault, content_of, each, seeded


def test_there_are_twenty_of_many_kinds() -> None:
    assert len(FAULTS) == 20
    assert len({fault.of for fault in FAULTS}) >= 8
    assert len({fault.model for fault in FAULTS if not fault.model.startswith("digits")}) >= 3


@pytest.mark.parametrize("fault", each())
def test_each_changes_its_op_alone(fault: Fault) -> None:
    model = read(content_of(fault))
    graph = model.graphs[0]
    others = [op for op in graph.ops[::7] if op.index != fault.op]
    right = {op.index: said(lowering.lower_op(graph, op, Limits())) for op in (graph.ops[fault.op], *others)}
    with seeded(fault, model.fingerprint):
        wrong = lowering.lower_op(graph, graph.ops[fault.op], Limits())
        assert graph.ops[fault.op].label == fault.of
        assert not isinstance(wrong, lowering.Refusal), wrong
        assert said(wrong) != right[fault.op]
        for op in others:
            assert said(lowering.lower_op(graph, op, Limits())) == right[op.index]


def said(lowered: object) -> list[object]:
    """All that an answer says, weights included."""
    if not isinstance(lowered, tuple):
        stage = getattr(lowered, "stage", None)
        return [lowered if stage is None else (stage.expression, stage.period, values(stage.operand))]
    return [
        (
            p.body, sorted((k, str(v)) for k, v in p.constants.items()),
            [values(a.source) for a in p.inputs], [(s.expression, s.period, values(s.operand)) for s in p.stages],
        )
        for p in lowered
    ]  # fmt: skip


def values(source: object) -> object:
    if isinstance(source, Scratch):  # each is its own, whatever it holds
        return source.type, source.size
    return source.pack().tobytes() if isinstance(source, Const) else source
