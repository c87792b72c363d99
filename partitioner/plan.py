"""Plan: what will run where and why, as frozen data. To and from JSON, comparable, printable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..delegates.base import Cost, Partition
from ..errors import InvalidPlan, Reason
from ..graph.model import Graph

FORMAT = 2


@dataclass(frozen=True)
class Run:
    """Run one partition."""

    partition: int


@dataclass(frozen=True)
class Transfer:
    """Copy one tensor from one space to another."""

    tensor: int
    src: str
    dst: str
    nbytes: int


Step = Run | Transfer


@dataclass(frozen=True)
class Allocation:
    """A tensor's place in a space's arena, and the first and last moment (launch number) at which it is needed."""

    tensor: int
    space: str
    offset: int
    nbytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Decision:
    """One op's choice.

    `reasons` holds why each delegate that refused did; `fused` is the op it was merged into; `folded` ops were computed
    when the plan was made and run nowhere; `rule` says what decided; `costs` are those of the op by itself, `flips` the
    seconds that moving this op alone to another delegate would add to the plan. `note` is what its delegate says of how
    it runs the op. `way` is which of several ways its delegate does it in; `tuned` whether that was measured to be the
    fastest, or else is the delegate's own choice.
    """

    op: int
    kind: str
    delegate: str
    partition: int | None
    folded: bool = False
    fused: int | None = None
    rule: str = ""
    reasons: Mapping[str, tuple[Reason, ...]] = field(default_factory=dict)
    costs: Mapping[str, Cost] = field(default_factory=dict)
    flips: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    way: str = ""
    tuned: bool = False


@dataclass(frozen=True)
class Plan:
    """Steps, partitions, allocations and decisions for one subgraph of the model whose SHA-256 is `model`.

    `launches` counts what each partition really launches (dispatches on a GPU), `arenas` the bytes of each space.
    `expected` is what one inference should take, `costs` what each step should; `bound` is the least seconds that any
    placement could take if only one partition cost anything besides its ops (None where it was not worked out).
    """

    model: str
    subgraph: int
    placement: str
    delegates: tuple[str, ...]
    steps: tuple[Step, ...]
    partitions: tuple[Partition, ...]
    allocations: tuple[Allocation, ...]
    arenas: Mapping[str, int]
    launches: Mapping[int, int]
    decisions: tuple[Decision, ...]
    expected: Cost
    costs: tuple[Cost, ...]
    bound: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON-ready data; `from_json` gives back an equal plan."""
        data: dict[str, Any] = {"format": FORMAT, **_plain(asdict(self))}
        data["steps"] = [{"step": type(s).__name__.lower(), **asdict(s)} for s in self.steps]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """The plan that `to_json` wrote. Raises InvalidPlan naming what is malformed."""
        try:
            if data["format"] != FORMAT:
                raise InvalidPlan(f"plan format {data['format']!r} is not {FORMAT}: make the plan again")
            return cls(
                str(data["model"]), int(data["subgraph"]), str(data["placement"]), tuple(map(str, data["delegates"])),
                tuple(_step(s) for s in data["steps"]), tuple(_partition(p) for p in data["partitions"]),
                tuple(Allocation(**a) for a in data["allocations"]),
                {str(k): int(v) for k, v in data["arenas"].items()},
                {int(k): int(v) for k, v in data["launches"].items()}, tuple(_decision(d) for d in data["decisions"]),
                Cost(**data["expected"]), tuple(Cost(**c) for c in data["costs"]),
                None if data["bound"] is None else float(data["bound"]),
            )  # fmt: skip
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, InvalidPlan):
                raise
            raise InvalidPlan(f"malformed plan: {type(error).__name__}: {error}") from error

    def explain(self, op: int | None = None, graph: Graph | None = None) -> str:
        """The plan in words: a summary and a line an op, or everything about one op. `graph` adds tensor names."""
        from .explain import explain

        return explain(self, op, graph)


def _plain(value: Any) -> Any:
    """Nested tuples as lists and keys as strings, as JSON has them."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def _step(data: Mapping[str, Any]) -> Step:
    kinds: dict[str, type[Run] | type[Transfer]] = {"run": Run, "transfer": Transfer}
    if data["step"] not in kinds:
        raise InvalidPlan(f"malformed plan: unknown step {data['step']!r}")
    return kinds[data["step"]](**{k: v for k, v in data.items() if k != "step"})


def _partition(data: Mapping[str, Any]) -> Partition:
    return Partition(data["index"], data["delegate"], tuple(data["ops"]), tuple(data["inputs"]), tuple(data["outputs"]))


def _decision(data: Mapping[str, Any]) -> Decision:
    reasons = {name: tuple(Reason(**r) for r in found) for name, found in data["reasons"].items()}
    costs = {name: Cost(**c) for name, c in data["costs"].items()}
    way, tuned = str(data.get("way", "")), bool(data.get("tuned", False))
    return Decision(**{**data, "reasons": reasons, "costs": costs, "way": way, "tuned": tuned})
