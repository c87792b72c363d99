"""Ordinary models: compiled ahead of time, cached, and planned anew by what the compiler left."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from delegraph import DelegateError, Interpreter
from delegraph.data import digits
from delegraph.delegates.edgetpu.compiler import Compiler, _kept
from delegraph.delegates.edgetpu.limits import within
from delegraph.delegates.edgetpu.package import is_compiled
from delegraph.delegates.edgetpu.twin import Twin
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph
from delegraph.graph.read import read
from edge_tpu.kit import PAIRS, Bench, noise, outputs, pair, same
from models import thinned


def ran(bench: Bench) -> list[str]:
    path = bench.folder / "runs"
    return path.read_text().splitlines() if path.is_file() else []


def on(it: Interpreter, name: str) -> list[str]:
    return [it.graph.ops[d.op].kind for d in it.plan.decisions if d.delegate == name]


def cpu_outputs(content: bytes, inputs: list[Any]) -> list[Any]:
    with Interpreter(model_content=content, delegates=[]) as it:
        it.allocate_tensors()
        return outputs(it, inputs)


def test_an_ordinary_model_is_compiled_and_gives_the_bits_of_the_cpu(bench: Bench, compiler: Path) -> None:
    content = digits("int8")
    for _ in range(2):
        delegate = bench.delegate(compiler=compiler)
        with Interpreter(model_content=content, delegates=[delegate]) as it:
            assert "by the limits that Coral publishes" in it.plan.explain(0)
            it.allocate_tensors()
            inputs = noise(it)
            same(outputs(it, inputs), cpu_outputs(content, inputs))
            assert "CONV_2D" in on(it, "edgetpu") and not it.events
        delegate.close()
    assert len(ran(bench)) == 1 and "-s -m 14 -o" in ran(bench)[0]  # the second time it came from the cache


def test_what_the_compiler_leaves_is_planned_anew(bench: Bench, compiler: Path) -> None:
    (bench.folder / "unmapped").write_text("FULLY_CONNECTED")
    content = digits("int8")
    delegate = bench.delegate(compiler=compiler)
    with Interpreter(model_content=content, delegates=[delegate]) as it:
        it.allocate_tensors()
        inputs = noise(it)
        same(outputs(it, inputs), cpu_outputs(content, inputs))
        assert "CONV_2D" in on(it, "edgetpu") and "FULLY_CONNECTED" in on(it, "cpu")
        assert [event.kind for event in it.events] == ["learned"]
        told = next(d for d in it.plan.decisions if it.graph.ops[d.op].kind == "FULLY_CONNECTED")
        assert told.reasons["edgetpu"][0].code == "unspecified"
        assert "mapped by edgetpu_compiler 16.0.384591198" in it.plan.explain(0)
    delegate.close()


FATES = {"crash": "Segmentation fault", "unquantized": "Model not quantized", "hang": "did not end within 1 s"}


@pytest.mark.parametrize("fate", thinned(FATES, "hang"))
def test_a_model_that_does_not_compile_runs_elsewhere(bench: Bench, compiler: Path, fate: str) -> None:
    content = digits("int8")
    made = Compiler(compiler, seconds=1.0 if fate == "hang" else 60.0)
    made.version  # noqa: B018 (asked before the program hangs)
    (bench.folder / "compiler").write_text(fate)
    delegate = bench.delegate(compiler=made)
    with Interpreter(model_content=content, delegates=[delegate]) as it:
        it.allocate_tensors()
        inputs = noise(it)
        same(outputs(it, inputs), cpu_outputs(content, inputs))
        assert not on(it, "edgetpu") and FATES[fate] in it.events[0].message
    delegate.close()


def test_the_compiler_on_the_path_is_found(bench: Bench, compiler: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not bench.delegate().learns
    monkeypatch.setenv("PATH", str(compiler.parent), prepend=":")
    assert bench.delegate().learns
    assert not bench.delegate(compiler=False).learns
    with pytest.raises(DelegateError, match="no program '/nonexistent/compiler'"):
        bench.delegate(compiler="/nonexistent/compiler")


def test_without_a_compiler_ordinary_ops_are_refused(bench: Bench) -> None:
    with Interpreter(model_content=digits("int8"), delegates=[bench.delegate(compiler=False)]) as it:
        assert it.plan.decisions[0].reasons["edgetpu"][0].code == "compiler"


def test_what_is_torn_in_the_cache_is_a_miss(bench: Bench, compiler: Path) -> None:
    made = Compiler(compiler)
    content = digits("int8")
    first = made.compile(content)
    (entry,) = made.cache.iterdir()
    whole = entry.read_bytes()
    assert _kept(entry) == (first.content, json.loads(whole.partition(b"\n")[0])["said"])
    for torn in (whole[: len(whole) // 2], b"", b"{}\n", b"[]\nx", whole[:-1] + bytes([whole[-1] ^ 1]), whole[:-1]):
        entry.write_bytes(torn)
        assert _kept(entry) is None
    assert made.compile(content) == first and entry.read_bytes() == whole
    assert len(ran(bench)) == 2
    assert made.compile(content, 13).content and len(ran(bench)) == 3  # other flags are another entry


def test_two_at_once(bench: Bench, compiler: Path) -> None:
    content, found = digits("int8"), list[bytes | None]()
    threads = [threading.Thread(target=lambda: found.append(Compiler(compiler).compile(content).content)) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1] is not None
    assert len(list(Compiler(compiler).cache.iterdir())) == 1


def test_what_is_no_compiler(bench: Bench, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("#!/bin/sh\necho hello\n")
    other.chmod(0o755)
    with pytest.raises(DelegateError, match="does not tell a version as edgetpu_compiler does"):
        Compiler(other).compile(b"")
    with pytest.raises(ValueError, match="flag '-o' is none of -a, -d"):
        Compiler(other, ["-o"])
    assert subprocess.run([other], capture_output=True, check=True).stdout == b"hello\n"


@pytest.mark.parametrize("name", PAIRS)
def test_what_the_real_compiler_mapped_is_within_the_limits(name: str) -> None:
    compiled, twin = read(pair(name)[0]).graphs[0], Twin(pair(name)[1])
    mapped = [op for op in compiled.ops if is_compiled(op)]
    for i in (i for op in mapped for i in twin.region(compiled, op).ops):
        verdict = within(twin.graph, twin.graph.ops[i])
        assert verdict.ok, (twin.graph.ops[i].kind, verdict.reasons)


def test_what_is_beyond_the_limits() -> None:
    floats = read(digits("f32")).graphs[0]
    assert {within(floats, op).reasons[0].code for op in floats.ops} == {"type"}


def built(kind: str, *shapes: tuple[int, ...], out: tuple[int, ...], **options: Any) -> Graph:
    b = GraphBuilder()
    inputs = [b.input(shape, "INT8", quantization=(0.5, 0)) for shape in shapes[:1]]
    for shape in shapes[1:]:
        steps = None if kind in INDICES else (0.5, 0)
        inputs.append(b.constant(np.ones(shape, np.int8 if steps else np.int32), quantization=steps))
    b.output(b.op(kind, inputs, out, dtype="INT8", quantization=(0.5, 0), **options))
    return read(b.build()).graphs[0]


INDICES = ("SUM", "TILE")
POOL = {
    "fused_activation_function": "RELU",
    "padding": "SAME",
    "stride_w": 1,
    "stride_h": 1,
    **{f"filter_{d}": 2 for d in ("width", "height")},
}
BEYOND = [
    ("TILE", [(1, 8), (2,)], (1, 8), {}, "kind"),
    ("RELU", [(2, 3, 4, 8)], (2, 3, 4, 8), {}, "rank"),
    ("SOFTMAX", [(2, 8)], (2, 8), {"beta": 1.0}, "its input is [2, 8]"),
    ("SOFTMAX", [(1, 16_001)], (1, 16_001), {"beta": 1.0}, "more than 16000"),
    ("MAX_POOL_2D", [(1, 4, 4, 8)], (1, 4, 4, 8), POOL, "RELU is fused"),
    ("CONCATENATION", [(1, 4), (1, 4)], (1, 8), {"axis": 1}, "a constant is joined"),
    ("SUM", [(1, 4, 4, 8), (1,)], (1, 4, 8), {}, ""),
    ("PRELU", [(1, 4, 4, 8), (1, 4, 8)], (1, 4, 4, 8), {}, "its alpha is [1, 4, 8]"),
    ("PRELU", [(1, 4, 4, 8), (1, 1, 8)], (1, 4, 4, 8), {}, ""),
]


@pytest.mark.parametrize(("kind", "shapes", "out", "options", "said"), BEYOND)
def test_limits_of_ops(
    kind: str, shapes: list[tuple[int, ...]], out: tuple[int, ...], options: dict[str, Any], said: str
) -> None:
    graph = built(kind, *shapes, out=out, **options)
    verdict = within(graph, graph.ops[0])
    assert verdict.ok != bool(said)
    assert said in str(verdict.reasons[0]) if said else "limits that Coral publishes" in verdict.note
