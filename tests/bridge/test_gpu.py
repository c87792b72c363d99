"""The GPU of another machine: quantised ops there have the reference kernels' bits, as here."""

from __future__ import annotations

import numpy as np
from ops.harness import delegate as shared_delegate

from bridge.kit import infer, wired
from delegraph import Interpreter, OpResolverType, RemoteDelegate
from delegraph.data import digits, held_out
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
