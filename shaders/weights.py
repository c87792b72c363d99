"""How weights lie in memory for lib/weights.glsl: packed where they are constant, else as the tensor has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph
from .program import Arg, Const
from .types import stored_dtype


@dataclass(frozen=True)
class Weights:
    """A tensor of weights as (layers, taps, inputs, outputs), each so many `steps` (elements) from the next.

    `zero` is what stands for 0 in it. Its bytes are taken for `signed` ones whatever its type says. Those
    that are `shuffled` lie as SHUFFLED4x16INT8 has them: blocks of 4 outputs by 16 inputs. What is constant may first
    be `made` into other weights.
    """

    tensor: int
    shape: tuple[int, int, int, int]
    steps: tuple[int, int, int, int]
    zero: int = 0
    signed: bool = False
    shuffled: bool = False
    made: Callable[[NDArray[Any]], NDArray[Any]] | None = None

    @property
    def step(self) -> int:
        """How many input channels are read at a time."""
        return 4 if self.shape[2] % 4 == 0 else 1

    def bound(self, graph: Graph, vecs: int) -> tuple[Arg, dict[str, int]]:
        """The argument `weights`, and the constants of lib/weights.glsl; `vecs` vec4 of outputs are read together."""
        array = graph.constant(self.tensor)
        if array is not None and self.signed:
            array = array.view(np.int8)
        if array is not None and self.shuffled:
            array = array.reshape(-1, self.shape[2] // 16, 4, 16).swapaxes(1, 2)
        if array is None:
            kind, constants = self._as_it_is()
            arg, zero = Arg("weights", self.tensor, kind), self.zero
            signed = self.signed and graph.tensors[self.tensor].type == "UINT8"
        else:
            constants, zero, signed = self._packed(vecs), 0, False
            arg = Arg("weights", self._pack(array, vecs), "vec4" if array.dtype.kind == "f" else "ivec4")
        named = {name: constants.get(name, 0) for name in ("ALONG_OUTPUTS", "ALONG_INPUTS")}
        more = {
            "STEP": self.step,
            "CHANNELS": self.shape[3],
            "IN_FOURS": int(self.shape[3] % 4 == 0),
            "WEIGHTS_ZERO": zero,
            "WEIGHTS_OFFSET": int(zero != 0),
            "WEIGHTS_SIGNED": int(signed),
        }
        return arg, {**constants, **named, **more}

    def _packed(self, vecs: int) -> dict[str, int]:
        _, taps, inputs, outputs = self.shape
        sets = -(-outputs // (4 * vecs))
        return {
            "ALONG_OUTPUTS": 1,
            "LAYER_STEP": sets * taps * inputs * vecs,
            "BLOCK_STEP": taps * inputs * vecs,
            "TAP_STEP": inputs * vecs,
            "INPUT_STEP": vecs,
            "BLOCK_VECS": vecs,
            "LAST_VEC": sets * vecs - 1,
        }

    def _pack(self, array: NDArray[Any], vecs: int) -> Const:
        """[layer][set][tap][input][4 * vecs], zero-padded: what the threads of one group read lies together."""
        layers, taps, inputs, outputs = self.shape
        block = 4 * vecs
        sets = -(-outputs // block)

        def pack() -> NDArray[Any]:
            strides = [step * array.itemsize for step in self.steps]
            made = array if self.made is None else self.made(array)
            found = np.lib.stride_tricks.as_strided(np.ascontiguousarray(made), self.shape, strides)
            padded = np.zeros((layers, taps, inputs, sets * block), stored_dtype(array.dtype))
            padded[..., :outputs] = found
            padded[..., :outputs] -= self.zero
            blocks = padded.reshape(layers, taps, inputs, sets, block)
            return np.ascontiguousarray(blocks.transpose(0, 3, 1, 2, 4))

        return Const(pack, layers * taps * inputs * sets * block * 4, array.dtype.kind == "f")

    def _as_it_is(self) -> tuple[str, dict[str, int]]:
        _, _, inputs, outputs = self.shape
        layer, tap, into, out = self.steps
        if out == 1 and not any(n % 4 for n in (outputs, layer, tap, into)):
            vecs = outputs // 4
            return "vec4", {
                "ALONG_OUTPUTS": 1, "LAYER_STEP": layer // 4, "BLOCK_STEP": 0, "TAP_STEP": tap // 4,
                "INPUT_STEP": into // 4, "BLOCK_VECS": vecs, "LAST_VEC": vecs - 1,
            }  # fmt: skip
        along = into == 1 and not any(n % 4 for n in (inputs, layer, tap, out))
        steps = {"LAYER_STEP": layer, "TAP_STEP": tap, "INPUT_STEP": into, "OUTPUT_STEP": out}
        return ("vec4" if along else "float"), {**steps, "ALONG_INPUTS": int(along)}
