"""LiteRT's CompiledModel: by its GPU accelerator (`litert-gpu`, WebGPU on Vulkan or Metal), or its CPU's."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .foreign import Foreign, Reals

PARTLY = "not accelerated"  # in what LiteRT says of a model of which its GPU takes only a part


class LiteRT(Foreign):
    """A CompiledModel and its buffers. What the GPU does not take is run on the CPU, and noted."""

    def load(self) -> None:
        """Read and compile: CompiledModel does both in one. Raises ImportError where LiteRT has none."""
        accelerators = self.module("ai_edge_litert.hardware_accelerator", "ai-edge-litert").HardwareAccelerator
        gpu = self.configuration.peer == "litert-gpu"
        self._note = ""
        if not gpu:
            self._model = self._compiled(accelerators.CPU)
            return
        try:
            self._model = self._compiled(accelerators.GPU)
        except RuntimeError as error:
            if PARTLY not in str(error):
                raise RuntimeError(f"litert-gpu finds no driver for WebGPU, or cannot use it: {error}") from None
            self._model = self._compiled(accelerators.GPU | accelerators.CPU)
        if not self._model.is_fully_accelerated():
            self._note = "a part of it runs on the CPU"

    def _compiled(self, accelerators: Any) -> Any:
        compiled = self.module("ai_edge_litert.compiled_model", "ai-edge-litert").CompiledModel
        options = self.module("ai_edge_litert.options", "ai-edge-litert")
        return compiled.from_file(
            str(self.path),
            options=options.Options(
                hardware_accelerators=accelerators,
                cpu_options=options.CpuOptions(num_threads=self.configuration.threads or 1),
                gpu_options=options.GpuOptions(enforce_f32=self.configuration.precision == "fp32"),
            ),
        )

    def compile(self) -> None:
        """Make the buffers."""
        self._in = self._model.create_input_buffers(0)
        self._out = self._model.create_output_buffers(0)
        self.infer = self._infer

    def feed(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Keep the inputs; each inference writes them, since copies to the device are part of it elsewhere, too."""
        self._arrays = list(arrays)

    def _infer(self) -> None:
        for buffer, array in zip(self._in, self._arrays, strict=True):
            buffer.write(array)
        self._model.run_by_index(0, self._in, self._out)
        self._raw = [
            buffer.read(int(np.prod(d["shape"])), np.dtype(d["dtype"]))
            for buffer, d in zip(self._out, self.results, strict=True)
        ]

    def outputs(self) -> dict[str, Reals]:
        """What was read back."""
        return self.real([np.asarray(raw) for raw in self._raw])

    def describe(self) -> dict[str, Any]:
        """The accelerator, and whether all of the model is on it."""
        unit = "WebGPU" if self.configuration.peer == "litert-gpu" else "CPU"
        return self.described(f"(ai-edge-litert {metadata.version('ai-edge-litert')})", unit, self._note)
