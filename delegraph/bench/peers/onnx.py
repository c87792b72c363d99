"""ONNX Runtime, on the model's conversion to ONNX beside it (`model.onnx`, as tf2onnx makes it)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .foreign import Foreign, Reals, left_to_cpu

PREFERRED = ("CUDAExecutionProvider", "WebGpuExecutionProvider", "CPUExecutionProvider")
CPU = PREFERRED[-1]
PLACED = "session.record_ep_graph_assignment_info"  # asks a session to remember which provider has which node


class OnnxRuntime(Foreign):
    """An InferenceSession on the best provider that the installed package has."""

    def load(self) -> None:
        """Make the session. Raises ImportError without onnxruntime, OSError without a .onnx file."""
        onnxruntime = self.module("onnxruntime", "onnxruntime-webgpu (or onnxruntime-gpu, onnxruntime)")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.configuration.threads
        options.add_session_config_entry(PLACED, "1")
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
        return self.real([np.asarray(made) for made in self._made], [made.name for made in self._session.get_outputs()])

    def describe(self) -> dict[str, Any]:
        """The providers in use, and which nodes are the CPU's, where this version tells."""
        providers = self._session.get_providers()
        return self.described(self._version, ", ".join(providers), self._left(providers))

    def _left(self, providers: Sequence[str]) -> str:
        if providers[0] == CPU:
            return "all of it runs on the CPU: no provider for a GPU is here"
        if not hasattr(self._session, "get_provider_graph_assignment_info"):
            return "this version does not tell which nodes run on the CPU"
        parts = self._session.get_provider_graph_assignment_info()
        nodes = [(part.ep_name, node.op_type) for part in parts for node in part.get_nodes()]
        return left_to_cpu((kind for name, kind in nodes if name == CPU), len(nodes))
