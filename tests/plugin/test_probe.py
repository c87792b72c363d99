"""A runtime whose structures differ is refused before anything is done by them."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import pytest

from delegraph import DelegateError, tflite_delegate
from delegraph.delegates.runtime import load_runtime
from delegraph.plugin import abi, builtin, probe
from plugin.kit import chain, device, theirs


@pytest.fixture(autouse=True)
def unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no runtime had been looked at yet."""
    monkeypatch.setattr(probe, "_known", {})


def with_another_field(struct: Any, before: str) -> Any:
    """A structure as it would be with one more field, so that what is behind it has moved."""
    fields = list(struct._fields_)
    at = [name for name, _ in fields].index(before)
    fields.insert(at, ("added", ctypes.c_void_p))
    return type(struct.__name__, (ctypes.Structure,), {"_fields_": fields})


def others() -> Iterator[Any]:
    """Structures of abi, with a field more at each place that is of consequence."""
    for struct, befores in {
        "Context": ("tensors_size", "GetExecutionPlan", "tensors", "GetNodeAndRegistration", "ReleaseSubgraphContext"),
        "Tensor": ("type", "data", "dims", "scale", "allocation_type", "bytes", "name", "is_variable", "quantization",
                   "sparsity", "dims_signature"),
        "Affine": ("scale", "zero_point", "axis"),
        "Node": ("inputs", "outputs", "custom_initial_data", "delegate"),
        "Registration": ("init", "builtin_code", "custom_name", "version"),
        "Sparsity": ("order", "dims", "count"),
        "SparseDim": ("format", "segments"),
    }.items():  # fmt: skip
        yield from ((struct, before) for before in befores)


@pytest.mark.parametrize(("struct", "before"), [*others()], ids=str)
def test_a_structure_that_differs(struct: str, before: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abi, struct, with_another_field(getattr(abi, struct), before))
    with pytest.raises(DelegateError, match="has other structures than delegraph knows"):
        theirs(chain(), [tflite_delegate(device())])
    monkeypatch.undo()
    monkeypatch.setattr(probe, "_known", {})
    theirs(chain(), [tflite_delegate(device())])


def test_it_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = probe.examine
    monkeypatch.setattr(probe, "examine", lambda *args: seen.append(real(*args)))
    for _ in range(3):
        theirs(chain(), [tflite_delegate(device())])
    assert len(seen) == 1


def test_without_a_way_to_read_memory_another_process_tries_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*args: Any) -> int:
        raise FileNotFoundError

    monkeypatch.setattr(probe.os, "open", missing)
    theirs(chain(), [tflite_delegate(device())])
    monkeypatch.setattr(probe, "_known", {})
    monkeypatch.setattr(probe.sys, "executable", "/bin/false")
    with pytest.raises(DelegateError, match="status 1"):
        theirs(chain(), [tflite_delegate(device())])


def test_memory_that_is_not_there_is_an_error() -> None:
    with probe.memory() as look:
        assert look is not None
        with pytest.raises((OSError, probe.Differs)):
            look(8, 8)


def test_no_runtime_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "RUNTIMES", {"nothing.interpreter": "nothing"})
    with pytest.raises(DelegateError, match="no TensorFlow Lite runtime that is known here is imported"):
        tflite_delegate(device())._get_native_delegate_pointer()


def test_options_in_other_places_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = load_runtime().module
    assert builtin.agreed(runtime) == builtin.LAYOUTS.keys()
    other = {"CONV_2D": "stride_w:i padding stride_h:i", "BATCH_MATMUL": "adj_y:b adj_x:b", "SOFTMAX": "beta:i"}
    monkeypatch.setattr(builtin, "LAYOUTS", {**builtin.LAYOUTS, **other})
    builtin._layout.cache_clear()
    builtin.agreed.cache_clear()
    try:
        assert builtin.LAYOUTS.keys() - builtin.agreed(runtime) == other.keys()
        delegate = tflite_delegate(device())
        it = theirs(chain(), [delegate])
        assert it and "left: op 0 CONV_2D: unread: the runtime holds its options otherwise" in delegate.explain()
    finally:
        builtin._layout.cache_clear()
        builtin.agreed.cache_clear()
