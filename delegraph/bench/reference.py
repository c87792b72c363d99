"""What a model should give: its outputs by LiteRT's reference kernels, made in a process of their own."""

from __future__ import annotations

from pathlib import Path

from ..affine import dequantize
from ..delegates.cpu import CPUDelegate
from ..inputs import inputs_of
from ..interpreter import Interpreter
from .inputs import Feed, batched, load_sets, save_sets
from .record import ModelRecord


class Reference:
    """What the driver asks of a process that knows what is right, a method a request."""

    def inputs(self, model: str, name: str, batch: int, feed: Feed, target: str) -> ModelRecord:
        """Write the sets of inputs for a model to a file. Raises what reading the model and the inputs does."""
        path = Path(model)
        with Interpreter(model_path=path, delegates=[CPUDelegate()]) as it:
            save_sets(Path(target), feed.arrays(it, batch))
            graph = it.graph
            return ModelRecord(name, graph.model.fingerprint, path.stat().st_size, len(graph.ops))

    def outputs(self, model: str, batch: int, inputs: str, target: str) -> None:
        """Write the outputs for the sets of inputs to a file. RuntimeError where a kernel is lacking."""
        sets = []
        with Interpreter(model_path=Path(model), delegates=[CPUDelegate(op_resolver="BUILTIN_REF")]) as it:
            wanted = [batched(i, batch) for i in inputs_of(it)]
            for i in wanted if batch != 1 else []:
                it.resize_tensor_input(i.index, i.shape)
            it.allocate_tensors()
            for arrays in load_sets(Path(inputs)):
                it.reset_all_variables()
                for i, array in zip(wanted, arrays, strict=True):
                    if array.shape != i.shape:
                        it.resize_tensor_input(i.index, array.shape)
                        it.allocate_tensors()
                    it.set_tensor(i.index, array)
                it.invoke()
                details = [d for d in it.get_output_details() if d["dtype"] is not str]
                found = [(it.get_tensor(d["index"]), d["quantization"]) for d in details]
                sets.append([dequantize(value, *q) for value, q in found if value.dtype.kind in "fiub"])
        save_sets(Path(target), sets)

    def close(self) -> None:
        """Nothing is held."""
