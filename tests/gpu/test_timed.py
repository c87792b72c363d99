"""What launches take is told launch by launch, and timing them computes what a run does."""

from __future__ import annotations

import numpy as np
import pytest

from delegraph import GPUDelegate, Interpreter
from delegraph.data import digits, held_out

GPU = GPUDelegate().probe()


@pytest.mark.skipif(not GPU.here, reason=GPU.detail)
def test_every_launch_is_timed() -> None:
    image = held_out()[0][:1]
    gpu = GPUDelegate()
    with Interpreter(model_content=digits("f32"), delegates=[gpu]) as it:
        it.allocate_tensors()
        assert gpu.held_bytes() > 0
        it.set_tensor(it.get_input_details()[0]["index"], image)
        it.invoke()
        output = it.get_output_details()[0]["index"]
        wanted = it.get_tensor(output)
        steps = it.profile(2)
        assert np.array_equal(it.get_tensor(output), wanted)
        for step in steps:
            launches = it.plan.launches[step.step.partition] if hasattr(step.step, "partition") else 0
            assert len(step.launches) == launches
            assert all(t.seconds > 0 and t.op < len(it.plan.decisions) for t in step.launches)
        assert sum(len(step.launches) for step in steps) > 2
    gpu.close()
    assert gpu.held_bytes() == 0
