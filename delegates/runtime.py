"""The TensorFlow Lite runtime that is installed: ai-edge-litert, or its predecessor tflite-runtime."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from functools import cache
from types import ModuleType
from typing import Any

from ..errors import DelegateError

PACKAGES = {"ai_edge_litert": "ai-edge-litert", "tflite_runtime": "tflite-runtime"}


class Runtime:
    """One installed runtime: its interpreter module, name and version."""

    def __init__(self, package: str) -> None:
        """Import `<package>.interpreter`. Raises ImportError where it is not installed."""
        self.module: ModuleType = importlib.import_module(f"{package}.interpreter")
        self.name = PACKAGES[package]
        told = getattr(importlib.import_module(package), "__version__", "")  # to search for it takes 15 ms
        self.version = told or importlib.metadata.version(self.name)
        self._accepted = frozenset(inspect.signature(self.module.Interpreter.__init__).parameters)

    def open(self, content: bytes, **options: Any) -> Any:
        """An `Interpreter` of the runtime over a model's bytes.

        Options that this version of the runtime does not know are dropped if they are at their default (None or
        False). Raises DelegateError naming one that is not, and whatever the runtime raises.
        """
        known = {}
        for name, value in options.items():
            if name in self._accepted:
                known[name] = value
            elif value not in (None, False):
                raise DelegateError(f"{self.name} {self.version} does not know the option {name!r}")
        return self.module.Interpreter(model_content=content, **known)

    def resolver(self, name: str) -> Any:
        """The runtime's own OpResolverType of that name ("BUILTIN_REF")."""
        return self.module.OpResolverType[name]


@cache
def load_runtime(package: str | None = None) -> Runtime:
    """The named runtime ("ai_edge_litert", "tflite_runtime"), or the first of them that is installed.

    Raises DelegateError saying what to install.
    """
    if package is not None and package not in PACKAGES:
        raise DelegateError(f"unknown runtime {package!r}: one of {', '.join(PACKAGES)}")
    problems = []
    for candidate in [package] if package else PACKAGES:
        try:
            return Runtime(candidate)
        except ImportError as error:
            problems.append(f"{candidate}: {error}")
    raise DelegateError(f"no TensorFlow Lite runtime: {'; '.join(problems)}; pip install ai-edge-litert")
