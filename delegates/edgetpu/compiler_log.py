"""What edgetpu_compiler prints: which kinds of op it mapped, why it left the others, and what went wrong.

The words are those of logs that people published, in google-coral/edgetpu's issues 49, 219, 313, 342, 356, 393, 490,
557 and 643 and elsewhere; a status that is not known is passed on as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...errors import Reason

MAPPED = "Mapped to Edge TPU"
CODES = {
    "More than one subgraph is not supported": "subgraph",
    "Operation is otherwise supported, but not mapped due to some unspecified limitation": "unspecified",
    "Operation is working on an unsupported data type": "type",
    "Operation version not supported": "version",
    "Operation not supported": "kind",
    "Tensor has unsupported rank (up to 3 innermost dimensions mapped)": "rank",
}
WANTED = {
    "subgraph": "one run of mapped ops, from the first on; the flag -a of edgetpu_compiler allows more",
    "type": "INT8 or UINT8",
    "version": "a converter whose ops are of versions that edgetpu_compiler knows",
    "kind": "an op of Coral's list",
    "rank": "only the three innermost dimensions above 1",
}

_ROW = re.compile(r"^([A-Z][A-Z0-9_]*|[\w-]+)[ \t]{2,}(\d+)[ \t]{2,}(\S.*?)\s*$", re.MULTILINE)
_VERSION = re.compile(r"Edge TPU Compiler version (\S+)")
_SUBGRAPHS = re.compile(r"Number of Edge TPU subgraphs: (\d+)")
_MEMORY = re.compile(
    r"^(On-chip memory (?:used|remaining)|Off-chip memory used) for [^:]*: ([\d.]+)(B|KiB|MiB|GiB)", re.M
)
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_MEMORY_NAMES = {
    "On-chip memory used": "cached",
    "On-chip memory remaining": "free",
    "Off-chip memory used": "streamed",
}
_PROBLEMS = (
    re.compile(r"^Compilation failed: (?:Compilation failed due to )?(.+?)\s*$", re.M),
    re.compile(r"^Invalid model: \S+\s*\n(.+?)\s*$", re.M),
    re.compile(r"^(Internal compiler error)", re.M),
    re.compile(r"(Segmentation fault)"),
    re.compile(r"^ERROR: (.+?)\s*$", re.M),
    re.compile(r"^(Compilation failed)!?\s*$", re.M),
)


@dataclass(frozen=True)
class Row:
    """So many ops of one kind, and what became of them."""

    kind: str
    count: int
    status: str

    @property
    def reason(self) -> Reason | None:
        """Why they were not mapped; None where they were."""
        if self.status == MAPPED:
            return None
        code = CODES.get(self.status, "status")
        return Reason(code, f"edgetpu_compiler: {self.status}", WANTED.get(code, ""))


@dataclass(frozen=True)
class Report:
    """One run of edgetpu_compiler. `problem` is why it made nothing; `memory` is bytes of weights.

    Weights are "cached" on the chip, or "streamed" in each run because they do not fit; "free" is what room is left.
    """

    version: str
    problem: str = ""
    subgraphs: int = 0
    rows: tuple[Row, ...] = ()
    memory: Mapping[str, int] = field(default_factory=dict)

    def reason(self, kind: str) -> Reason:
        """Why ops of a kind were left to the CPU, as far as the log tells the kinds apart."""
        found = [row.reason for row in self.rows if row.kind in (kind, kind.upper()) and row.reason is not None]
        if found:
            return found[0]
        return Reason("compiler", self.problem or f"edgetpu_compiler did not map this {kind}, and did not say why")


def parse(text: str) -> Report:
    """A report from what edgetpu_compiler printed, with the flag -s or without; whatever else is there is left out."""
    version, subgraphs = _VERSION.search(text), _SUBGRAPHS.search(text)
    rows = tuple(Row(kind, int(count), status) for kind, count, status in _ROW.findall(text))
    memory = {_MEMORY_NAMES[what]: round(float(n) * _UNITS[unit]) for what, n, unit in _MEMORY.findall(text)}
    problem = ""
    if "compiled successfully" not in text:
        problem = next((found[1] for found in (p.search(text) for p in _PROBLEMS) if found), "it said nothing")
    return Report(version[1] if version else "", problem, int(subgraphs[1]) if subgraphs else 0, rows, memory)
