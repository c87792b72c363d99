"""The child process: what aborts, hangs or vanishes in there costs an error or a new plan, and leaves nothing."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from interpreter.faulty import later

from delegraph import DelegateError, EdgeTPUDelegate, Interpreter
from delegraph.delegates.isolation import process
from delegraph.delegates.isolation.process import Child
from edge_tpu.kit import USB, Bench, noise, outputs, pair, same
from models import thinned

NAME = "keras_lstm_mnist_ptq"  # which remembers
TESTS = Path(__file__).parents[1]


@pytest.fixture
def lstm(bench: Bench) -> Bench:
    bench.knows(pair(NAME))
    return bench


@pytest.fixture
def made(lstm: Bench) -> Iterator[Callable[..., Interpreter]]:
    """made(on_failure, **options of the delegate): an interpreter of the compiled model, closed at the end."""
    delegates: list[EdgeTPUDelegate] = []

    def make(on_failure: Any = "raise", **options: Any) -> Interpreter:
        delegates.append(lstm.delegate(**options))
        it = Interpreter(str(pair(NAME)[0]), delegates=[delegates[-1]], on_failure=on_failure)
        it.allocate_tensors()
        return it

    yield make
    for delegate in delegates:
        delegate.close()


@pytest.fixture
def cpu() -> Interpreter:
    it = Interpreter(str(pair(NAME)[1]))
    it.allocate_tensors()
    return it


def ran(it: Interpreter) -> set[str]:
    return {partition.delegate for partition in it.plan.partitions}


SAID = {
    "abort": r"(?s)edgetpu: its child process was ended by SIGABRT \(run\); the next use starts another; it said: "
    r".*F1128 .* Deadline exceeded: USB transfer error 2",
    "hang": r"edgetpu: its child process did not answer within 2 s \(run\); the next use starts another",
    "fail": r"edgetpu: .*Failed to execute request\. fail",
    "vanish": r"edgetpu: .*Failed to execute request\. vanish",
}


@pytest.mark.parametrize("what", thinned(SAID, "abort"))
def test_a_failure_is_an_error_and_the_next_run_goes_well(
    lstm: Bench, made: Callable[..., Interpreter], cpu: Interpreter, what: str
) -> None:
    it = made(timeout=2.0 if what == "hang" else 20.0)
    inputs = noise(cpu)
    lstm.act(what)
    with pytest.raises(DelegateError, match=SAID[what]):
        outputs(it, inputs)
    assert it.events[-1].kind == "failed" and re.search(SAID[what], it.events[-1].message)
    if what == "vanish":
        with pytest.raises(DelegateError, match="libedgetpu finds no Edge TPU"):
            it.invoke()
        lstm.plug(USB)
    same(outputs(it, inputs), outputs(cpu, inputs))
    assert (it.events[-1].kind, it.events[-1].delegate) == ("restarted", "edgetpu")
    last = "libedgetpu finds no Edge TPU" if what == "vanish" else SAID[what]
    assert it.events[-1].message.startswith("another child process was started; before: ")
    assert re.search(last, it.events[-1].message)


def test_a_restart_is_told_once_to_every_interpreter_that_is_still_there(lstm: Bench, cpu: Interpreter) -> None:
    delegate = lstm.delegate()
    with contextlib.closing(delegate):
        several = [Interpreter(str(pair(NAME)[0]), delegates=[delegate]) for _ in range(3)]
        for it in several:
            it.allocate_tensors()
        assert not any(it.events for it in several)
        pid = delegate.child_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert gone(pid)
        several.pop()
        gc.collect()
        for it in several:
            same(outputs(it, noise(cpu)), outputs(cpu, noise(cpu)))
            cpu.reset_all_variables()
        told = [[(event.kind, event.message) for event in it.events] for it in several]
        restarted = "another child process was started; before: the child process was ended by SIGKILL"
        assert told == [[("restarted", restarted)]] * 2
        delegate.close()
        several[0].invoke()  # what was closed on purpose is no restart
        assert len(several[0].events) == 1


def test_another_child_goes_on_with_what_the_last_one_remembered(
    lstm: Bench, made: Callable[..., Interpreter], cpu: Interpreter
) -> None:
    it = made()
    same(outputs(it, noise(cpu, 0)), outputs(cpu, noise(cpu, 0)))
    lstm.act("abort")
    with pytest.raises(DelegateError):
        it.invoke()
    same(outputs(it, noise(cpu, 1)), outputs(cpu, noise(cpu, 1)))
    for each in (it, cpu):
        each.reset_all_variables()
    same(outputs(it, noise(cpu, 0)), outputs(cpu, noise(cpu, 0)))


@pytest.mark.parametrize("what", thinned(SAID, "vanish"))
def test_a_failure_is_planned_around_and_the_device_comes_back(
    lstm: Bench, made: Callable[..., Interpreter], cpu: Interpreter, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = made("replan", cpu_twin=pair(NAME)[1], timeout=2.0 if what == "hang" else 20.0)
    same(outputs(it, noise(cpu, 0)), outputs(cpu, noise(cpu, 0)))
    lstm.act(what)
    same(outputs(it, noise(cpu, 1)), outputs(cpu, noise(cpu, 1)))  # with what it remembers of the run before
    assert ran(it) == {"edgetpu-twin"}
    assert [event.kind for event in it.events if event.kind != "restarted"] == ["failed", "replanned"]
    assert re.search(SAID[what], it.events[0].message)
    later(monkeypatch, 1.5)
    if what == "vanish":
        same(outputs(it, noise(cpu, 2)), outputs(cpu, noise(cpu, 2)))
        assert ran(it) == {"edgetpu-twin"}  # it is not back yet
        lstm.plug(USB)
        later(monkeypatch, 10.0)
    same(outputs(it, noise(cpu, 3)), outputs(cpu, noise(cpu, 3)))
    assert ran(it) == {"edgetpu"} and it.events[-1].kind == "retried"


@pytest.mark.slow
def test_a_device_that_goes_on_failing(lstm: Bench, made: Callable[..., Interpreter], cpu: Interpreter) -> None:
    it = made("replan", cpu_twin=pair(NAME)[1])
    lstm.act("always abort")
    for seed in range(3):
        same(outputs(it, noise(cpu, seed)), outputs(cpu, noise(cpu, seed)))
    assert ran(it) == {"edgetpu-twin"}


def test_nothing_that_it_says_is_lost(lstm: Bench, made: Callable[..., Interpreter]) -> None:
    it = made()
    lstm.act("chatter")
    with pytest.raises(DelegateError, match="ended with status 3") as caught:
        it.invoke()
    assert all(f"line {n} of what it says" in str(caught.value) for n in range(500))


def test_a_child_that_cannot_start_says_why() -> None:
    child = Child("stick", "no_such_module:make", {})
    with pytest.raises(DelegateError, match=r"(?s)stick: its child process ended with status 1 .*no_such_module"):
        child.ask("here", 60.0)
    assert not child.alive


def zombies_and_children() -> list[str]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        if int(rest.split()[1]) == os.getpid():
            found.append(stat.parent.name)
    return found


@pytest.mark.soak
def test_nothing_is_left(lstm: Bench, cpu: Interpreter) -> None:
    def once() -> None:
        delegate = lstm.delegate()
        with Interpreter(str(pair(NAME)[0]), delegates=[delegate]) as it:
            it.allocate_tensors()
            same(outputs(it, noise(cpu)), outputs(cpu, noise(cpu)))
            lstm.act("fail")
            with pytest.raises(DelegateError):
                it.invoke()
            it.invoke()
        delegate.close()
        cpu.reset_all_variables()
        gc.collect()

    def state() -> tuple[int, int, list[str], list[str]]:
        threads = [t for t in threading.enumerate() if t.name.startswith("delegraph")]
        for thread in threads:
            thread.join(10)
        fds = len(list(Path("/proc/self/fd").iterdir()))
        return fds, sum(t.is_alive() for t in threads), zombies_and_children(), sorted(os.listdir("/dev/shm"))

    once()
    before = state()
    once()
    assert state() == before


def test_threads_share_a_device(lstm: Bench) -> None:
    delegate = lstm.delegate()
    problems: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            with (
                Interpreter(str(pair(NAME)[1])) as cpu,
                Interpreter(str(pair(NAME)[0]), delegates=[delegate]) as it,
            ):
                cpu.allocate_tensors()
                it.allocate_tensors()
                for k in range(5):
                    same(outputs(it, noise(cpu, seed + k)), outputs(cpu, noise(cpu, seed + k)))
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(10 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    delegate.close()
    assert not problems, problems[0]


SCRIPT = f"""
import os, sys, signal, threading, time
sys.path.insert(0, {str(TESTS)!r})
from pathlib import Path
from edge_tpu.kit import Bench, noise, outputs, pair
from delegraph import Interpreter
bench = Bench(Path(os.environ["EDGETPU_DOUBLE"]), Path(sys.argv[1]))
delegate = bench.delegate()
it = Interpreter(str(pair({NAME!r})[0]), delegates=[delegate])
it.allocate_tensors()
it.invoke()
print(delegate.child_pid, flush=True)
"""


def started(lstm: Bench, then: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """How a process ended that had a child, printed its number, and then did something."""
    command = [sys.executable, "-c", SCRIPT + then, str(lstm.library)]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)


def gone(pid: int) -> bool:
    """Whether a process ends within ten seconds."""
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":  # whoever inherits it has not looked yet
            return True
        time.sleep(0.05)
    return False


ENDS = {
    "ends": "",
    "is killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "is killed while the child hangs": (
        "bench.act('hang'); threading.Thread(target=it.invoke, daemon=True).start(); time.sleep(1)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    ),
    "ends while a thread that started the child is gone": (
        "delegate.close(); t = threading.Thread(target=it.invoke); t.start(); t.join(); it.invoke()\n"
        "print(delegate.child_pid)"
    ),
}


@pytest.mark.parametrize("how", thinned(ENDS, "is killed while the child hangs"))
def test_it_dies_with_its_parent(lstm: Bench, how: str, tmp_path: Path) -> None:
    done = started(lstm, ENDS[how], tmp_path)
    assert done.returncode == (-signal.SIGKILL if "killed" in how else 0), done.stderr
    assert "Traceback" not in done.stderr
    assert all(gone(int(pid)) for pid in done.stdout.split())


@pytest.mark.slow
def test_a_fork_has_a_child_of_its_own(lstm: Bench, tmp_path: Path) -> None:
    forks = """
if os.fork() == 0:
    it.invoke()
    assert delegate.child_pid
    print(delegate.child_pid, flush=True)
    sys.exit(0)
os.wait()
it.invoke()
print(delegate.child_pid)
"""
    done = started(lstm, forks, tmp_path)
    assert done.returncode == 0, done.stderr
    parents, forked, after = done.stdout.split()
    assert parents == after != forked
    assert all(gone(int(pid)) for pid in (parents, forked))


def test_an_interrupt_leaves_no_answer_behind(
    lstm: Bench, made: Callable[..., Interpreter], cpu: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = made()

    def interrupted(*args: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(process, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            outputs(it, noise(cpu))
    same(outputs(it, noise(cpu)), outputs(cpu, noise(cpu)))
