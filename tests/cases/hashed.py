"""LSH_PROJECTION: rows of all lengths between which hashes differ, and sums that are near 0 or no numbers."""

from __future__ import annotations

from random import Random

import numpy as np

from axes import WIDE, family
from case import FLOAT, INT8, INT32, UINT8, Case, Shape, Type, case

KINDS = ("SPARSE", "DENSE")
LENGTHS = (1, 3, 4, 5, 11, 12, 13, 28, 29, 60, 61, 64, 124, 125, 188, 189)  # of rows, in bytes; a seed's 4 come before


@family(
    type=WIDE, row=[(), (1,), (3,), (2, 4), (15,), (16,), (2, 17)], rows=[1, 2, 5], weighted=[False, True], kind=KINDS,
    hashes=[(1, 1), (3, 4), (2, 31), (3, 32)], constant=[False, True],
)  # fmt: skip
def lsh_projection(
    pick: Random, type: Type, row: Shape, rows: int, weighted: bool, kind: str, hashes: Shape, constant: bool
) -> Case:
    seeds = FLOAT.constant(hashes) if constant else FLOAT(hashes)
    weights = [FLOAT((rows,))] if weighted else []
    return case("LSH_PROJECTION", seeds, type((rows, *row)), *weights, makes=INT32, type=kind, tolerance=0)


SPECIAL = np.array([np.nan, 0, -0.0, np.inf, -np.inf, 1e-45, -3e38, 7], np.float32)


def cancelling(weights: list[float]) -> Case:
    """Rows that are alike in pairs, so that the sum of all is what rounding leaves."""
    rows = np.repeat(np.arange(len(weights) // 2, dtype=np.int32), 2)
    given = FLOAT((len(weights),), np.array(weights, np.float32))
    return case(
        "LSH_PROJECTION",
        FLOAT.constant((4, 16)),
        INT32(rows.shape, rows),
        given,
        makes=INT32,
        type="DENSE",
        tolerance=0,
    )


CASES = [
    *(
        case(
            "LSH_PROJECTION",
            FLOAT((3, 7)),
            (INT8, UINT8)[k % 2]((3, n)),
            makes=INT32,
            type=KINDS[k // 2 % 2],
            tolerance=0,
        )
        for k, n in enumerate(LENGTHS)
    ),
    *(
        case(
            "LSH_PROJECTION",
            FLOAT((8, 4)),
            INT32((len(w),)),
            FLOAT((len(w),), w),
            makes=INT32,
            type="DENSE",
            tolerance=0,
        )
        for w in (*SPECIAL.reshape(-1, 1), SPECIAL[1:3], SPECIAL[3:5], SPECIAL[5:8], SPECIAL[4:8])
    ),
    case(
        "LSH_PROJECTION",
        FLOAT((2, 8), np.resize(SPECIAL, 16)),
        FLOAT((8,), SPECIAL),
        makes=INT32,
        type="SPARSE",
        tolerance=0,
    ),
    *(cancelling(w) for w in ([1, -1], [1 / 3, -1 / 3, 0.7, -0.7], [0.1, 3e8, -0.1, -3e8], [1e-45, -1e-45])),
    cancelling([v for k in range(1, 12) for v in (k / 7, -k / 7)]),
]
