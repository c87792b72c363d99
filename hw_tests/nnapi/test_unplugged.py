"""A phone that goes away in mid-run: a relay on this side cuts its bridge, so that nobody has to pull the cable."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from bridge.kit import Wire, infer
from delegraph import CPUDelegate, Interpreter, NNAPIDelegate
from delegraph.data import digits, held_out
from delegraph.delegates.base import Probe
from delegraph.delegates.bridge.address import parse_address

BRIDGE = "DELEGRAPH_NNAPI_BRIDGE"
WAIT = 70.0  # seconds until a device that failed again and again is surely tried once more


@pytest.fixture
def wire(demand: Callable[[str, Probe], None]) -> Iterator[Wire]:
    """A relay to the phone's bridge."""
    bridge = os.environ.get(BRIDGE)
    if bridge is None:
        pytest.skip(f"the phone is no other machine, so that there is nothing to unplug: set ${BRIDGE}")
    with_any = NNAPIDelegate(bridge=bridge)
    demand("nnapi", with_any.probe())
    with_any.close()
    made = Wire(parse_address(bridge))
    yield made
    made.close()


def answers(it: Interpreter, images: NDArray[np.float32]) -> list[int]:
    detail = it.get_input_details()[0]
    return [int(np.argmax(infer(it, image.reshape(detail["shape"])))) for image in images]


def test_a_phone_that_is_pulled_and_plugged_in_again(wire: Wire) -> None:
    images = held_out()[0][:20]
    with Interpreter(model_content=digits("f32")) as cpu:
        cpu.allocate_tensors()
        wanted = answers(cpu, images)
    phone = NNAPIDelegate(bridge=wire.uri)
    with Interpreter(model_content=digits("f32"), delegates=[phone, CPUDelegate()], on_failure="replan") as it:
        it.allocate_tensors()
        assert answers(it, images) == wanted and "nnapi" in homes(it)
        wire.reset(down=10)  # in the middle of what the next run gives
        assert answers(it, images[:1]) == wanted[:1]
        assert "nnapi" not in homes(it) and [event.kind for event in it.events][:2] == ["failed", "replanned"]
        assert answers(it, images) == wanted
        end = time.monotonic() + WAIT
        while "nnapi" not in homes(it) and time.monotonic() < end:
            assert answers(it, images[:1]) == wanted[:1]
            time.sleep(0.2)
        assert "nnapi" in homes(it), it.events
        assert answers(it, images) == wanted


def homes(it: Interpreter) -> set[str | None]:
    return {decision.delegate for decision in it.plan.decisions}
