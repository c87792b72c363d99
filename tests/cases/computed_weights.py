"""LSTM, RNN, their sequences and SVDF with weights that are computed: all of them, or some."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from case import FLOAT, INT8, Case, Type, Typed, between, case, scaled
from cases.hybrid_lstm import TOLERANCE
from cases.hybrid_lstm import cell as hybrid_cell
from cases.hybrid_rnn import weights
from cases.lstm import gates, states

N, X, H = 2, 3, 6


def turned(inputs: list[Typed | None], which: str) -> list[Typed | None]:
    """The same of which those at some places are computed."""
    places = {"all": range(17), "weights": range(4), "recurrent": range(4, 8), "biases": range(11, 15)}[which]
    return [v and replace(v, role="computed") if k in places else v for k, v in enumerate(inputs)]


def lstm(pick: Random, type: Type, which: str, sequence: bool, input_gate: bool, projected: bool) -> Case:
    out, projection = (H - 2, "plain") if projected else (H, "none")
    if type is FLOAT:
        given = gates(X, H, out, input_gate, True, projection)
    else:  # peepholes of integers that are computed are refused
        given = hybrid_cell(pick, type, X, H, out, input_gate, which != "all", projection)
    rows = (N, 4) if sequence else (N,)
    more = {"time_major": False} if sequence else {}
    return case(
        "UNIDIRECTIONAL_SEQUENCE_LSTM" if sequence else "LSTM", (*rows, X), *turned(given, which), *states(N, H, out),
        outputs=[(*rows, out)], runs=3, fused_activation_function="TANH", tolerance=TOLERANCE, **more,
    )  # fmt: skip


def rnn(pick: Random, type: Type, kind: str, recurrent: bool) -> Case:
    def some(*shape: int) -> Typed:
        return FLOAT.constant(shape, scaled(0.5)) if type is FLOAT else weights(pick, type, shape, 0.5)

    cells: list[Typed] = []
    for _ in range(2 if kind.startswith("BI") else 1):
        inner = some(H, H)
        cells += [replace(some(H, X), role="computed"), replace(inner, role="computed") if recurrent else inner]
        cells += [FLOAT((H,)), FLOAT.variable((N, H))]
    both = {"merge_outputs": False, "outputs": 2} if kind.startswith("BI") else {}
    beside = [None] * 4 if kind.startswith("BI") else []
    return case(
        kind, (N, X) if kind == "RNN" else (3, N, X), *cells, *beside[1:], runs=3, fused_activation_function="TANH",
        tolerance=TOLERANCE, **({} if kind == "RNN" else {"time_major": True}), **both,
    )  # fmt: skip


def svdf(pick: Random, type: Type, times: bool) -> Case:
    one, values = (FLOAT, scaled(0.5)) if type is FLOAT else (INT8.quantized(0.01), between(-127, 127))
    ages = one((4, 5), values)
    return case(
        "SVDF", (N, X), one((4, X), values), ages if times else ages.fixed(),
        FLOAT((2,)), FLOAT.variable((N, 20)), rank=2, runs=3, fused_activation_function="NONE", tolerance=TOLERANCE,
    )  # fmt: skip


CASES = [  # few, as these shaders take long to compile
    lstm(Random(0), FLOAT, "all", sequence=False, input_gate=False, projected=True),
    lstm(Random(1), INT8, "all", sequence=True, input_gate=True, projected=True),
    lstm(Random(2), FLOAT, "recurrent", sequence=True, input_gate=True, projected=False),
    lstm(Random(3), INT8, "weights", sequence=False, input_gate=True, projected=False),
    rnn(Random(4), FLOAT, "BIDIRECTIONAL_SEQUENCE_RNN", recurrent=True),
    rnn(Random(5), INT8, "UNIDIRECTIONAL_SEQUENCE_RNN", recurrent=False),
    rnn(Random(6), INT8, "RNN", recurrent=True),
    *(svdf(Random(7), FLOAT, times) for times in (False, True)),
    svdf(Random(8), INT8, times=False),  # the reference kernel scales times of integers in the first run alone
]
