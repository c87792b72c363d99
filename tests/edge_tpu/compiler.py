"""What stands for edgetpu_compiler: it writes compiled models that the double of the library runs, and prints its logs.

Ops of the kinds in $EDGETPU_DOUBLE/unmapped (and what reads their results) are left to the CPU. The words "crash",
"hang" and "unquantized" in $EDGETPU_DOUBLE/compiler befall every model; `runs` counts them.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from flatbuffers import flexbuffers

from delegraph.graph import flat
from delegraph.graph.model import Graph
from delegraph.graph.read import read
from delegraph.graph.tensors import buffer_data

VERSION = "Edge TPU Compiler version 16.0.384591198"
CRASH = "/usr/bin/edgetpu_compiler: line 3:  7056 Segmentation fault      (core dumped) edgetpu_compiler"
SUBGRAPH = "More than one subgraph is not supported"
UNSPECIFIED = "Operation is otherwise supported, but not mapped due to some unspecified limitation"


def told(name: str) -> list[str]:
    path = Path(os.environ["EDGETPU_DOUBLE"]) / name
    return path.read_text().split() if path.is_file() else []


def main() -> None:
    print(VERSION, flush=True)
    arguments = sys.argv[1:]
    if "--version" in arguments:
        return
    with (Path(os.environ["EDGETPU_DOUBLE"]) / "runs").open("a") as runs:
        runs.write(f"{' '.join(arguments[:-1])}\n")
    fate = told("compiler")
    if "crash" in fate:
        sys.exit(CRASH)
    if "hang" in fate:
        time.sleep(3600)
    source = Path(arguments[-1])
    if "unquantized" in fate:
        sys.exit(f"Invalid model: {source.name}\nModel not quantized")
    out = Path(arguments[arguments.index("-o") + 1])
    graph = read(source).graphs[0]
    count = int(arguments[arguments.index("-n") + 1]) if "-n" in arguments else 1
    for i in range(count):
        ops = [op.index for op in graph.ops][i * len(graph.ops) // count : (i + 1) * len(graph.ops) // count]
        part = graph if count == 1 else read(graph.submodel(ops)).graphs[0]
        name = f"{source.stem}{f'_segment_{i}_of_{count}' if count > 1 else ''}_edgetpu"
        mapped = mappable(part)
        (out / f"{name}.tflite").write_bytes(compiled(part, mapped))
        print(log(part, mapped, name))


def mappable(graph: Graph) -> set[int]:
    """The ops before the first that is left, and beside it."""
    unmapped, found = told("unmapped"), set[int]()
    for op in graph.ops:
        made = (graph.producer[t] for t in op.inputs if t in graph.producer)
        if op.kind not in unmapped and all(i in found for i in made):
            found.add(op.index)
    return found


def compiled(graph: Graph, mapped: set[int]) -> bytes:
    """The model with those ops in one `edgetpu-custom-op`, which has the model of them for its executable."""
    model = graph.model
    (subgraph,) = model.tables["subgraphs"]
    tables: dict[str, Any] = dict(model.tables)
    tables["buffers"] = [{"data": buffer_data(model.content, b, "")} for b in tables["buffers"]]
    tables["operator_codes"] = [
        *tables["operator_codes"],
        {"deprecated_builtin_code": 32, "builtin_code": 32, "custom_code": "edgetpu-custom-op", "version": 1},
    ]
    operators = [table for i, table in enumerate(subgraph["operators"]) if i not in mapped]
    if mapped:
        inputs, outputs = graph.boundary(mapped)
        custom = {
            "opcode_index": len(tables["operator_codes"]) - 1,
            "inputs": np.array(inputs, np.int32),
            "outputs": np.array(outputs, np.int32),
            "custom_options": package(graph.submodel(mapped)),
        }
        operators.insert(0, custom)
    tables["subgraphs"] = [{**subgraph, "operators": operators}]
    return flat.encode(tables)


def package(model: bytes) -> bytes:
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Int("1", 0)
        builder.Key("4")
        builder.Blob(model)
    return bytes(builder.Finish())


def log(graph: Graph, mapped: set[int], name: str) -> str:
    """As in google-coral/edgetpu's issue 490."""
    unmapped = told("unmapped")
    rows = Counter(
        (op.kind, "Mapped to Edge TPU" if op.index in mapped else UNSPECIFIED if op.kind in unmapped else SUBGRAPH)
        for op in graph.ops
    )
    table = "\n".join(f"{kind:31}{count:<11}{status}" for (kind, status), count in rows.items())
    return f"""
Model compiled successfully in 12 ms.

Input model: {name}
Input size: 1.00MiB
Output model: {name}_edgetpu.tflite
Output size: 1.00MiB
On-chip memory used for caching model parameters: 3.21MiB
On-chip memory remaining for caching model parameters: 3.78MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: {int(bool(mapped))}
Total number of operations: {len(graph.ops)}
Operation log: {name}_edgetpu.log

Operator                       Count      Status

{table}
Compilation child process completed within timeout period.
Compilation succeeded!
"""
