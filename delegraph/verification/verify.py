"""Verifying: a model's outputs, then op after op, against the reference kernels; and which op is to blame."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..arguments import check_names
from ..delegates.base import Delegate, accompanied
from ..delegates.cpu import CPUDelegate
from ..delegates.host import with_host
from ..errors import DelegateError
from ..graph.model import Model
from ..graph.read import read
from ..inputs import filled, inputs_of
from ..placing import Placing
from ..session import Session
from .difference import Tolerance, difference
from .pieces import Pieces
from .reference import reference
from .report import Blame, OpCheck, Verification
from .units import units
from .walk import Progress, Walk

Expect = Callable[[int, float], None]  # called once with how many ops are run one by one, and seconds that may take


def verify(
    model: str | os.PathLike[str] | bytes,
    delegates: Sequence[Delegate],
    *,
    inputs: Mapping[str, NDArray[Any]] | None = None,
    seed: int = 0,
    placement: str = "priority",
    tolerance: float = 1e-4,
    steps: int = 0,
    quick: bool = False,
    progress: Progress = lambda done, what: None,
    expect: Expect = lambda ops, seconds: None,
) -> Verification:
    """Run a model on delegates, and compare it op after op with TensorFlow Lite's reference kernels.

    `inputs` are arrays by the names of tensors or signatures; what is not given is random, by `seed`. `delegates` stand
    in order of preference, the CPU last; they stay open. Floats are off where they are further than `tolerance` of
    their scale (max of range and largest absolute value) from the reference, quantised integers where they are more
    than `steps` away. With `quick` only outputs are compared, and ops are looked at where one is off. Ctrl-C ends it:
    what was found so far is returned, with `complete` False.

    Raises ValueError for inputs that do not fit and numbers that say nothing, InvalidModel, UnsupportedOp where no
    delegate has an op or nothing here can tell what it should give, DelegateError where the plan does not compile.
    """
    content = model if isinstance(model, bytes) else Path(model).read_bytes()
    name = "" if isinstance(model, bytes) else Path(model).name
    verifier = Verifier(read(content), delegates, placement, Tolerance(tolerance, steps))
    try:
        arrays = filled(inputs_of(verifier.session), inputs or {}, seed)
        return verifier.run(name, arrays, quick, progress, expect)
    finally:
        verifier.close()


class Verifier:
    """A model on some delegates, next to the reference."""

    def __init__(self, model: Model, delegates: Sequence[Delegate], placement: str, tolerance: Tolerance) -> None:
        """Nothing is planned or run yet."""
        cpu = next((d for d in delegates if isinstance(d, CPUDelegate)), None) or CPUDelegate()
        ordered = [*delegates] if cpu in delegates else [*delegates, cpu]
        self._delegates = with_host(accompanied(ordered, model, cpu), model)
        check_names(self._delegates)
        self._tolerance = tolerance
        self.session = Session(model.graphs[0], self._delegates, cpu, Placing(placement), False, lambda event: None)

    def close(self) -> None:
        """Give memory back; the delegates stay open."""
        self.session.close()

    def run(
        self,
        name: str,
        inputs: Mapping[int, NDArray[Any]],
        quick: bool = False,
        progress: Progress = lambda done, what: None,
        expect: Expect = lambda ops, seconds: None,
    ) -> Verification:
        """All of it, for `inputs` by tensor index, whose shapes the model then takes. As `verify`."""
        session = self.session
        for t, value in inputs.items():
            session.resize_tensor_input(t, value.shape)
        progress(0.0, "plan")
        plan, graph = session.plan, session.graph
        progress(0.0, "reference")
        wanted = reference(graph, inputs, self._delegates)
        progress(0.0, "compile")
        start = time.perf_counter()
        session.allocate_tensors()
        compiled = time.perf_counter()
        for t, value in inputs.items():
            session.set_tensor(t, value)
        outputs, problem = [], ""
        try:
            session.invoke()
            made = [(t, session.get_tensor(t)) for t in graph.outputs if t in wanted]
            outputs = [difference(graph.tensors[t], value, wanted[t]) for t, value in made]
        except DelegateError as error:
            problem = str(error)  # what an op refuses may be what another one got wrong
        ran = time.perf_counter()
        plan = session.plan  # another one where a delegate has learned
        off = tuple(d.tensor for d in outputs if self._tolerance.exceeded(d))
        pieces = Pieces(graph, plan, self._delegates)
        walk = Walk(pieces, units(graph, plan), plan.decisions, wanted, self._tolerance, progress)
        checks: list[OpCheck] = []
        blame: Blame | None = None
        complete = True
        try:
            if not quick:
                each = (compiled - start) / max(sum(plan.launches.values()), 1)
                expect(walk.count, each * walk.count + 3 * (ran - compiled))
                checks += walk.checks(inputs)
            blame = walk.culprit() if off or problem else walk.first(checks)
        except KeyboardInterrupt:
            checks, complete = [*walk.done], False
        used = {p.delegate for p in plan.partitions}
        devices = {d.name: d.probe().detail for d in self._delegates if d.name in used}
        return Verification(
            name, graph.model.fingerprint, devices, self._tolerance, tuple(outputs), off, problem, tuple(checks), blame,
            complete,
        )  # fmt: skip
