"""What recurrent kernels take on trust: that states, scales, gates and weights go together."""

from __future__ import annotations

from .examined import Case

# The types that a recurrent op's state may have, by the type of its input; else it has the input's own.
STATES = {"INT8": ("INT8", "INT16"), "UINT8": ("UINT8", "INT16")}


def states(case: Case) -> None:
    """Recurrent kernels take it on trust that the state goes with the input."""
    kind = case.input(0).type
    for i, t in enumerate(case.op.inputs):
        if t >= 0 and case.tensors[t].is_variable and case.tensors[t].type not in STATES.get(kind, (kind,)):
            case.wrong(f"inputs[{i}]", f"{case.op.kind} keeps no {case.tensors[t].type} state for {kind}")


def svdf(case: Case) -> None:
    """Of integers, weights by age and the state have 16 bits."""
    for i in (2, 4) if case.input(0).type == "INT8" else ():
        if case.input(i).type != "INT16":
            case.wrong(f"inputs[{i}]", f"{case.input(i).type} for INT8")
    states(case)


def stages(case: Case) -> None:
    """An LSTM of integers takes its states' types, and the scales of intermediates, cell and output, on trust."""
    for i, type in ((18, "INT8"), (19, "INT16")):
        if i < len(case.op.inputs) and case.op.inputs[i] >= 0 and case.input(i).type != type:
            case.wrong(f"inputs[{i}]", f"{case.op.kind} keeps no {case.input(i).type} state here for INT8")
    inputs, between = case.op.inputs, case.op.intermediates
    normalized = len(inputs) > 21 and inputs[21] >= 0
    needed = [*(between if normalized or len(between) != 5 else between[4:]), *case.op.outputs]
    if len(inputs) > 19 and inputs[19] >= 0:
        needed.append(inputs[19])
    for tensor in (case.tensors[t] for t in needed):
        if tensor.quantization is None or not len(tensor.quantization.scales):
            case.wrong("intermediates", f"{tensor.name!r} has no scale")


def gates(case: Case) -> None:
    """Weights and bias of the input gate are there together or not at all; kernels look at the weights only."""
    inputs, both_ways = case.op.inputs, case.op.kind == "BIDIRECTIONAL_SEQUENCE_LSTM"
    for first in (1, 18) if both_ways else (1,):
        absent = [inputs[i] < 0 for i in (first, first + 4, first + 11) if i < len(inputs)]
        if len(absent) == 3 and len(set(absent)) > 1:
            case.wrong(f"inputs[{first}]", "the input gate is there in part")
    if case.op.kind == "LSTM" and len(inputs) > 16 and inputs[16] < 0 and case.input(2).is_sparse:
        case.wrong("inputs[16]", "LSTM with sparse weights cannot do without a projection")
    if both_ways and inputs[39] >= 0:
        main, more = case.input(0), case.input(39)
        if len(more.shape) != 3 or more.shape[:2] != main.shape[:2] or more.type != main.type:
            case.wrong("inputs[39]", f"{list(more.shape)} does not go with {list(main.shape)}")
    if case.input(0).type == "INT8" and case.op.kind != "BIDIRECTIONAL_SEQUENCE_LSTM":
        stages(case)
    states(case)
