"""Runs a TensorFlow Lite model on whatever the machine has.

Names are imported when first used, so that reading a model needs no more than numpy and flatbuffers.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .arguments import OpResolverType
    from .delegates.bridge.delegate import RemoteDelegate
    from .delegates.cpu import CPUDelegate
    from .delegates.custom import register_custom_op, unregister_custom_op
    from .delegates.edgetpu.delegate import EdgeTPUDelegate
    from .delegates.gpu.delegate import GPUDelegate
    from .delegates.host import HostDelegate
    from .delegates.nnapi.delegate import NNAPIDelegate
    from .delegates.null import NullDelegate
    from .delegates.simulated import SimulatedDelegate
    from .errors import (
        BridgeError,
        DelegateError,
        DelegraphError,
        DeviceAbsent,
        InvalidModel,
        InvalidPlan,
        PlacementError,
        Reason,
        StepFailed,
        TwinMismatch,
        UnknownDevice,
        UnsupportedOp,
        VersionMismatch,
    )
    from .events import Event
    from .graph.custom import CustomOptions
    from .interpreter import Interpreter
    from .plugin.delegate import tflite_delegate
    from .pool import EdgeTPUPool, chain, edge_tpus
    from .predictor import Predictor
    from .verification.report import Verification
    from .verification.verify import verify

_ERRORS = (
    "BridgeError", "DelegateError", "DelegraphError", "DeviceAbsent", "InvalidModel", "InvalidPlan", "PlacementError",
    "Reason", "StepFailed", "TwinMismatch", "UnknownDevice", "UnsupportedOp", "VersionMismatch",
)  # fmt: skip
_HOMES = {
    "CPUDelegate": "delegates.cpu",
    "CustomOptions": "graph.custom",
    "EdgeTPUDelegate": "delegates.edgetpu.delegate",
    "GPUDelegate": "delegates.gpu.delegate",
    "HostDelegate": "delegates.host",
    "NNAPIDelegate": "delegates.nnapi.delegate",
    "NullDelegate": "delegates.null",
    "RemoteDelegate": "delegates.bridge.delegate",
    "SimulatedDelegate": "delegates.simulated",
    **dict.fromkeys(_ERRORS, "errors"),
    "Event": "events",
    "Interpreter": "interpreter",
    **dict.fromkeys(("register_custom_op", "unregister_custom_op"), "delegates.custom"),
    "OpResolverType": "arguments",
    "tflite_delegate": "plugin.delegate",
    **dict.fromkeys(("EdgeTPUPool", "chain", "edge_tpus"), "pool"),
    "Predictor": "predictor",
    "Verification": "verification.report",
    "verify": "verification.verify",
}

__all__ = [
    "BridgeError", "CPUDelegate", "CustomOptions", "DelegateError", "DelegraphError", "DeviceAbsent", "EdgeTPUDelegate",
    "EdgeTPUPool", "Event", "GPUDelegate", "HostDelegate", "Interpreter", "InvalidModel", "InvalidPlan",
    "NNAPIDelegate", "NullDelegate", "OpResolverType", "PlacementError", "Predictor", "Reason", "RemoteDelegate",
    "SimulatedDelegate", "StepFailed", "TwinMismatch", "UnknownDevice", "UnsupportedOp", "Verification",
    "VersionMismatch", "chain", "edge_tpus", "register_custom_op", "tflite_delegate", "unregister_custom_op", "verify",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'delegraph' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
