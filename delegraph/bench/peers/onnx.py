"""ONNX Runtime, on the model's conversion to ONNX beside it (`model.onnx`, as tf2onnx makes it)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .foreign import Foreign, Reals

PREFERRED = ("CUDAExecutionProvider", "WebGpuExecutionProvider", "CPUExecutionProvider")


class OnnxRuntime(Foreign):
    """An InferenceSession on the best provider that the installed package has."""

    def load(self) -> None:
        """Make the session. Raises ImportError without onnxruntime, OSError without a .onnx file."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.configuration.threads
        here = onnxruntime.get_available_providers()
        providers = [name for name in PREFERRED if name in here]
        self._session = onnxruntime.InferenceSession(str(self.companion(".onnx")), options, providers=providers)
        self._version = onnxruntime.__version__

    def compile(self) -> None:
        """Nothing is left to be done."""
        self.infer = self._infer

    def feed(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Name the inputs, by their order."""
        names = [given.name for given in self._session.get_inputs()]
        self._feed = dict(zip(names, arrays, strict=True))

    def _infer(self) -> None:
        self._made = self._session.run(None, self._feed)

    def outputs(self) -> dict[str, Reals]:
        """What the session gave."""
        return self.real([np.asarray(made) for made in self._made])

    def describe(self) -> dict[str, Any]:
        """The providers in use."""
        providers = ", ".join(self._session.get_providers())
        return {"devices": {"onnxruntime": f"onnxruntime {self._version}, {providers}"}}
