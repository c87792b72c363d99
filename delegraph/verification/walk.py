"""Op after op along a plan, each fed by the reference and by what the delegates made; and who is to blame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DelegateError
from ..graph.model import Graph
from ..partitioner.plan import Decision
from .bisect import narrowed
from .difference import Difference, Tolerance, difference, worst
from .pieces import Pieces
from .report import Blame, Kind, OpCheck
from .units import Unit

Progress = Callable[[float, str], None]  # called with the part that is done, 0 to 1, and with what is done now
Values = Mapping[int, NDArray[Any]]


class Walk:
    """The units of one plan beside the reference's values; `done` are the checks so far."""

    def __init__(
        self,
        pieces: Pieces,
        units: Sequence[Unit],
        decisions: Sequence[Decision],
        wanted: Values,
        tolerance: Tolerance,
        progress: Progress,
    ) -> None:
        """`units` as they run, `wanted` each tensor's value by the reference."""
        self._pieces, self._units, self._decisions = pieces, units, decisions
        self._wanted, self._tolerance, self._progress = wanted, tolerance, progress
        self.done: list[OpCheck] = []

    @property
    def graph(self) -> Graph:
        """The graph."""
        return self._pieces.graph

    @property
    def count(self) -> int:
        """How many ops there are to check."""
        return sum(map(len, self._units))

    def checks(self, inputs: Values) -> list[OpCheck]:
        """All ops, in the order in which they run."""
        real = dict(inputs)  # what the delegates made; the reference's own object where it is the same
        for unit in self._units:
            fused = self._fused(unit)
            for ops in self._cut(unit):
                self._progress(len(self.done) / self.count, f"op {ops[0]}")
                found = self._checked(ops, real)
                for check in found:
                    stands = fused if check.op == unit[0] else None
                    off = check.off or (stands is not None and self._tolerance.exceeded(stands))
                    self.done.append(OpCheck(**{**vars(check), "fused": stands, "off": off}))
        return self.done

    def _cut(self, unit: Unit) -> list[Unit]:
        """A unit as small as it can be run: op by op, but for ops that share a runtime."""
        return [unit] if unit[0] in self.graph.ties else [(op,) for op in unit]

    def _fused(self, unit: Unit) -> Difference | None:
        """The error of ops that are run as one, where a delegate makes one of them."""
        if len(self._cut(unit)) == 1:
            return None
        try:
            (made,) = self._pieces.run(unit, self._wanted)
        except DelegateError:
            return None  # op by op it says why
        return self._apart(made)

    def _checked(self, ops: Unit, real: dict[int, NDArray[Any]]) -> list[OpCheck]:
        keep = self._readable(ops)
        entering = self.graph.boundary(ops)[0]
        given: list[Values] = [self._wanted]
        if any(real[t] is not self._wanted[t] for t in entering):
            given.append(real)
        problem = ""
        try:
            here, carried = (made := self._pieces.run(ops, *given, keep=keep))[0], made[-1]
        except DelegateError as error:
            here, carried, problem = {}, {}, str(error)
        for t in keep:
            same = t not in carried or np.array_equal(carried[t], self._wanted[t])
            real[t] = self._wanted[t] if same else carried[t]
        return [self._check(op, here, carried, problem) for op in ops]

    def _check(self, op: int, here: Values, carried: Values, problem: str) -> OpCheck:
        o, decision = self.graph.ops[op], self._decisions[op]
        mine = [t for t in o.outputs if t in here]
        local = self._apart({t: here[t] for t in mine})
        return OpCheck(
            op, o.label, self.graph.tensors[o.outputs[0]].name if o.outputs else "", decision.delegate, local,
            self._apart({t: carried[t] for t in mine}), None, decision.fused,
            bool(problem) or (local is not None and self._tolerance.exceeded(local)), problem,
        )  # fmt: skip

    def _readable(self, ops: Iterable[int]) -> frozenset[int]:
        tensors = (t for op in ops for t in self.graph.ops[op].outputs)
        return frozenset(t for t in tensors if t in self._wanted)

    def _apart(self, made: Values) -> Difference | None:
        """The worst difference of some tensors from the reference."""
        tensors = self.graph.tensors
        return worst(difference(tensors[t], value, self._wanted[t]) for t, value in made.items() if t in self._wanted)

    def _off(self, made: Values) -> Difference | None:
        """That of those that are off; None where none is."""
        tensors = self.graph.tensors
        apart = (difference(tensors[t], value, self._wanted[t]) for t, value in made.items() if t in self._wanted)
        return worst(d for d in apart if self._tolerance.exceeded(d))

    def first(self, checks: Sequence[OpCheck]) -> Blame | None:
        """The first op that was seen to be off, or the first that is off only where it is fused."""
        check = next((c for c in checks if c.off), None)
        if check is None:
            return None
        unit = next(unit for unit in self._units if check.op in unit)
        return self._named([unit])

    def culprit(self) -> Blame:
        """Who is to blame for an output that is off, by bisection of the plan as it runs."""
        tries = 0

        def off(begin: int, end: int) -> bool:
            nonlocal tries
            tries += 1
            self._progress(1.0, f"bisection, run {tries}")
            try:
                (made,) = self._pieces.run([op for unit in self._units[begin:end] for op in unit], self._wanted)
            except DelegateError:
                return True
            return self._off(made) is not None

        found = narrowed(len(self._units), off)
        return self._named(self._units[slice(*found)]) if found is not None else Blame("plan", (), "", "", None)

    def _named(self, row: Sequence[Unit]) -> Blame:
        """The blame of units in a row that are off together: of one op of a single unit, if that is off by itself."""
        ops = tuple(op for unit in row for op in unit)
        if len(row) == 1:
            for cut in self._cut(row[0]):
                blame = self._blame("op" if len(cut) == 1 else "together", cut, self._readable(cut))
                if blame.difference or blame.problem or len(ops) == 1:
                    return blame
            return self._blame("fusion", ops)
        return self._blame("together", ops)

    def _blame(self, kind: Kind, ops: Unit, keep: frozenset[int] = frozenset()) -> Blame:
        """What to say of ops, with all that it takes to run them elsewhere."""
        graph = self.graph
        labels = ", ".join(dict.fromkeys(graph.ops[op].label for op in ops))
        delegates = ", ".join(dict.fromkeys(map(self._pieces.delegate, ops)))
        made, problem = {}, ""
        try:
            (made,) = self._pieces.run(ops, self._wanted, keep=keep)
        except DelegateError as error:
            problem = str(error)
        entering, leaving = graph.boundary(ops, keep)
        names = graph.submodel_names(ops, keep)
        return Blame(
            kind, ops, labels, delegates, self._off(made), problem, graph.submodel(ops, keep),
            {names[t]: self._wanted[t] for t in entering}, {names[t]: self._wanted[t] for t in leaving},
            {names[t]: made[t] for t in leaving if t in made},
        )  # fmt: skip
