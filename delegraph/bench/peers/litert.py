"""LiteRT's CompiledModel: by its GPU accelerator (`litert-gpu`, WebGPU on Vulkan or Metal), or its CPU's."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .foreign import Foreign, Reals


class LiteRT(Foreign):
    """A CompiledModel and its buffers. All of the model has to be on the GPU: the rest would be the CPU's time."""

    def load(self) -> None:
        """Read and compile: CompiledModel does both in one. Raises ImportError where LiteRT has none."""
        from ai_edge_litert.compiled_model import CompiledModel
        from ai_edge_litert.hardware_accelerator import HardwareAccelerator
        from ai_edge_litert.options import CpuOptions, GpuOptions, Options

        gpu = self.configuration.peer == "litert-gpu"
        self._model = CompiledModel.from_file(
            str(self.path),
            options=Options(
                hardware_accelerators=HardwareAccelerator.GPU if gpu else HardwareAccelerator.CPU,
                cpu_options=CpuOptions(num_threads=self.configuration.threads or 1),
                gpu_options=GpuOptions(enforce_f32=self.configuration.precision == "fp32"),
            ),
        )
        if gpu and not self._model.is_fully_accelerated():
            raise RuntimeError("litert-gpu leaves a part of this model to the CPU")

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
        """The accelerator."""
        unit = "GPU (WebGPU)" if self.configuration.peer == "litert-gpu" else "CPU"
        return {"devices": {self.configuration.peer: f"ai-edge-litert {metadata.version('ai-edge-litert')}, {unit}"}}
