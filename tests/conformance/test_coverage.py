"""Every type that a kernel declares, and every value of every option that is a choice, has a case."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

import cases
from case import Case
from delegraph.delegates.gpu.kernels import supported
from delegraph.graph.options import option_enum, options_table
from delegraph.graph.schema import ENUMS, TABLES

MANY = "COMPLEX64 FLOAT64 UINT16 UINT64"
NOT_IN_REFERENCE = {  # types that a kernel moves as it does any, and that the reference kernel does not take
    **dict.fromkeys(["CONCATENATION", "GATHER", "GATHER_ND", "PAD", "PADV2", "REVERSE_V2"], f"{MANY} UINT32"),
    **dict.fromkeys(["PACK", "SPLIT", "SPLIT_V"], f"{MANY} BOOL FLOAT16 UINT32"), "UNPACK": f"{MANY} INT64 UINT32",
    **dict.fromkeys(["DEPTH_TO_SPACE", "SPACE_TO_DEPTH"], f"{MANY} BOOL FLOAT16 INT16 UINT32"),
    **dict.fromkeys(["MATRIX_DIAG", "MATRIX_SET_DIAG"], f"{MANY} BOOL FLOAT16 UINT32"),  # it leaves them unset
    "RESIZE_NEAREST_NEIGHBOR": f"{MANY} BOOL FLOAT16 INT32 INT64 UINT32", "ELU": "UINT8", "RANK": "INT64",
    "RANGE": f"{MANY} BOOL FLOAT16 INT8 INT16 UINT8 UINT32", "WHERE": f"{MANY} FLOAT16 INT16 UINT32",
    "SPARSE_TO_DENSE": f"{MANY} BOOL FLOAT16 INT16 UINT32",
    **dict.fromkeys([f"UNSORTED_SEGMENT_{kind}" for kind in ("MAX", "MIN", "PROD", "SUM")], "INT64"),
    "REVERSE_SEQUENCE": f"{MANY} BOOL FLOAT16 INT8 UINT32",
    "ZEROS_LIKE": f"{MANY} BOOL FLOAT16 INT8 INT16 UINT8 UINT32",
}  # fmt: skip
REFUSED_OPTIONS = {  # values of options that the reference refuses, and so do the kernels
    "CONCATENATION fused_activation_function", "L2_NORMALIZATION fused_activation_function",
    "FAKE_QUANT narrow_range", "LSH_PROJECTION type",
}  # fmt: skip


@cache
def by_kind() -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = defaultdict(list)
    for _, case in (*cases.listed(), *cases.more()):
        found[case.kind if case.kind != "CUSTOM" else f"CUSTOM {case.name}"].append(case)
    return found


def missing_types() -> list[str]:
    """Types that kernels read or write and of which there is no case."""
    missing = []
    for kind, modules in supported().items():
        read = {v.type.name for case in by_kind()[kind] for v in case.inputs if v is not None}
        made = {type.name for case in by_kind()[kind] for type in case.makes}
        without = set(NOT_IN_REFERENCE.get(kind, "").split())
        for reads, writes in modules:
            missing += [f"{kind} reads {name}" for name in sorted(set(reads) - read - without)]
            missing += [f"{kind} makes {name}" for name in sorted(set(writes) - made - without)]
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
            if f"{kind} {name}" not in REFUSED_OPTIONS:
                missing += [f"{kind} {name}={value}" for value in values if value not in (*given, "UNSUPPORTED")]
    return missing


def test_every_type_has_a_case() -> None:
    assert missing_types() == []


def test_every_choice_has_a_case() -> None:
    assert missing_options() == []


def test_there_are_many_cases() -> None:
    assert sum(map(len, by_kind().values())) >= 2500
