"""Write docs/ops.md from the kernels themselves: python docs/make_ops.py"""

from __future__ import annotations

import inspect
import runpy
from collections.abc import Collection, Iterable
from pathlib import Path

from delegraph.delegates.gpu.kernels import kernels, supported
from delegraph.graph.schema import ENUMS
from delegraph.shaders.types import ANY, QUANTIZED

PAGE = Path(__file__).with_name("ops.md")
ALLOWED = PAGE.parents[1] / "tests" / "survey" / "_allowed.py"
HEAD = """# What runs where

Made by `python docs/make_ops.py` from what the kernels declare.

**CPU**: every op of every type that the installed runtime has; it is asked itself. It uses its optimised kernels, which
may differ from the reference kernels by one step of a quantised result.

**GPU**: {count} kinds of op, below. A kernel looks at options, shapes and constants too, as the section on kernels
tells; what it cannot do is refused with a reason (`delegraph plan MODEL --op N`), and the CPU takes it. DEQUANTIZE and
DENSIFY of constants are computed once and run nowhere. STABLEHLO_COMPOSITE runs as the ops of its decomposition,
where the GPU has them all.

Under "8 and 16 bits" are INT8, UINT8 and INT16. Where the op has arithmetic and their tensors have scales, it runs in
integers, bit by bit as the runtime's reference kernels have it (`GPUDelegate(quantized="exact")`, the default), or in
floats (`quantized="float"`). "any" are all types that GL holds:
{any}.

"""
CUSTOM = """
Custom ops are those of MediaPipe; others may be registered (custom_ops.md).

"""
COLUMNS = "| op | reads | of 8 and 16 bits | makes | kernels |\n|---|---|---|---|---|\n"
KERNELS = """
## What each kernel does, and what it refuses

Every kernel refuses types that are not in the table, tensors whose shape depends on data, a result for which the file
gives another shape than the op makes, tensors of more bytes than the device lets a shader see at once (often 128 MiB),
and where it has to know scales, tensors that have none. "Computed" is what is not known when a plan is made. Ranks are
any, unless said otherwise.

"""
REFUSED = """
## Refused, though the runtime's reference kernels run it

Of some 92,000 models of one op (`tests/survey`) these are all that the reference runs and no kernel takes:

"""
REST = """
## On the CPU alone

{kinds}.
"""


def names(types: Collection[str]) -> str:
    """Types as the table has them: all that GL holds are called "any"."""
    return "any" if set(types) >= ANY else " ".join(sorted(types))


def table(kinds: Iterable[str]) -> str:
    """A row a kind of op."""
    rows = []
    for kind in sorted(kinds):
        reads, makes = (set().union(*types) for types in zip(*supported()[kind], strict=True))
        few, wide = reads & QUANTIZED, reads if reads >= ANY else reads - QUANTIZED
        used = ", ".join(dict.fromkeys(name(module) for module in kernels()[kind]))
        rows.append(f"| {kind.removeprefix('CUSTOM ')} | {names(wide)} | {names(few)} | {names(makes)} | {used} |\n")
    return COLUMNS + "".join(rows)


def name(module: object) -> str:
    """A kernel's file."""
    return str(getattr(module, "__name__", module)).rpartition(".")[2]


def told() -> str:
    """What each kernel's file says of it."""
    found = {name(module): module for modules in kernels().values() for module in modules}
    return "".join(f"- **{key}**: {' '.join((inspect.getdoc(found[key]) or '').split())}\n" for key in sorted(found))


def refused() -> str:
    """The reasons for which the survey lets refusals pass, each with its kinds of op."""
    kinds: dict[str, list[str]] = {}
    for entry in runpy.run_path(str(ALLOWED))["allowed"]():
        if entry.kind not in kinds.setdefault(entry.why, []):
            kinds[entry.why].append(entry.kind)
    return "".join(f"- {', '.join(sorted(found))}: {why}.\n" for why, found in sorted(kinds.items()))


def page() -> str:
    """The whole page."""
    custom = [kind for kind in supported() if kind.startswith("CUSTOM ")]
    builtin = supported().keys() - custom
    rest = [k for k in ENUMS["BuiltinOperator"].values if k not in builtin and k != "CUSTOM" and "PLACEHOLDER" not in k]
    head = HEAD.format(count=len(builtin), any=" ".join(sorted(ANY)))
    kinds = REST.format(kinds=", ".join(sorted(rest)))
    return head + table(builtin) + CUSTOM + table(custom) + KERNELS + told() + REFUSED + refused() + kinds


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
