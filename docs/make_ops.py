"""Write docs/ops.md from the kernels themselves: python docs/make_ops.py"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from delegraph.delegates.gpu.kernels import supported
from delegraph.shaders.types import ANY

PAGE = Path(__file__).with_name("ops.md")
HEAD = """# What the GPU takes

Made by `python docs/make_ops.py` from what the kernels declare. A kernel looks at options, shapes and constants too;
what it cannot do is refused with a reason (`delegraph plan MODEL --op N`), and the CPU takes it. DEQUANTIZE and DENSIFY
of constants are computed once and run nowhere. 8-bit types are quantised where the op has arithmetic.

{count} kinds of op. A row that lists several pairs has a kernel for each.

"""
CUSTOM = """
Custom ops are those of MediaPipe; others may be registered (custom_ops.md).

"""
COLUMNS = "| op | reads | writes |\n|---|---|---|\n"


def names(types: Collection[str]) -> str:
    """Types as the table has them: all that GL holds are called "any"."""
    return "any" if set(types) == ANY else " ".join(sorted(types))


def table(kinds: Iterable[str]) -> str:
    """A row a kind of op."""
    rows = []
    for kind in sorted(kinds):
        different = dict.fromkeys((names(reads), names(writes)) for reads, writes in supported()[kind])
        reads, writes = zip(*different, strict=True)
        rows.append(f"| {kind.removeprefix('CUSTOM ')} | {' / '.join(reads)} | {' / '.join(writes)} |\n")
    return COLUMNS + "".join(rows)


def page() -> str:
    """The whole page."""
    custom = [kind for kind in supported() if kind.startswith("CUSTOM ")]
    builtin = supported().keys() - custom
    return HEAD.format(count=len(builtin)) + table(builtin) + CUSTOM + table(custom)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
