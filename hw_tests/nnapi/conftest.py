"""The phone: this machine, or what $DELEGRAPH_NNAPI_BRIDGE leads to ("tcp://127.0.0.1:7200" after `adb forward`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from delegraph import NNAPIDelegate
from delegraph.delegates.base import Probe


@pytest.fixture(scope="session", params=[None, "cpu", "accelerator"])
def nnapi(request: pytest.FixtureRequest, demand: Callable[[str, Probe], None]) -> Iterator[NNAPIDelegate]:
    """As Android chooses, on its CPU reference, and on an accelerator where there is one."""
    bridge = os.environ.get("DELEGRAPH_NNAPI_BRIDGE")
    with_any = NNAPIDelegate(bridge=bridge)
    demand("nnapi", with_any.probe())
    with_any.close()
    delegate = NNAPIDelegate(bridge=bridge, device=request.param)
    probe = delegate.probe()
    if not probe.here:
        pytest.skip(f"no {request.param} on this phone: {probe.detail}")
    yield delegate
    delegate.close()
