"""What mappings to PyTorch ask of one op. Tensors of four dimensions are held NCHW, others as the model has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch.nn.functional as F

from ...graph.model import Graph, Op

Tensor = Any  # torch.Tensor, where types are checked without PyTorch
Function = Callable[[Sequence[Tensor]], Tensor]  # an op's result from its computed inputs
Keep = Callable[[str, Any], Callable[[], Tensor]]  # makes an array a constant of a module's, by a name

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "NONE": lambda x: x,
    "RELU": F.relu,
    "RELU6": F.relu6,
    "RELU_N1_TO_1": lambda x: x.clamp(-1, 1),
}


def held(x: Tensor) -> Tensor:
    """As tensors are held here, of what the model has."""
    return x.permute(0, 3, 1, 2) if x.ndim == 4 else x


def told(x: Tensor) -> Tensor:
    """As the model has it, of what is held."""
    return x.permute(0, 2, 3, 1) if x.ndim == 4 else x


def spread(a: Any) -> Any:
    """A constant of the model's that spreads over an image, as such ones are held."""
    return a.reshape((1,) * (4 - a.ndim) + a.shape).transpose(0, 3, 1, 2)


def held_order(dimensions: Sequence[Any]) -> list[Any]:
    """Something a dimension, in the order in which dimensions are held."""
    return [dimensions[k] for k in (0, 3, 1, 2)] if len(dimensions) == 4 else list(dimensions)


class Node:
    """One op with what its mapping asks of it."""

    def __init__(self, keep: Keep, graph: Graph, op: Op) -> None:
        """Of `graph`; its constants go to `keep`."""
        self._keep, self.graph, self.op, self.options = keep, graph, op, op.options
        name = op.options.get("fused_activation_function", "NONE")
        if name not in ACTIVATIONS:
            raise ValueError(f"torch fuses no {name} here (op {op.index}, {op.label})")
        self.activation = ACTIVATIONS[name]

    def shape(self, k: int) -> tuple[int, ...]:
        """Of input `k`; of the output for -1."""
        return self.graph.tensors[self.op.inputs[k] if k >= 0 else self.op.outputs[0]].shape

    def numbers(self, k: int) -> list[Any]:
        """The values of input `k`, which has to be constant: axes, sizes."""
        value = self.graph.constant(self.op.inputs[k])
        if value is None:
            raise ValueError(f"torch takes no computed input {k} of {self.op.label} (op {self.op.index}) here")
        return list(value.tolist()) if value.ndim else [value.item()]

    def constant(self, k: int, arrange: Callable[[Any], Any] = lambda a: a) -> Callable[[], Tensor]:
        """A function that gives constant input `k`, arranged as torch wants it."""
        value = self.graph.constant(self.op.inputs[k])
        if value is None or value.dtype not in (np.float32, np.float16):
            kind = self.graph.tensors[self.op.inputs[k]].type
            raise ValueError(f"torch takes float weights only here, no {kind} of {self.op.label} (op {self.op.index})")
        return self._keep(f"op_{self.op.index}_{k}", arrange(value.astype(np.float32)))

    def bias(self, k: int) -> Callable[[], Tensor | None]:
        """The same for a bias, which may be left out."""
        given = len(self.op.inputs) > k and self.op.inputs[k] >= 0
        return self.constant(k) if given else lambda: None
