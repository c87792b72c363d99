"""The GPU delegates that tests of real hardware share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from delegraph import GPUDelegate
from delegraph.delegates.base import Probe
from delegraph.delegates.gpu.device import is_software


def real(probe: Probe) -> Probe:
    """The probe's answer, with GL that the CPU computes counted as no GPU."""
    if probe.here and is_software(probe.detail):
        return Probe(False, f"only {probe.detail}", "run this where there is a GPU, with its OpenGL driver installed")
    return probe


@pytest.fixture(scope="session", params=[None, "gles"])
def gpu(request: pytest.FixtureRequest, demand: Callable[[str, Probe], None]) -> Iterator[GPUDelegate]:
    """On the API that the delegate takes by itself, and on OpenGL ES, which every GPU's driver has."""
    yield from opened(GPUDelegate(api=request.param), demand)


@pytest.fixture(scope="session", params=[None, "gles"])
def gpu_in_half(request: pytest.FixtureRequest, demand: Callable[[str, Probe], None]) -> Iterator[GPUDelegate]:
    """The same with floats in half."""
    yield from opened(GPUDelegate(api=request.param, precision="fp16"), demand)


def opened(delegate: GPUDelegate, demand: Callable[[str, Probe], None]) -> Iterator[GPUDelegate]:
    """The delegate, if its device is a GPU; it is closed in the end."""
    demand("gpu", real(delegate.probe()))
    yield delegate
    delegate.close()
