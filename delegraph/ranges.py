"""How far from 0 the values of a graph go, measured on given inputs in the runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .delegates.cpu import CPUDelegate
from .graph.model import Graph


def measured(cpu: CPUDelegate, graph: Graph, inputs: Mapping[int, NDArray[Any]]) -> dict[int, float]:
    """Tensor -> its largest finite absolute value, for activations of float32. Raises what the runtime raises."""
    ops = range(len(graph.ops))
    made = frozenset(t for op in graph.ops for t in op.outputs if graph.tensors[t].type == "FLOAT32")
    names = graph.submodel_names(ops, made)
    runtime = cpu.open(graph.submodel(ops, made), resolver="BUILTIN_WITHOUT_DEFAULT_DELEGATES")
    runtime.allocate_tensors()
    given = {detail["name"]: detail["index"] for detail in runtime.get_input_details()}
    for t, value in inputs.items():
        if names.get(t) in given:  # an input that nothing reads is not there
            runtime.set_tensor(given[names[t]], value)
    runtime.invoke()
    values = {detail["name"]: runtime.get_tensor(detail["index"]) for detail in runtime.get_output_details()}
    found = {t: values[names[t]] for t in made if names.get(t) in values}
    found |= {t: value for t, value in inputs.items() if graph.tensors[t].type == "FLOAT32"}
    return {t: float(np.abs(value[np.isfinite(value)]).max(initial=0)) for t, value in found.items()}
