"""What verifying is made of: differences, bisection, units, and the report."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest

import models
from delegraph import GPUDelegate
from delegraph.graph.model import Quantization, Tensor
from delegraph.graph.read import read
from delegraph.partitioner.planner import make_plan
from delegraph.verification.bisect import narrowed
from delegraph.verification.difference import Tolerance, difference, worst
from delegraph.verification.units import closure, units

from .faults import FACE, SELFIE, contents

FLOATS = Tensor(0, "x", "FLOAT32", (3,), (3,))
BYTES = Tensor(0, "q", "INT8", (3,), (3,), quantization=Quantization(np.ones(1, np.float32), np.zeros(1, np.int64)))
INDICES = Tensor(0, "i", "INT32", (3,), (3,))


def test_floats_are_measured_by_their_scale() -> None:
    found = difference(FLOATS, np.float32([-1, 0, 3.02]), np.float32([-1, 0, 3]))
    assert (found.unit, found.differing, found.at) == ("of scale", 1, (2,))
    assert found.worst == pytest.approx(0.02 / 4, rel=1e-4)
    assert not Tolerance(0.006).exceeded(found) and Tolerance(0.004).exceeded(found)


@pytest.mark.parametrize(
    ("got", "wanted", "off"),
    [
        ([math.nan, 1, 2], [math.nan, 1, 2], False), ([math.nan, 1, 2], [0, 1, 2], True),
        ([0, 1, 2], [math.nan, 1, 2], True), ([math.inf, 1, 2], [math.inf, 1, 2], False),
        ([-math.inf, 1, 2], [math.inf, 1, 2], True),
        ([3e38, 1, 2], [math.inf, 1, 2], True), ([-0.0, 0, 0], [0, 0, 0], False), ([1e-12, 0, 0], [0, 0, 0], False),
    ],
)  # fmt: skip
def test_numbers_that_are_none(got: list[float], wanted: list[float], off: bool) -> None:
    assert Tolerance().exceeded(difference(FLOATS, np.float32(got), np.float32(wanted))) is off


def test_integers_count_steps_only_where_they_are_quantised() -> None:
    got, wanted = np.array([1, 2, 3]), np.array([1, 2, 5])
    steps = difference(BYTES, got.astype(np.int8), wanted.astype(np.int8))
    assert (str(steps), Tolerance(steps=2).exceeded(steps), Tolerance(steps=1).exceeded(steps)) == (
        "2 steps in 1 of 3",
        False,
        True,
    )
    exact = difference(INDICES, got.astype(np.int32), wanted.astype(np.int32))
    assert str(exact) == "1 of 3" and Tolerance(steps=9).exceeded(exact)
    assert worst([steps, exact]) == exact and worst([]) is None


def test_another_shape_is_off() -> None:
    found = difference(FLOATS, np.zeros(2, np.float32), np.zeros(3, np.float32))
    assert Tolerance(1e9).exceeded(found) and (found.got, found.wanted) == ("shape [2]", "shape [3]")


def test_a_tolerance_is_a_number() -> None:
    for wrong in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="tolerance is a number of at least 0"):
            Tolerance(wrong)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 700])
def test_bisection_finds_one_unit_wherever_it_is(count: int) -> None:
    for bad in {0, 1, count // 3, count // 2, count - 2, count - 1} & set(range(count)):
        asked: list[tuple[int, int]] = []

        def off(begin: int, end: int, bad: int = bad, asked: list[tuple[int, int]] = asked) -> bool:
            asked.append((begin, end))
            return begin <= bad < end

        assert narrowed(count, off) == (bad, bad + 1)
        assert len(asked) <= 2 * math.log2(count) + 3
        assert sum(end - begin for begin, end in asked) <= 3 * count + 3


def test_bisection_finds_units_that_are_off_only_together() -> None:
    for first, last in itertools.combinations(range(12), 2):
        assert narrowed(12, lambda begin, end: begin <= first and last < end) == (first, last + 1)  # noqa: B023


def test_bisection_of_what_is_not_off_finds_nothing() -> None:
    assert narrowed(9, lambda begin, end: False) is None
    assert narrowed(0, lambda begin, end: True) is None


def test_bisection_finds_a_unit_whose_error_later_ones_hide() -> None:
    """Off where 3 is and 6 is not, and where 8 is: both are at fault, and the first is found."""
    assert narrowed(10, lambda begin, end: begin <= 8 < end or (begin <= 3 < end <= 6)) == (3, 4)


@pytest.mark.parametrize("name", models.thinned(["digits f32", FACE, SELFIE], "digits f32"))
def test_units_hold_each_op_once_and_come_after_what_they_read(name: str) -> None:
    graph = read(contents(name)).graphs[0]
    plan = make_plan(graph, [GPUDelegate()], assume_here=True)
    found = units(graph, plan)
    assert sorted(op for unit in found for op in unit) == [
        op.index for op in graph.ops if op.index not in graph.folded_ops
    ]
    assert any(len(unit) > 1 for unit in found)
    made = set(graph.inputs)
    for unit in found:
        assert set(unit) == closure(graph, unit)
        assert set(graph.boundary(unit)[0]) <= made
        made |= {t for op in unit for t in graph.ops[op].outputs}


def test_numbers_that_json_lacks_are_null() -> None:
    from delegraph.verification.report import Verification

    nan = difference(FLOATS, np.float32([math.nan, 0, 0]), np.float32([1, 0, 0]))
    data = Verification("m", "0", {}, Tolerance(), (nan,), ("x",)).to_json()
    assert json.loads(json.dumps(data, allow_nan=False))["outputs"][0]["worst"] is None
    assert (data["verdict"], data["schema"]) == ("FAIL", 1)
