"""Programs as bytes: what was written is read again, and bytes from anywhere are refused or are a program."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from delegraph.delegates.nnapi.abi import LEVELS, Operation, Type
from delegraph.delegates.nnapi.node import assemble, lowered
from delegraph.delegates.nnapi.program import CONSTANT, HEADER, OPERAND, InvalidProgram, Operand, Program, Step, values
from delegraph.delegates.nnapi.question import asked, question
from delegraph.delegates.nnapi.samples import samples
from delegraph.errors import Reason


def programs() -> list[Program]:
    """What all samples become at the highest level."""
    found = []
    for _, _, graph in samples():
        nodes = lowered(graph, graph.ops[0], LEVELS[-1])
        if not isinstance(nodes, Reason):
            found.append(assemble(graph, nodes, *graph.boundary([0])))
    return found


def with_first(program: Program, **changes: object) -> Program:
    """The same program with another first operand."""
    return replace(program, operands=(replace(program.operands[0], **changes), *program.operands[1:]))  # type: ignore[arg-type]


ALL = programs()
CONV = next(p for p in ALL if any(s.code is Operation.CONV_2D for s in p.steps))


def test_what_was_written_is_read_again() -> None:
    for program in ALL:
        assert Program.read(program.write()) == program
    told = replace(CONV, relaxed=True, device="accélérateur", preference=2)
    assert Program.read(told.write()) == told
    assert asked(question("gpu", ALL)) == ("gpu", ALL)


def test_per_channel_scales_travel() -> None:
    weights = Operand(
        Type.TENSOR_QUANT8_SYMM_PER_CHANNEL, (2, 1), channel=0, scales=(0.5, 0.25), origin=CONSTANT, length=2
    )
    program = replace(CONV, operands=(*CONV.operands, weights), blob=b"\x01\x02" + CONV.blob[2:])
    again = Program.read(program.write())
    assert again.operands[-1].scales == (0.5, 0.25)
    assert values(again, again.operands[-1]).tolist() == [[1], [2]]


def test_every_byte_that_is_cut_off_is_missed() -> None:
    content = CONV.write()
    for length in range(len(content)):
        with pytest.raises(InvalidProgram):
            Program.read(content[:length])
    with pytest.raises(InvalidProgram, match="tells of"):
        Program.read(content + b"\0")


def test_flipped_bytes_are_refused_or_a_program() -> None:
    rng = np.random.default_rng(0)
    content = CONV.write()
    for _ in range(400):
        changed = bytearray(content)
        for at in rng.integers(0, len(content), rng.integers(1, 4)):
            changed[at] = rng.integers(0, 256)
        try:
            again = Program.read(bytes(changed))
        except InvalidProgram:
            continue
        assert Program.read(again.write()).write() == again.write()


def test_claims_of_memory_are_refused_before_any_is_taken() -> None:
    fields = list(HEADER.unpack_from(CONV.write()))
    for k in range(6, len(fields)):
        claimed = [*fields[:k], (1 << 32) - 1, *fields[k + 1 :]]
        with pytest.raises(InvalidProgram):
            Program.read(HEADER.pack(*claimed) + CONV.write()[HEADER.size :])


@pytest.mark.parametrize(
    ("message", "change"),
    [
        ("reads what is not there", lambda p: replace(p, steps=(replace(p.steps[0], inputs=p.outputs),))),
        ("writes what is there", lambda p: replace(p, steps=p.steps * 2)),
        ("an input is a constant", lambda p: replace(p, inputs=(*p.inputs, 1))),
        ("no output", lambda p: replace(p, outputs=())),
        ("not written", lambda p: replace(p, outputs=p.inputs)),
        ("beyond them", lambda p: replace(p, outputs=(10**6,))),
        ("code", lambda p: replace(p, steps=(replace(p.steps[0], level=26),))),
        ("takes", lambda p: replace(p, blob=b"")),
        ("scale that is none", lambda p: with_first(p, scale=float("nan"))),
        ("scales of channels", lambda p: with_first(p, scales=(1.0,))),
        ("dimensions", lambda p: with_first(p, dims=(1 << 31, 4))),
        ("remembers", lambda p: replace(p, states=2)),
        ("next value", lambda p: replace(with_first(p, dims=(1, 2)), states=1)),
        ("preference", lambda p: replace(p, preference=9)),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused(message: str, change: object) -> None:
    with pytest.raises(InvalidProgram, match=message):
        Program.read(change(CONV).write())  # type: ignore[operator]


def test_another_version_is_named() -> None:
    content = bytearray(CONV.write())
    content[4] = 9
    with pytest.raises(InvalidProgram, match="version 9: this side reads 1"):
        Program.read(bytes(content))


def test_a_higher_level_than_it_needs_is_no_claim_to_make() -> None:
    fields = list(HEADER.unpack_from(CONV.write()))
    fields[3] = 27 if fields[3] != 27 else 28
    with pytest.raises(InvalidProgram, match="feature level"):
        Program.read(HEADER.pack(*fields) + CONV.write()[HEADER.size :])


def test_questions_from_anywhere() -> None:
    content = question("gpu", [CONV])
    for length in range(4, len(content)):
        with pytest.raises(InvalidProgram):
            if asked(content[:length])[1] == []:
                raise InvalidProgram("a question about nothing")


def test_an_operand_takes_as_much_as_its_record_says() -> None:
    two = (Operand(Type.TENSOR_FLOAT32, (1,)), Operand(Type.TENSOR_FLOAT32, (1,)))
    one = Program(two, (Step(Operation.ABS, (0,), (1,), 29),), (0,), (1,))
    assert len(one.write()) == HEADER.size + 2 * OPERAND.itemsize + 16 + 4 * 4


def test_the_engine_needs_numpy_alone() -> None:
    code = (
        "import sys, delegraph.delegates.nnapi.lending as l; "
        "l.nnapi(); print([m for m in ('moderngl', 'ai_edge_litert', 'tflite', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
