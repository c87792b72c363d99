"""Stands in for ONNX Runtime where it is not installed: a session that halves its input and finds its relu."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

__version__ = "double"


def get_available_providers() -> list[str]:
    return ["WebGpuExecutionProvider", "CPUExecutionProvider"]


class SessionOptions:
    def add_session_config_entry(self, name: str, value: str) -> None:
        assert name == "session.record_ep_graph_assignment_info" and value == "1"


class InferenceSession:
    def __init__(self, path: str, options: SessionOptions, providers: list[str]) -> None:
        self._content, self._providers = Path(path).read_text(), providers

    def get_providers(self) -> list[str]:
        return self._providers[-1:] if self._content == "no gpu" else self._providers

    def get_provider_graph_assignment_info(self) -> list[Any]:
        return [_Part("WebGpuExecutionProvider", "Relu"), _Part("CPUExecutionProvider", "ReduceMean")]

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="x")]

    def get_outputs(self) -> list[Any]:
        return [SimpleNamespace(name=name) for name in ("half", "relu")]

    def run(self, names: None, feed: dict[str, Any]) -> list[Any]:
        return [feed["x"] / 2, np.maximum(feed["x"], 0)]


class _Part:
    def __init__(self, ep_name: str, kind: str) -> None:
        self.ep_name, self._kind = ep_name, kind

    def get_nodes(self) -> list[Any]:
        return [SimpleNamespace(op_type=self._kind)]
