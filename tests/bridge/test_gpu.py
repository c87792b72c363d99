"""The GPU of another machine: quantised ops there have the reference kernels' bits, as here."""

from __future__ import annotations

import numpy as np
import pytest
from ops.harness import delegate as shared_delegate

from bridge.kit import infer, wired
from delegraph import Interpreter, OpResolverType, RemoteDelegate
from delegraph.data import digits, held_out
from delegraph.delegates.engine import Site
from delegraph.lending import gpu


def test_a_gpu_is_lent() -> None:
    shared_delegate()  # where there is no OpenGL, says so
    images = (held_out()[0][:3, None] * 255 - 128).round().astype(np.int8)
    reference = Interpreter(model_content=digits("int8"), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    with wired(sites={"gpu": gpu}) as (wire, _):
        delegate = RemoteDelegate(wire.uri, "gpu")
        with Interpreter(model_content=digits("int8"), delegates=[delegate]) as it:
            assert {p.delegate for p in it.plan.partitions} == {"remote-gpu"}
            for one in (it, reference):
                one.allocate_tensors()
            for image in images:
                assert np.array_equal(infer(it, image), infer(reference, image))


@pytest.mark.slow
def test_options_hold_where_the_gpu_is() -> None:
    shared_delegate()
    asked: list[dict[str, object]] = []

    def noted(**options: object) -> Site:
        asked.append(options)
        return gpu(**options)

    images = held_out()[0][:8, None]
    found = {}
    with wired(sites={"gpu": noted}) as (wire, _):
        for precision in ("fp32", "fp16"):
            delegate = RemoteDelegate(wire.uri, "gpu", precision=precision)
            with Interpreter(model_content=digits("f32"), delegates=[delegate]) as it:
                it.allocate_tensors()
                found[precision] = np.concatenate([infer(it, image) for image in images])
        with pytest.raises(ValueError, match="precision of 'gpu' is one word or number over a bridge"):
            RemoteDelegate(wire.uri, "gpu", precision={"SOFTMAX": "fp32"})
    assert asked == [{"precision": "fp32"}, {"precision": "fp16"}]
    apart = np.abs(found["fp16"] - found["fp32"]).max()
    assert 0 < apart < 1e-2
