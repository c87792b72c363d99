"""Whole inferences over a bridge: the results are the CPU's own bits, from other threads, processes and machines."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from bridge.kit import LOCAL, SECRET, Process, infer, serving, sums, vectors, wired
from delegraph import CPUDelegate, Interpreter, NullDelegate, RemoteDelegate
from delegraph.data import digits, held_out
from delegraph.delegates.bridge.__main__ import main
from delegraph.delegates.bridge.serve import read_secret
from delegraph.partitioner.plan import Transfer


def test_another_process_gives_the_same_bits() -> None:
    images, _ = held_out()
    with Process("--lend", "cpu") as process:
        for form in ("f32", "int8"):
            here = Interpreter(model_content=digits(form))
            with Interpreter(model_content=digits(form), delegates=[RemoteDelegate(process.uri, "cpu")]) as there:
                assert {p.delegate for p in there.plan.partitions} == {"remote-cpu"}
                for it in (here, there):
                    it.allocate_tensors()
                detail = here.get_input_details()[0]
                for image in images[:6]:
                    x = image[None] if form == "f32" else (image[None] * 255 - 128).round().astype(detail["dtype"])
                    assert np.array_equal(infer(here, x), infer(there, x))
        assert process.end() == 0


@pytest.mark.parametrize("uri", [LOCAL, "tcp://[::1]:0", "unix"])
def test_every_kind_of_address(uri: str, tmp_path: Path) -> None:
    path = tmp_path / "bridge.socket"
    with serving(f"unix://{path}" if uri == "unix" else uri) as server:
        delegate = RemoteDelegate(str(server.address), "cpu")
        with Interpreter(model_content=sums(), delegates=[delegate]) as it:
            it.allocate_tensors()
            x, y = vectors()
            assert np.array_equal(infer(it, x, y), x + y)
            assert it.plan.partitions[0].delegate == "remote-cpu"
        if uri == "unix":
            assert path.stat().st_mode & 0o077 == 0
    assert not path.exists()


def test_a_socket_that_a_dead_server_left_is_taken_over_but_no_file_is(tmp_path: Path) -> None:
    path = tmp_path / "bridge.socket"
    with Process(listen=f"unix://{path}") as process:
        process.end(signal.SIGKILL)
        assert path.exists()
    with serving(f"unix://{path}"):
        with pytest.raises(OSError, match="in use"), serving(f"unix://{path}"):
            pass
        assert RemoteDelegate(f"unix://{path}").probe().here
    path.write_text("kept")
    with pytest.raises(OSError, match="in use"), serving(f"unix://{path}"):
        pass
    assert path.read_text() == "kept"


def test_partitions_on_both_sides_and_what_crosses_is_in_the_plan() -> None:
    images, _ = held_out()
    with serving() as server, Interpreter(model_content=digits("f32")) as here:
        elsewhere = RemoteDelegate(str(server.address), "cpu")
        pin = {"remote-cpu": ["CONV_2D"]}
        exclude = {"remote-cpu": ["DEPTHWISE_CONV_2D", "ADD", "MEAN"]}
        with Interpreter(model_content=digits("f32"), delegates=[elsewhere], pin=pin, exclude=exclude) as it:
            assert len([p for p in it.plan.partitions if p.delegate == "remote-cpu"]) > 2
            copied = [step.tensor for step in it.plan.steps if isinstance(step, Transfer)]
            assert len(copied) > 4
            for one in (here, it):
                one.allocate_tensors()
            for image in images[:4]:
                assert np.allclose(infer(it, image[None]), infer(here, image[None]), atol=1e-6)


def test_a_program_goes_over_once() -> None:
    with wired() as (wire, _):
        delegate = RemoteDelegate(wire.uri, "cpu")
        counts = []
        for _ in range(2):
            with Interpreter(model_content=digits("f32"), delegates=[delegate]) as it:
                it.allocate_tensors()
                infer(it, held_out()[0][:1])
            counts.append(wire.count["up"])
            wire.reset()
        assert counts[1] < len(digits("f32")) < counts[0]
        with Interpreter(model_content=sums(4000), delegates=[delegate]) as it:
            it.allocate_tensors()
            for seed in range(3):
                x, y = vectors(4000, seed)
                wire.reset()
                assert np.array_equal(infer(it, x, y), x + y)
                assert x.nbytes + y.nbytes < wire.count["up"] < x.nbytes + y.nbytes + 500
                assert x.nbytes < wire.count["down"] < x.nbytes + 200


def test_two_clients_at_once() -> None:
    problems: list[str] = []

    def client(uri: str, kind: str, seed: int) -> None:
        delegate = RemoteDelegate(uri, "cpu")
        with Interpreter(model_content=sums(50, kind), delegates=[delegate]) as it:
            it.allocate_tensors()
            for k in range(30):
                x, y = vectors(50, 100 * seed + k)
                if not np.array_equal(infer(it, x, y), x + y if kind == "ADD" else x * y):
                    problems.append(f"{kind} of seed {seed}, inference {k}")

    with Process("--lend", "cpu") as process:
        clients = [
            threading.Thread(target=client, args=(process.uri, kind, s)) for s, kind in enumerate(["ADD", "MUL", "ADD"])
        ]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
    assert not problems


def test_frames_in_a_stream_do_not_mix() -> None:
    frames = [vectors(seed=seed) for seed in range(20)]
    with serving() as server, Interpreter(model_content=sums(), delegates=[RemoteDelegate(str(server.address))]) as it:
        for (x, y), out in zip(frames, it.stream(frames, depth=3), strict=True):
            assert np.array_equal(out, x + y)


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_signals_end_it_cleanly_with_clients_connected(number: int, tmp_path: Path) -> None:
    path = tmp_path / "bridge.socket"
    with Process(listen=f"unix://{path}", secret=SECRET) as process:
        delegate = RemoteDelegate(process.uri, secret=SECRET)
        with Interpreter(model_content=sums(), delegates=[delegate], on_failure="replan") as it:
            it.allocate_tensors()
            x, y = vectors()
            assert np.array_equal(infer(it, x, y), x + y)
            assert process.end(number) == 0 and not path.exists()
            assert np.array_equal(infer(it, y, x), x + y)
            assert [e.kind for e in it.events] == ["failed", "replanned"]


def test_killed_in_mid_inference_and_back() -> None:
    """The port is the same again, the programs are gone; no inference is lost."""
    with Process("--lend", "cpu") as process:
        uri = process.uri
        delegate = RemoteDelegate(uri)
        with Interpreter(model_content=sums(), delegates=[delegate]) as strict:
            strict.allocate_tensors()
            x, y = vectors()
            assert np.array_equal(infer(strict, x, y), x + y)
            process.end(signal.SIGKILL)
            with pytest.raises(RuntimeError, match=r"the bridge at|no bridge at"):
                infer(strict, x, y)
            with Process("--lend", "cpu", listen=uri):
                for _ in range(200):
                    try:
                        out = infer(strict, y, x)
                        break
                    except RuntimeError:  # dialled again only after a while
                        threading.Event().wait(0.02)
                assert np.array_equal(out, x + y)


def test_serving_needs_numpy_alone() -> None:
    """What a device needs besides is asked for when it is borrowed; tests/nnapi borrows one that needs nothing."""
    with Process(alone=True) as process:
        for name in ("cpu", "gpu"):
            probe = RemoteDelegate(process.uri, name).probe()
            assert not probe.here and f"{name} cannot be lent" in probe.detail and "install it there" in probe.remedy


def test_the_command_says_what_is_here(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--probe", "--lend", "cpu,nnapi"]) == 0
    first, second = capfd.readouterr().out.splitlines()[-2:]
    assert first.startswith("cpu: ") and "x" in first and second.startswith("nnapi: not here: ")
    assert main(["--probe", "--lend", "nnapi"]) == 1
    assert main(["--lend", "toaster"]) == 1
    assert "'toaster' cannot be lent: there are gpu, edgetpu, nnapi, cpu" in capfd.readouterr().err
    assert main(["--listen", "tcp://0.0.0.0:0"]) == 1
    assert "needs a secret" in capfd.readouterr().err


def test_a_secret_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    with Process("--lend", "cpu", "--secret-file", str(path), alone=True) as process:
        assert "another secret" in RemoteDelegate(process.uri, secret="another one of enough length").probe().detail
        assert "cannot be lent" in RemoteDelegate(process.uri, secret=SECRET).probe().detail
    for content in (b"", b" \n", b"x" * 5000):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="holds no secret"):
            read_secret(path)


def test_nothing_is_left_open() -> None:
    before = len(os.listdir("/proc/self/fd")), threading.active_count()
    with serving() as server:
        delegate = RemoteDelegate(str(server.address))
        for _ in range(5):
            assert delegate.probe().here
            with Interpreter(model_content=sums(), delegates=[delegate, CPUDelegate()]) as it:
                it.allocate_tensors()
                infer(it, *vectors())
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == before


def test_an_absent_bridge_is_said_and_planned_around() -> None:
    delegate = RemoteDelegate("tcp://127.0.0.1:1", "cpu")
    probe = delegate.probe()
    assert not probe.here and "no bridge at tcp://127.0.0.1:1" in probe.detail and "bridge serve" in probe.remedy
    with Interpreter(model_content=sums(), delegates=[delegate]) as it:
        assert it.plan.decisions[0].delegate == "cpu" and it.events[0].kind == "absent"


@pytest.mark.parametrize(
    ("uri", "delegate", "message"),
    [
        ("http://host", "cpu", "say tcp://"),
        ("tcp://host:99999", "cpu", "no address"),
        ("tcp://", "cpu", "say tcp://"),
        ("unix://host/path", "cpu", "say tcp://"),
        ("tcp://user@host:1", "cpu", "say tcp://"),
        ("tcp://host:1", "tpu", "there are gpu, edgetpu, nnapi, cpu"),
    ],
)
def test_bad_arguments(uri: str, delegate: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RemoteDelegate(uri, delegate)
    with pytest.raises(ValueError, match="at least 16 bytes"):
        RemoteDelegate("tcp://host:1", secret="short")


def test_names_are_told_apart() -> None:
    with serving() as server:
        two = [RemoteDelegate(str(server.address), name=name) for name in ("left", "right")]
        pin = {"left": [0]}
        with Interpreter(model_content=sums(), delegates=[NullDelegate([]), *two], pin=pin) as it:
            assert it.plan.decisions[0].delegate == "left"
