"""Says once where real models are missing, and what the assertions of shared modules compared."""

from __future__ import annotations

import os

import pytest

import models

# Shaders that run a few times are not worth LLVM's optimisation, which takes most of their time on llvmpipe.
os.environ.setdefault("GALLIVM_PERF", "nopt")

pytest.register_assert_rewrite("ops.harness", "conformance.check")


def pytest_report_header() -> list[str]:
    if models.SHARED.is_dir():
        return []
    return [f"models: no {models.SHARED}, so the tests of its models skip (see docs/models.md)"]
