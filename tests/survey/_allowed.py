"""What the reference runs and the GPU refuses, and why: all that `conformance/test_survey.py` lets pass.

An entry that no form meets any more fails there too, so that the list only gets shorter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Allowed:
    """Refusals of a kind for a reason in which `pattern`, a regular expression, is found."""

    kind: str
    pattern: str
    why: str

    def covers(self, kind: str, reason: str) -> bool:
        return kind == self.kind and re.search(self.pattern, reason) is not None


UNSCALED = "without a scale an integer stands for no number: the reference multiplies or divides by 0"
AS_FLOATS = "the reference never looks at the type, and takes bytes, also those past the end, for floats"
PAST_THE_END = "the reference reads past the weights, as if they were FLOAT32"
AS_INT32 = "the reference takes the halves of an INT64 for two INT32, so it reads other numbers than the file says"

# Kinds in a line, the pattern, why.
_ROWS = [
    (
        "BATCH_MATMUL DEQUANTIZE DIV EXP HARD_SWISH LEAKY_RELU MEAN MUL PRELU QUANTIZE RELU RELU6 RELU_0_TO_1 "
        "RELU_N1_TO_1 SUM TANH",
        r"not read: .*: U?INT(8|16) with 0 scales",
        UNSCALED,
    ),
    (
        "AVERAGE_POOL_2D DEQUANTIZE DIV GELU MAX_POOL_2D MEAN NOT_EQUAL QUANTIZE SUM",
        "^quantization: .* has no scale",
        UNSCALED,
    ),
    ("EMBEDDING_LOOKUP", r"^quantization: .*type: .* is FLOAT32 \(wanted U?INT8\)", UNSCALED),
    ("EMBEDDING_LOOKUP_SPARSE FAKE_QUANT", r"not read: .*, where \w+ wants FLOAT32", AS_FLOATS),
    ("CONV_2D", r"^type: .* is FLOAT16", PAST_THE_END),
    ("BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND", "^shape: .* is declared", AS_INT32),
    ("TRANSPOSE", r"not read: .*: INT(16|64), where TRANSPOSE wants INT32", "the reference takes any type for INT32"),
    ("EMBEDDING_LOOKUP_SPARSE", "^dynamic_shape: ", "the shape depends on data"),
    ("EMBEDDING_LOOKUP_SPARSE", "^shape: .* is declared", "the reference writes past a result of another shape"),
    ("LOG_SOFTMAX", "not read: .*: rank 0", "a scalar has no axis; the reference leaves the result as it was"),
    ("SVDF", "not read: .*: INT8 for INT8", "the reference takes INT8 states for INT16, and writes past their end"),
    ("ATAN2", r"^shape: \[", "the reference reads past the smaller operand: it does not broadcast"),
    (
        "CONV_2D FULLY_CONNECTED TRANSPOSE_CONV",
        r"^type: .* is INT32 \(wanted INT64\)",
        "unless its option says so, the reference takes a bias of INT32 for one of INT64, and reads past its end",
    ),
    ("FULLY_CONNECTED", r"^type: .* is INT16 \(wanted INT8\)", "the reference writes results of INT8 as bytes into it"),
    ("PRELU", r"^type: .* is INT16 \(wanted INT8\)", "the reference takes the bytes of such slopes for INT8"),
    ("UNIQUE", "^no_kernel: ", "the shape depends on data"),
    (
        "UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_MIN UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_SUM",
        "^not_constant: ",
        "the shape that the file states is not that of the result",
    ),
]  # fmt: skip


def allowed() -> Iterator[Allowed]:
    """Every entry, one a kind."""
    for kinds, pattern, why in _ROWS:
        for kind in kinds.split():
            yield Allowed(kind, pattern, why)
