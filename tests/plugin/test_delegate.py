"""Our delegates inside the runtime's own Interpreter."""

from __future__ import annotations

import pytest

from delegraph import InvalidModel, tflite_delegate
from delegraph.data import digits
from plugin.kit import chain, device, noise, ours, outputs, same, theirs

TAKEN = [
    (),
    ("CONV_2D",),
    ("CONV_2D", "ADD"),
    ("RELU6", "EXP"),
    ("CONV_2D", "RELU6", "ADD"),
    ("MAX_POOL_2D",),
]


@pytest.mark.parametrize("given", [True, False], ids=["model", "structures"])
@pytest.mark.parametrize("kinds", TAKEN, ids=str)
def test_parts_of_a_graph_give_what_our_interpreter_gives(kinds: tuple[str, ...], given: bool) -> None:
    content, sim = chain(), device(*kinds)
    delegate = tflite_delegate(sim, model=content if given else None)
    it = theirs(content, [delegate])
    it.allocate_tensors()
    inputs = noise(it)
    same(outputs(it, inputs), ours(content, sim, inputs))
    assert not delegate.events
    wanted = [i for i, kind in enumerate(("CONV_2D", "RELU6", "EXP", "ADD")) if kind in kinds or not kinds]
    assert f"sim took {len(wanted)} of 4 ops" in delegate.explain()


@pytest.mark.parametrize("given", [True, False], ids=["model", "structures"])
@pytest.mark.parametrize("variant", ["f32", "int8"])
def test_a_whole_model(variant: str, given: bool) -> None:
    content, sim = digits(variant), device()
    delegate = tflite_delegate(sim, model=content if given else None)
    it = theirs(content, [delegate])
    it.allocate_tensors()
    inputs = noise(it)
    same(outputs(it, inputs), ours(content, sim, inputs))
    assert "in 1 part\n" in delegate.explain()


@pytest.mark.parametrize("given", [True, False], ids=["model", "structures"])
@pytest.mark.parametrize("resolver", ["AUTO", "BUILTIN_WITHOUT_DEFAULT_DELEGATES"])
def test_other_shapes(resolver: str, given: bool) -> None:
    content, sim = chain(), device("CONV_2D", "EXP")
    delegate = tflite_delegate(sim, model=content if given else None)
    it = theirs(content, [delegate], resolver=resolver, num_threads=2)
    for batch in (1, 3, 3, 2, 1):
        it.resize_tensor_input(0, (batch, 4, 4, 3))
        it.allocate_tensors()
        inputs = noise(it, batch)
        same(outputs(it, inputs), ours(content, sim, inputs))
        assert "sim took 2 of 4 ops in 2 parts" in delegate.explain()


def test_several_delegates_in_one_list() -> None:
    content = chain()
    delegates = [
        tflite_delegate(device(kind, name=kind.lower()), model=content) for kind in ("CONV_2D", "EXP", "CONV_2D", "ADD")
    ]
    it = theirs(content, delegates)
    it.allocate_tensors()
    inputs = noise(it)
    same(outputs(it, inputs), ours(content, device(), inputs))
    assert [d.explain().count("part 0") for d in delegates] == [1, 1, 0, 1]
    assert "left: ops 0, 2: another delegate has them" in delegates[2].explain()


def test_another_model_is_refused() -> None:
    content = chain()
    delegate = tflite_delegate(device(), model=digits("f32"))
    with pytest.raises(RuntimeError, match=r"model= is not the model that this interpreter runs: it has \d+ tensors"):
        theirs(content, [delegate])
    assert "Traceback" in delegate.events[0].message
    with pytest.raises(InvalidModel):
        tflite_delegate(device(), model=content[:100])
