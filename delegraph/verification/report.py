"""What verifying a model found, as frozen data; to JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from ..outputs import write_arrays
from .difference import Difference, Tolerance

SCHEMA = 1

Kind = Literal["op", "fusion", "together", "plan"]


@dataclass(frozen=True)
class OpCheck:
    """One op.

    `here` is the error that it makes by itself, fed what the reference feeds it; `carried` what its results are off by
    where all before it ran on the delegates too. `fused` is that of the ops which its delegate made one launch, run as
    that and fed by the reference: it stands at the first of them, `into`. Each is that of its worst output, None where
    nothing could be compared: `problem` then says why.
    """

    op: int
    kind: str
    tensor: str
    delegate: str
    here: Difference | None
    carried: Difference | None
    fused: Difference | None = None
    into: int | None = None
    off: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Blame:
    """Which ops an error is from: one op by itself ("op"), ops that are right one by one and wrong as one launch
    ("fusion"), a run of ops of which none is off by itself ("together"), or none that are cut out of the plan ("plan").

    `content` is a model of just these ops, `inputs` what to feed it by name, `wanted` and `got` what the reference and
    the delegates made of that; where these failed, `problem` is what they said.
    """

    kind: Kind
    ops: tuple[int, ...]
    label: str
    delegate: str
    difference: Difference | None
    problem: str = ""
    content: bytes = field(default=b"", repr=False)
    inputs: Mapping[str, NDArray[Any]] = field(default_factory=dict, repr=False)
    wanted: Mapping[str, NDArray[Any]] = field(default_factory=dict, repr=False)
    got: Mapping[str, NDArray[Any]] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        """In a sentence."""
        off = f": {self.difference or self.problem}" if self.difference or self.problem else ""
        if self.kind == "op":
            return f"op {self.ops[0]} ({self.label}) on {self.delegate}{off}"
        if self.kind == "fusion":
            return f"ops {_listed(self.ops)} ({self.label}) on {self.delegate}, right one by one but not fused{off}"
        if self.kind == "together":
            return f"ops {_listed(self.ops)} ({self.label}) on {self.delegate}, none of them off by itself{off}"
        return f"no op by itself: the plan as a whole is off, its parts are not{off}"

    def save(self, path: Path) -> Path:
        """Write the ops as a model, and beside it an .npz: inputs by name, and by `wanted:` and `got:` before a name
        what came out. The latter's path. Raises ValueError where there is nothing to write, and OSError.
        """
        if not self.content:
            raise ValueError(f"there is no op to write: {self}")
        beside = path.with_suffix(".npz")
        arrays = {**self.inputs, **{f"wanted:{n}": a for n, a in self.wanted.items()}}
        arrays |= {f"got:{n}": a for n, a in self.got.items()}
        path.write_bytes(self.content)
        write_arrays(beside, arrays)
        return beside


@dataclass(frozen=True)
class Verification:
    """A model on some delegates against the reference kernels.

    `delegates` are those that run any of it, with what each says of its device. `outputs` are those of the plan as it
    runs, `off` the names of those that are too far off; where the run failed, `problem` is what it said. `ops` are in
    the order in which they run; empty where only outputs were compared. `complete` is False where it was broken off.
    """

    model: str
    sha256: str
    delegates: Mapping[str, str]
    tolerance: Tolerance
    outputs: tuple[Difference, ...] = ()
    off: tuple[str, ...] = ()
    problem: str = ""
    ops: tuple[OpCheck, ...] = ()
    blame: Blame | None = None
    complete: bool = True

    @property
    def ok(self) -> bool:
        """Whether nothing is off, as far as it was looked at."""
        return not (self.off or self.problem) and not any(op.off for op in self.ops) and self.blame is None

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data; numbers that JSON has not are None."""
        data = {"schema": SCHEMA, "verdict": "PASS" if self.ok else "FAIL", **asdict(self)}
        if self.blame is not None:
            data["blame"] = {k: v for k, v in data["blame"].items() if k not in ("content", "inputs", "wanted", "got")}
            data["blame"]["text"] = str(self.blame)
        found: dict[str, Any] = _plain(data)
        return found


def _listed(ops: tuple[int, ...]) -> str:
    if len(ops) > 2 and ops == tuple(range(ops[0], ops[-1] + 1)):
        return f"{ops[0]} to {ops[-1]}"
    return ", ".join(map(str, ops))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
