"""Every type that a kernel declares, and every value of every option that is a choice, has a case."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

import pytest

import cases
from case import Case
from delegraph.delegates.gpu.kernels import supported
from delegraph.graph.options import option_enum, options_table
from delegraph.graph.schema import ENUMS, TABLES


@cache
def by_kind() -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = defaultdict(list)
    for _, case in (*cases.listed(), *cases.more()):
        found[case.kind].append(case)
    return found


def missing_types() -> list[str]:
    """Types that kernels read or write and of which there is no case."""
    missing = []
    for kind, modules in supported().items():
        read = {v.type.name for case in by_kind()[kind] for v in case.inputs if v is not None and v.role != "constant"}
        made = {type.name for case in by_kind()[kind] for type in case.makes}
        for reads, writes in modules:
            missing += [f"{kind} reads {name}" for name in sorted(set(reads) - read)]
            missing += [f"{kind} makes {name}" for name in sorted(set(writes) - made)]
    return missing


def missing_options() -> list[str]:
    """Values of options of enums and bools that no case has."""
    missing = []
    for kind in supported():
        found = options_table(kind)
        for name, field in TABLES[found[1]].fields.items() if found else ():
            enum = option_enum(found[1], name) if found else None
            names = list(ENUMS[enum].values) if enum and enum != "TensorType" else []
            values = names or ([False, True] if field.format == "?" else [])
            default = names[field.default] if names else field.default
            given = [case.options.get(name, default) for case in by_kind()[kind]]
            missing += [f"{kind} {name}={value}" for value in values if value not in given]
    return missing


if __name__ == "__main__":
    print(*missing_types(), *missing_options(), sep="\n")
