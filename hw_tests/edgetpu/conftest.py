"""The Edge TPU that tests of real hardware share: $DELEGRAPH_EDGETPU is its device string, any if that is not set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from delegraph import EdgeTPUDelegate
from delegraph.delegates.base import Probe

DEVICE = os.environ.get("DELEGRAPH_EDGETPU")


@pytest.fixture(scope="session", params=[True, False], ids=["isolated", "here"])
def edgetpu(
    request: pytest.FixtureRequest, demand: Callable[[str, Probe], None], required_models: None
) -> Iterator[EdgeTPUDelegate]:
    """In a child process, and without one."""
    delegate = EdgeTPUDelegate(DEVICE, isolate=request.param)
    demand("edgetpu", delegate.probe())
    yield delegate
    delegate.close()


@pytest.fixture(scope="session")
def required_models(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where the device is required, so are the models that run on it."""
    with pytest.MonkeyPatch.context() as patch:
        if "edgetpu" in request.config.getoption("require"):
            patch.setenv("DELEGRAPH_REQUIRE_MODELS", "1")
        yield
