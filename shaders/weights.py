"""How weights lie in memory for lib/weights.glsl: packed where they are constant, else as the tensor has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph
from .program import Arg, Const
from .types import BLOCK, BYTES, in_bytes, stored


@dataclass(frozen=True)
class Weights:
    """A tensor of weights as (layers, taps, inputs, outputs), each so many `steps` (elements) from the next.

    `zero` is what stands for 0 in it. Its bytes are taken for `signed` ones whatever its type says. Those
    that are `shuffled` lie as SHUFFLED4x16INT8 has them: blocks of 4 outputs by 16 inputs. Of what is constant, so many
    inputs at the end may be `lacking`, and stand for 0; and the tensor may have other `layers`, of which, once they are
    packed, those of `shape` are `made`.
    """

    tensor: int
    shape: tuple[int, int, int, int]
    steps: tuple[int, int, int, int]
    zero: int = 0
    signed: bool = False
    shuffled: bool = False
    lacking: int = 0
    layers: int = 0
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
            arg = Arg("weights", self.tensor, kind)
        else:
            deep = self.step if array.dtype in BYTES else 1
            constants, arg = self._packed(vecs, deep), self._argument(array, vecs, deep)
        named = {name: constants.get(name, 0) for name in ("ALONG_OUTPUTS", "ALONG_INPUTS", "IN_BLOCKS")}
        more = {
            "STEP": self.step,
            "CHANNELS": self.shape[3],
            "IN_FOURS": int(self.shape[3] % 4 == 0),
            "WEIGHTS_ZERO": self.zero,
            "WEIGHTS_OFFSET": int(self.zero != 0),
            "WEIGHTS_SIGNED": int(self.signed and array is None and graph.tensors[self.tensor].type == "UINT8"),
        }
        return arg, {**constants, **named, **more}

    def _packed(self, vecs: int, deep: int) -> dict[str, int]:
        _, taps, inputs, outputs = self.shape
        inputs //= deep
        sets = -(-outputs // (4 * vecs))
        return {
            "ALONG_OUTPUTS": 1,
            "IN_BLOCKS": int(deep > 1),
            "LAYER_STEP": sets * taps * inputs * vecs,
            "BLOCK_STEP": taps * inputs * vecs,
            "TAP_STEP": inputs * vecs,
            "INPUT_STEP": vecs,
            "BLOCK_VECS": vecs,
            "LAST_VEC": sets * vecs - 1,
        }

    def _argument(self, array: NDArray[Any], vecs: int, deep: int) -> Arg:
        """`array` packed as it is: integers of 8 bits as bytes, others a word each."""
        layers, taps, inputs, outputs = self.shape
        size = layers * taps * inputs * -(-outputs // (4 * vecs)) * 4 * vecs
        pack = partial(self._pack, array, vecs, deep)
        if array.dtype in BYTES:
            return Arg("weights", in_bytes(pack, size, array.dtype), BLOCK if deep == 4 else "ivec4")
        floats = array.dtype.kind == "f"
        return Arg("weights", Const(lambda: stored(pack()), 4 * size, floats), "vec4" if floats else "ivec4")

    def _pack(self, array: NDArray[Any], vecs: int, deep: int) -> NDArray[Any]:
        """[layer][set][tap][input / deep][vec][deep][4], zero-padded: what a group's threads read lies together."""
        layers, taps, inputs, outputs = self.shape
        sets, layers = -(-outputs // (4 * vecs)), self.layers or layers
        whole, steps = np.ascontiguousarray(array), [step * array.itemsize for step in self.steps]
        found = np.lib.stride_tricks.as_strided(whole, (layers, taps, inputs - self.lacking, outputs), steps)
        past = sets * vecs * 4 - outputs
        if past or self.lacking:
            found = np.pad(found, [(0, 0), (0, 0), (0, self.lacking), (0, past)], constant_values=self.zero)
        blocks = found.reshape(layers, taps, inputs // deep, deep, sets, vecs, 4)
        packed = np.ascontiguousarray(blocks.transpose(0, 4, 1, 2, 5, 3, 6))
        return packed if self.made is None else self.made(packed)

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
