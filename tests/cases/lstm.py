"""LSTM, UNIDIRECTIONAL_SEQUENCE_LSTM and BIDIRECTIONAL_SEQUENCE_LSTM of floats, run after run."""

from __future__ import annotations

from random import Random

from axes import ACTIVATIONS, Axis, family
from axes import st as strategies
from case import FLOAT, Case, Shape, Typed, case, scaled

Size = tuple[int, int, int]  # batches, inputs, cells
SIZES: list[Size] = [(2, 3, 5), (1, 1, 1), (3, 8, 4), (1, 17, 40), (2, 5, 70)]
sizes = Axis(SIZES, strategies.tuples(*[strategies.integers(1, 9)] * 3))
PROJECTIONS = ("none", "plain", "biased")
CLIPS = [(0.0, 0.0), (0.3, 0.0), (0.0, 0.2), (0.5, 0.1)]


def gates(inputs: int, cells: int, out: int, input_gate: bool, peepholes: bool, projection: str) -> list[Typed | None]:
    """Inputs 1 to 17."""

    def some(there: bool, *shape: int, scale: float = 0.5) -> Typed | None:
        return FLOAT.constant(shape, scaled(scale)) if there else None

    return [
        some(input_gate, cells, inputs), *(some(True, cells, inputs) for _ in range(3)),
        some(input_gate, cells, out, scale=0.1), *(some(True, cells, out, scale=0.1) for _ in range(3)),
        some(peepholes and input_gate, cells), some(peepholes, cells), some(peepholes, cells),
        some(input_gate, cells), *(some(True, cells) for _ in range(3)),
        some(projection != "none", out, cells), some(projection == "biased", out),
    ]  # fmt: skip


def states(batches: int, cells: int, out: int) -> list[Typed | None]:
    return [FLOAT.variable((batches, out)), FLOAT.variable((batches, cells))]


def normalisation(input_gate: bool, cells: int) -> list[Typed | None]:
    return [FLOAT.constant((cells,), scaled(0.5)) if gate or input_gate else None for gate in range(4)]


@family(
    sequence=["none", "batches", "steps"], size=sizes, activation=ACTIVATIONS, input_gate=[True, False],
    peepholes=[False, True], projection=PROJECTIONS, normalized=[False, True], clips=CLIPS,
)  # fmt: skip
def forward(
    pick: Random, sequence: str, size: Size, activation: str, input_gate: bool, peepholes: bool, projection: str,
    normalized: bool, clips: tuple[float, float],
) -> Case:  # fmt: skip
    batches, inputs, cells = size
    out = cells if projection == "none" else cells + 2
    steps = pick.choice((1, 5))
    rows: Shape = {"none": (batches,), "batches": (batches, steps), "steps": (steps, batches)}[sequence]
    more = {} if sequence == "none" else {"time_major": sequence == "steps"}
    return case(
        "LSTM" if sequence == "none" else "UNIDIRECTIONAL_SEQUENCE_LSTM", (*rows, inputs),
        *gates(inputs, cells, out, input_gate, peepholes, projection), *states(batches, cells, out),
        *(normalisation(input_gate, cells) if normalized else []), outputs=[(*rows, out)], runs=3,
        fused_activation_function=activation, cell_clip=clips[0], proj_clip=clips[1],
        asymmetric_quantize_inputs=pick.random() < 0.5, **more,
    )  # fmt: skip


@family(
    size=sizes,
    major=[False, True],
    merged=[False, True],
    auxiliary=["none", "crossed", "stacked"],
    activation=ACTIVATIONS,
)
def bidirectional(pick: Random, size: Size, major: bool, merged: bool, auxiliary: str, activation: str) -> Case | None:
    if auxiliary == "crossed" and activation == "NONE":
        return None  # of which the reference gives what other steps left in its memory
    # Of several merged batches, the reference kernels leave their memory where batches are outermost.
    batches, inputs, cells = size if not merged or major else (1, *size[1:])
    steps, out = 4, cells + 1
    rows = (steps, batches) if major else (batches, steps)
    more: list[Typed | None] = [None] * 9
    if auxiliary != "none":
        more[0] = FLOAT((*rows, inputs))
    if auxiliary == "crossed":
        more[1:] = [FLOAT.constant((cells, inputs), scaled(0.5)) for _ in range(8)]
        more[5] = None  # the backward cells have no input gate
    return case(
        "BIDIRECTIONAL_SEQUENCE_LSTM", (*rows, inputs), *gates(inputs, cells, out, True, True, "plain"),
        *gates(inputs, cells, out, False, False, "biased"), *states(batches, cells, out), *states(batches, cells, out),
        *more, outputs=[(*rows, 2 * out)] if merged else [(*rows, out)] * 2, runs=3, time_major=major,
        merge_outputs=merged, fused_activation_function=activation, asymmetric_quantize_inputs=pick.random() < 0.5,
        tolerance=1e-4 if activation == "NONE" else 1e-5,  # what nothing bounds grows from step to step
    )  # fmt: skip


def diagonal() -> Case:
    given = [*gates(3, 5, 5, True, False, "none"), *states(2, 5, 5)]
    given[4:8] = [FLOAT.constant((5,), scaled(0.5)) for _ in range(4)]
    return case(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", (2, 4, 3), *given, outputs=[(2, 4, 5)], runs=3, time_major=False,
        diagonal_recurrent_tensors=True, fused_activation_function="TANH",
    )  # fmt: skip


CASES = [
    diagonal(),
    case(  # flat states
        "LSTM", (2, 3), *gates(3, 5, 5, True, False, "none"), FLOAT.variable((10,)), FLOAT.variable((10,)),
        outputs=[(2, 5)], runs=3, fused_activation_function="TANH",
    ),
]  # fmt: skip
