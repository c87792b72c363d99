"""Shaders that several threads compile where the CPU is the GPU."""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np
import pytest
from ops.harness import delegate

from delegraph import DelegateError, GPUDelegate, Interpreter
from delegraph.data import digits, held_out
from delegraph.delegates.gpu import ahead, texels
from delegraph.delegates.gpu.blocks import alone
from delegraph.delegates.gpu.programs import Programs, Wanted
from delegraph.shaders.program import Arg, Program, Stage


@pytest.fixture
def helpers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of each thread that helped, how many shaders there were to do; two always help."""
    if not delegate().device.software or not delegate().device.mesa:
        pytest.skip("only Mesa's software compiles so")
    found: list[int] = []
    real = ahead.help_with

    def counted(work: ahead.Work, own: Any) -> None:
        found.append(len(work))
        real(work, own)

    monkeypatch.setattr(ahead, "help_with", counted)
    monkeypatch.setattr(ahead, "SLOW", -1.0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
    for name in ahead.UNSHARED:
        monkeypatch.delenv(name, raising=False)
    return found


@pytest.mark.parametrize("api", ["gl", "gles"])
def test_results_are_the_same(helpers: list[int], api: str) -> None:
    images, labels = held_out()
    gpu = GPUDelegate(api=api)
    with Interpreter(model_content=digits("f32"), delegates=[gpu]) as it:
        it.allocate_tensors()
        for image, label in zip(images[:3], labels[:3], strict=True):
            it.set_tensor(it.get_input_details()[0]["index"], image[None])
            it.invoke()
            assert np.argmax(it.get_tensor(it.get_output_details()[0]["index"])) == label
    gpu.close()
    assert len(helpers) == 2


def wanted(*expressions: str) -> list[Wanted]:
    programs = [
        Program("elementwise", {}, (Arg("source", 0),), 1, (1, 1, 1), stages=(Stage(expression),))
        for expression in expressions
    ]
    return [Wanted(program, 8, [(block, [(0, 0)]) for block in alone(program)]) for program in programs]


def test_one_that_does_not_compile_is_told_and_nothing_is_left(helpers: list[int]) -> None:
    device = delegate().device
    programs = Programs(device)
    before = threading.active_count()
    with pytest.raises(DelegateError, match="no_such_thing"):
        programs.acquire_all(wanted(*(f"x * {k}.5" for k in range(9)), "no_such_thing(x)"))
    assert threading.active_count() == before and len(programs) == 0
    found = programs.acquire_all(wanted(*(f"x * {k}.25" for k in range(9))))
    assert programs.compiled == len(programs) == 9
    programs.release([text for text, _ in found])


def test_what_is_done_meanwhile_may_fail(helpers: list[int]) -> None:
    device = delegate().device
    programs = Programs(device)

    def fails() -> None:
        raise DelegateError("no room")

    with pytest.raises(DelegateError, match="no room"):
        programs.acquire_all(wanted("x + 1.0", "x + 2.0"), fails)
    assert len(programs) == 0


@pytest.mark.parametrize("nbytes", [0, 4, 255, 256, 4096, 65535, 65536, 65552, 1 << 20, (1 << 20) - 256, 3 << 16])
def test_textures_and_their_buffers_are_of_one_kind_whatever_their_size(nbytes: int) -> None:
    """Else llvmpipe makes machine code of a shader once more; see `texels.py`."""
    size, room = texels.evened(nbytes), texels.roomy(nbytes)
    assert size >> 8 & 0xFF and nbytes <= size <= room and room.bit_count() > 1
