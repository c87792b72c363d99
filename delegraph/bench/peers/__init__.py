"""Other runtimes that run the same model in the same benchmark, each behind the protocol of a `Subject`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from ..record import Configuration
from ..subject import Own, Subject

# Name -> module and class. They import their runtime when they open or load. A new peer is one file and one line.
PEERS: Mapping[str, tuple[str, str]] = {
    "litert-gpu": ("litert", "LiteRT"),
    "litert-cpu": ("litert", "LiteRT"),
    "onnxruntime": ("onnx", "OnnxRuntime"),
    "ncnn": ("ncnn", "Ncnn"),
    "torch": ("torch", "Torch"),
}


def subject(model: Path, configuration: Configuration, shapes: Sequence[tuple[int, ...]]) -> Subject:
    """What runs a model in a configuration: a peer where one is named, else delegraph.

    Raises ValueError where a peer cannot take the model's inputs.
    """
    if not configuration.peer:
        return Own(model, configuration, shapes)
    module, name = PEERS[configuration.peer]
    made: Subject = getattr(import_module(f".{module}", __package__), name)(model, configuration, shapes)
    return made
