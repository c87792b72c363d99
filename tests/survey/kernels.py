"""Where LiteRT's default kernels give other integers than its reference kernels: python tests/survey/kernels.py

Prints a table for docs/exactness.md: for each op and type of result, over the conformance cases, the largest difference
in steps, and in how many elements there is one. Cases run in another process, for a kernel may crash.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from ai_edge_litert.interpreter import Interpreter

import cases
from case import REFERENCE
from conformance.oracle import prepare

NARROW = ("int8", "uint8", "int16")
Difference = tuple[str, str, int, int, int]  # op, type, steps, elements that differ, elements


def default(content: bytes, inputs: list[Any]) -> list[Any]:
    """What the default resolver gives, XNNPACK included."""
    made = Interpreter(model_content=content)
    made.allocate_tensors()
    for detail, value in zip(made.get_input_details(), inputs, strict=True):
        made.set_tensor(detail["index"], value)
    made.invoke()
    return [made.get_tensor(detail["index"]) for detail in made.get_output_details()]


CASES = [case for _, case in cases.listed()]


def compare(number: int) -> list[Difference]:
    """One case's outputs of quantised integers."""
    case = CASES[number]
    if case.oracle != REFERENCE or case.runs > 1:
        return []
    prepared = prepare(case)
    if not any(y.dtype.name in NARROW for y in prepared.wanted[0]):
        return []
    found = []
    try:
        others = default(prepared.content, prepared.inputs[0])
    except (RuntimeError, ValueError):
        return []
    for want, other in zip(prepared.wanted[0], others, strict=True):
        if want.dtype.name in NARROW and want.shape == other.shape and want.size:
            steps = np.abs(want.astype(np.int64) - other)
            found.append((case.kind, want.dtype.name.upper(), int(steps.max()), int((steps > 0).sum()), want.size))
    return found


def everywhere() -> Iterator[Difference]:
    """All cases but those of which a kernel dies."""
    start = 0
    while start < len(CASES):
        with ProcessPoolExecutor(1, get_context("fork")) as pool:
            try:
                for found in pool.map(compare, range(start, len(CASES))):
                    start += 1
                    yield from found
            except BrokenProcessPool:
                print(f"the runtime dies of {CASES[start].label}", file=sys.stderr)
                start += 1


def main() -> None:
    worst: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for kind, dtype, steps, differing, size in everywhere():
        row = worst[kind, dtype]
        row[:] = [max(row[0], steps), row[1] + differing, row[2] + size]
    print("| op | type | most steps | elements that differ |\n|---|---|---|---|")
    for (kind, dtype), (steps, differing, size) in sorted(worst.items()):
        if steps:
            print(f"| {kind} | {dtype} | {steps} | {100 * differing / size:.2g} % of {size:,} |")
    same = sorted({kind for kind, _ in worst} - {kind for (kind, _), row in worst.items() if row[0]})
    print(f"\nNo difference: {', '.join(same)}.")


if __name__ == "__main__":
    main()
