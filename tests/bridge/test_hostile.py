"""Bytes that no honest end sends: each is refused by a named error, costs no memory, and nobody else notices."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import numpy as np
import pytest

from bridge.kit import LOCAL, PATIENCE, SECRET, dialled, infer, serving, sums, vectors, wired
from delegraph import Interpreter, RemoteDelegate
from delegraph.delegates.bridge.address import Address, parse_address
from delegraph.delegates.bridge.handshake import HEAD, MAGIC, NONCE, PROOF, VERSION, Outcome
from delegraph.delegates.bridge.lent import MOST, make_site
from delegraph.delegates.bridge.server import Server
from delegraph.delegates.bridge.visit import Limits
from delegraph.delegates.bridge.wire import HEADER, Channel, Kind
from delegraph.errors import (
    BridgeCut,
    BridgeError,
    BridgeMalformed,
    BridgeSecret,
    BridgeTooLarge,
    BridgeUnreachable,
    BridgeVersion,
)

HUGE = 1 << 40


def frame(kind: int, note: Any = None, data: bytes = b"", nbytes: int | None = None) -> bytes:
    """A message, which may claim other sizes than it has."""
    text = note if isinstance(note, bytes) else json.dumps(note or {}).encode()
    return HEADER.pack(kind, 0, len(text), len(data) if nbytes is None else nbytes) + text + data


def ended(channel: Channel) -> str:
    """The error that a server names before it ends a connection; empty where it just ends it."""
    named = ""
    with suppress(BridgeCut):
        while True:
            kind, note, nbytes = channel.head()
            channel.take(bytearray(nbytes), "data")
            named = str(note["error"]) if kind is Kind.FAILED else ""
    return named


@contextmanager
def opened(address: Address, nbytes: int = 1024) -> Iterator[Channel]:
    """A connection with a device and an arena."""
    with dialled(address) as channel:
        for kind, note in ((Kind.OPEN, {"engine": "cpu"}), (Kind.ALLOCATE, {"nbytes": nbytes})):
            channel.send(kind, note)
            assert channel.head()[0] is Kind.DONE
        yield channel


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One for all: whatever a test does, it must serve the next, and in the end hold nothing."""
    with serving(limits=Limits(handshake=0.3, silence=0.3, memory=1 << 22)) as made:
        yield made
        end = time.monotonic() + PATIENCE
        while made.clients and time.monotonic() < end:
            time.sleep(0.01)
        assert not made.clients and made.budget.left == made.budget.nbytes


def still_serves(server: Server) -> None:
    with Interpreter(model_content=sums(), delegates=[RemoteDelegate(str(server.address))]) as it:
        it.allocate_tensors()
        x, y = vectors()
        assert it.plan.partitions[0].delegate == "remote-cpu" and np.array_equal(infer(it, x, y), x + y)


PORT = ["x", [4], "float32", 0]
LOAD = {"program": 0, "sha256": "0" * 64, "size": 64, "inputs": [PORT], "outputs": [PORT], "variables": [], "block": 0}
RAW: list[tuple[str, bytes, str]] = [
    ("a note of 2^31 bytes", HEADER.pack(Kind.PING, 0, 1 << 31, 0), "BridgeTooLarge"),
    ("a note that is no JSON", frame(Kind.PING, b"{nothing"), "BridgeMalformed"),
    ("a note that is a list", frame(Kind.PING, b"[]"), "BridgeMalformed"),
    ("a note in no encoding", frame(Kind.PING, b"\xff\xfe\xfd"), "BridgeMalformed"),
    ("a note of brackets", frame(Kind.PING, b"[" * 60000), "BridgeMalformed"),
    ("a note with an endless number", frame(Kind.READ, b'{"at":' + b"9" * 60000 + b"}"), "BridgeMalformed"),
    ("no kind of message", HEADER.pack(77, 0, 2, 0) + b"{}", "BridgeMalformed"),
    ("a field that has to be zero", HEADER.pack(Kind.PING, 1, 2, 0) + b"{}", "BridgeMalformed"),
    ("a message of the server's", frame(Kind.DONE), "BridgeMalformed"),
    ("bytes where none belong", frame(Kind.PING, {}, nbytes=HUGE), "BridgeTooLarge"),
    ("a write of 2^40 bytes", frame(Kind.WRITE, {"at": 0}, nbytes=HUGE), "BridgeTooLarge"),
    ("a write at 2^40", frame(Kind.WRITE, {"at": HUGE}, b"1234"), "BridgeTooLarge"),
    ("a write over the end", frame(Kind.WRITE, {"at": 1021}, b"1234"), "BridgeTooLarge"),
    ("a write before the start", frame(Kind.WRITE, {"at": -4}, b"1234"), "BridgeMalformed"),
    ("a write at half a byte", frame(Kind.WRITE, {"at": 0.5}, b"1234"), "BridgeMalformed"),
    ("a write at true", frame(Kind.WRITE, {"at": True}, b"1234"), "BridgeMalformed"),
    ("a write nowhere", frame(Kind.WRITE, {}, b"1234"), "BridgeMalformed"),
    ("a read of 2^40 bytes", frame(Kind.READ, {"at": 0, "nbytes": HUGE}), "BridgeTooLarge"),
    ("another device", frame(Kind.OPEN, {"engine": "cpu"}), "BridgeMalformed"),
    ("another arena", frame(Kind.ALLOCATE, {"nbytes": 4}), "BridgeMalformed"),
    ("a run of nothing", frame(Kind.RUN, {"program": 0, "fetch": []}), "BridgeMalformed"),
    ("the state of nothing", frame(Kind.STATE, {"program": 0}), "BridgeMalformed"),
    ("a program of 2^40 bytes", frame(Kind.LOAD, LOAD | {"size": HUGE}), "BridgeTooLarge"),
    ("a block of 2^40 bytes", frame(Kind.LOAD, LOAD | {"block": HUGE}), "BridgeTooLarge"),
    ("a program that was not announced", frame(Kind.PROGRAM, {"program": 0}, nbytes=HUGE), "BridgeMalformed"),
    ("no places", frame(Kind.LOAD, LOAD | {"inputs": 4}), "BridgeMalformed"),
    ("a place outside", frame(Kind.LOAD, LOAD | {"outputs": [["x", [4], "float32", 1012]]}), "BridgeMalformed"),
    ("a place askew", frame(Kind.LOAD, LOAD | {"outputs": [["x", [4], "float32", 3]]}), "BridgeMalformed"),
    ("a shape of 2^120", frame(Kind.LOAD, LOAD | {"inputs": [["x", [HUGE] * 3, "int8", 0]]}), "BridgeMalformed"),
    ("a shape below 0", frame(Kind.LOAD, LOAD | {"inputs": [["x", [-1, -4], "int8", 0]]}), "BridgeMalformed"),
    ("objects as a dtype", frame(Kind.LOAD, LOAD | {"inputs": [["x", [1], "object", 0]]}), "BridgeMalformed"),
    ("thousands of dimensions", frame(Kind.LOAD, LOAD | {"inputs": [["x", [1] * 5000, "int8", 0]]}), "BridgeMalformed"),
]


@pytest.mark.parametrize(("raw", "named"), [case[1:] for case in RAW], ids=[case[0] for case in RAW])
def test_what_makes_no_sense_is_named_and_ends_the_connection(server: Server, raw: bytes, named: str) -> None:
    with opened(server.address) as channel:
        channel.put(raw)
        assert ended(channel) == named


def test_what_a_device_refuses_is_named_and_the_connection_goes_on(server: Server) -> None:
    program = bytes(64)
    digest = __import__("hashlib").sha256(program).hexdigest()
    with opened(server.address) as channel:
        for _ in range(2):
            channel.send(Kind.LOAD, LOAD | {"sha256": digest})
            kind, note, _ = channel.head()
            if kind is Kind.DONE:
                assert note["have"] is False
                channel.send(Kind.PROGRAM, {"program": 0}, program)
                kind, note, _ = channel.head()
            assert (kind, note["error"]) == (Kind.FAILED, "DelegateError") and "invalid model" in note["message"]
        channel.send(Kind.PING)
        assert channel.head()[0] is Kind.DONE


def test_a_program_that_is_another_one(server: Server) -> None:
    with opened(server.address) as channel:
        channel.send(Kind.LOAD, LOAD)
        assert channel.head()[1]["have"] is False
        channel.send(Kind.PROGRAM, {"program": 0}, bytes(64))
        assert ended(channel) == "BridgeMalformed"


def test_no_more_memory_than_there_is(server: Server) -> None:
    with dialled(server.address) as channel:
        channel.send(Kind.OPEN, {"engine": "cpu"})
        channel.head()
        channel.send(Kind.ALLOCATE, {"nbytes": HUGE})
        assert ended(channel) == "BridgeTooLarge"
    with opened(server.address, 3 << 20), dialled(server.address) as second:
        second.send(Kind.OPEN, {"engine": "cpu"})
        second.head()
        second.send(Kind.ALLOCATE, {"nbytes": 2 << 20})  # with the first one's it is too much
        assert ended(second) == "BridgeTooLarge"
    delegate = RemoteDelegate(str(server.address))
    with pytest.raises(BridgeTooLarge, match="--memory"):
        delegate.allocate(HUGE)
    with pytest.raises(RuntimeError, match="is not lent here, but cpu"):
        RemoteDelegate(str(server.address), "gpu").allocate(4)


@pytest.mark.parametrize(
    "options",
    [7, {"num_threads": [2]}, {"num_threads": 1 << 40}, {"num_threads": True}, {str(k): k for k in range(17)}],
)
def test_options_that_are_none(server: Server, options: Any) -> None:
    with dialled(server.address) as channel:
        channel.send(Kind.OPEN, {"engine": "cpu", "options": options})
        assert ended(channel) == "BridgeMalformed"


def test_options_that_an_engine_does_not_have() -> None:
    with serving(sites={"cpu": partial(make_site, "cpu")}) as server:
        for options, said in (({"num_threads": 0}, "from 1 on"), ({"runtime": "os"}, "no option 'runtime': there are")):
            with dialled(server.address) as channel:
                channel.send(Kind.OPEN, {"engine": "cpu", "options": options})
                kind, note, _ = channel.head()
                assert kind is Kind.FAILED and said in note["message"]
        for threads in range(1, 40):  # each choice is a device of its own, but not without end
            with dialled(server.address) as channel:
                channel.send(Kind.OPEN, {"engine": "cpu", "options": {"num_threads": threads}})
                kind, note, _ = channel.head()
                assert kind is (Kind.DONE if threads <= MOST else Kind.FAILED)
        assert "are open here already" in note["message"]


@pytest.mark.parametrize("seed", range(40))
def test_random_bytes(server: Server, seed: int) -> None:
    """Before a handshake, after it, and as pieces of honest messages with some bytes flipped."""
    rng = random.Random(seed)
    with suppress(BridgeError, OSError):
        if seed % 4 == 0:
            with server.address.connect(PATIENCE) as sock:
                sock.sendall(rng.randbytes(rng.randrange(1, 400)))
                while sock.recv(4096):
                    pass
        else:
            with opened(server.address) as channel:
                for _ in range(50):
                    raw = bytearray(rng.choice(RAW)[1][:4096])
                    for _ in range(rng.randrange(4)):
                        raw[rng.randrange(len(raw))] = rng.randrange(256)
                    channel.put(bytes(raw) if seed % 4 < 3 else rng.randbytes(rng.randrange(1, 100)))
                ended(channel)
    if seed % 10 == 9:
        still_serves(server)


def test_half_a_message_and_silence(server: Server) -> None:
    """A time-out ends it, and its memory is free again."""
    with opened(server.address, 1 << 20) as channel:
        channel.put(frame(Kind.WRITE, {"at": 0}, bytes(10), nbytes=100))
        assert ended(channel) == "BridgeUnreachable"
    for count in (0, 5, HEAD.size, HEAD.size + NONCE):
        with server.address.connect(PATIENCE) as sock:
            sock.sendall((HEAD.pack(MAGIC, VERSION, 0) + bytes(NONCE + PROOF))[:count])
            while sock.recv(4096):
                pass
    still_serves(server)


# What a client makes of a server that is none, or that has gone mad.


@contextmanager
def posing(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that answers each connection so, one after another."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            with suppress(OSError):
                sock, _ = listener.accept()
                sock.settimeout(PATIENCE)
                with sock, suppress(OSError):
                    answer(sock)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        thread.join(PATIENCE)
        listener.close()


def welcome(*after: bytes, linger: float = 0.0) -> Callable[[socket.socket], None]:
    """An honest handshake, then these bytes whatever is asked, then silence or the end."""

    def answer(sock: socket.socket) -> None:
        sock.sendall(HEAD.pack(MAGIC, VERSION, 0) + bytes(NONCE))
        sock.recv(HEAD.size + NONCE + PROOF, socket.MSG_WAITALL)
        sock.sendall(HEAD.pack(MAGIC, VERSION, Outcome.WELCOME) + bytes(PROOF))
        for raw in after:
            sock.recv(1 << 16)
            sock.sendall(raw)
        if linger:
            time.sleep(linger)

    return answer


def say(raw: bytes) -> Callable[[socket.socket], None]:
    return lambda sock: sock.sendall(raw)


GOOD = frame(Kind.DONE, {"device": "mad"})
BAD: list[tuple[str, Callable[[socket.socket], None], type[BridgeError], str]] = [
    (
        "another service",
        say(b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(64)),
        BridgeMalformed,
        "no bridge of delegraph",
    ),
    ("another version", say(HEAD.pack(MAGIC, 2, 0) + bytes(NONCE)), BridgeVersion, "version 2, here it is 1: update"),
    ("an end at once", say(b""), BridgeCut, "closed the connection"),
    ("half a greeting", say(HEAD.pack(MAGIC, VERSION, 0) + b"half"), BridgeCut, "after 4 of the 32 bytes"),
    ("silence", lambda sock: time.sleep(0.5), BridgeUnreachable, "for"),
    (
        "an odd verdict",
        lambda sock: sock.sendall(
            HEAD.pack(MAGIC, VERSION, 0) + bytes(NONCE) + HEAD.pack(MAGIC, VERSION, 9) + bytes(PROOF)
        ),
        BridgeMalformed,
        "verdict 9",
    ),
    ("silence after the handshake", welcome(linger=1.5), BridgeUnreachable, "for 0.8 s"),
    ("half a header", welcome(GOOD[:9]), BridgeCut, "after 9 of the 16 bytes"),
    ("half a note", welcome(GOOD[:-3]), BridgeCut, "of a note"),
    ("a note of 4 GiB", welcome(HEADER.pack(Kind.DONE, 0, (1 << 32) - 1, 0)), BridgeTooLarge, "65536 are allowed"),
    ("a message of a client's", welcome(frame(Kind.OPEN)), BridgeMalformed, "answered with OPEN"),
    ("bytes where none belong", welcome(frame(Kind.DONE, {}, nbytes=HUGE)), BridgeMalformed, str(HUGE)),
    (
        "a failure of its own making",
        welcome(frame(Kind.FAILED, {"error": "SystemExit", "message": 7})),
        BridgeError,
        "7",
    ),
]


@pytest.mark.parametrize(("answer", "kind", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_client_names_what_is_wrong_with_a_server(
    answer: Callable[[socket.socket], None], kind: type[Exception], message: str
) -> None:
    with posing(answer) as uri:
        delegate = RemoteDelegate(uri, timeout=0.2)
        with pytest.raises(RuntimeError if kind is BridgeError else kind, match=message):
            delegate.allocate(64)
        assert not delegate.probe().here
        with Interpreter(model_content=sums(), delegates=[delegate]) as it:
            assert it.plan.decisions[0].delegate == "cpu"


HONEST = [GOOD, frame(Kind.DONE, {"have": True}), frame(Kind.DONE), frame(Kind.DATA, {}, bytes(28)), frame(Kind.FAILED)]


@pytest.mark.parametrize("seed", [*range(7), *(pytest.param(k, marks=pytest.mark.slow) for k in range(7, 20))])
def test_a_client_of_a_mad_server_ends_with_an_error_or_a_plan_without_it(seed: int) -> None:
    """It answers honestly for a while, then with other messages, flipped bytes or noise."""
    rng = random.Random(seed)
    answers = [GOOD, frame(Kind.DONE), frame(Kind.DONE, {"have": rng.random() < 0.5})][: rng.randrange(4)]
    for _ in range(8):
        raw = bytearray(rng.choice(HONEST) if rng.random() < 0.8 else rng.randbytes(rng.randrange(1, 60)))
        for _ in range(rng.choice((0, 0, 1, 3))):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        answers.append(bytes(raw))
    with posing(welcome(*answers)) as uri:
        delegate = RemoteDelegate(uri, timeout=0.5)
        delegate.probe()
        with Interpreter(model_content=sums(), delegates=[delegate], on_failure="replan") as it:
            it.allocate_tensors()
            x, y = vectors()
            out = infer(it, x, y)
            assert it.plan.partitions[0].delegate == "remote-cpu" or np.array_equal(out, x + y)


def test_data_of_another_size_than_was_asked_for() -> None:
    with posing(welcome(GOOD, frame(Kind.DONE), frame(Kind.DATA, {}, nbytes=HUGE))) as uri:
        arena = RemoteDelegate(uri, timeout=1.0).allocate(64)
        with pytest.raises(BridgeMalformed, match=f"sent DATA and {HUGE} bytes, not 16"):
            arena.read(0, np.empty(4, np.float32))


# The secret.


def test_only_who_knows_the_secret_is_served() -> None:
    with wired(secret=SECRET) as (wire, server):
        for wrong in (None, "another one of enough length"):
            probe = RemoteDelegate(wire.uri, secret=wrong or "").probe()
            assert not probe.here and "secret" in probe.detail
        with pytest.raises(BridgeSecret, match="has another secret"):
            RemoteDelegate(wire.uri, secret="another one of enough length").allocate(4)
        with pytest.raises(BridgeSecret, match="DELEGRAPH_BRIDGE_SECRET"):
            RemoteDelegate(wire.uri, secret="").allocate(4)
        wire.forget()
        delegate = RemoteDelegate(wire.uri, secret=SECRET)
        with Interpreter(model_content=sums(), delegates=[delegate]) as it:
            it.allocate_tensors()
            x, y = vectors()
            assert np.array_equal(infer(it, x, y), x + y)
        for heard in wire.heard.values():
            assert SECRET.encode() not in heard and SECRET.encode()[:8] not in heard
        hello = bytes(wire.heard["up"][: HEAD.size + NONCE + PROOF])
        with server.address.connect(PATIENCE) as sock:  # a replay of what was overheard
            sock.recv(HEAD.size + NONCE, socket.MSG_WAITALL)
            sock.sendall(hello)
            assert HEAD.unpack(sock.recv(HEAD.size, socket.MSG_WAITALL)) == (MAGIC, VERSION, Outcome.SECRET)
    with serving() as server, pytest.raises(BridgeSecret, match="has no secret"):
        RemoteDelegate(str(server.address), secret=SECRET).allocate(4)


def test_a_server_has_to_prove_it_too() -> None:
    """One that sends back what it was sent, or nothing, or that says it needs no secret, gets no model."""
    sent: list[bytes] = []

    def answer(flags: int, reflect: bool) -> Callable[[socket.socket], None]:
        def pose(sock: socket.socket) -> None:
            sock.sendall(HEAD.pack(MAGIC, VERSION, flags) + bytes(NONCE))
            hello = sock.recv(HEAD.size + NONCE + PROOF, socket.MSG_WAITALL)
            sock.sendall(HEAD.pack(MAGIC, VERSION, Outcome.WELCOME) + (hello[-PROOF:] if reflect else bytes(PROOF)))
            sent.append(sock.recv(1 << 16))

        return pose

    for flags, reflect in ((1, True), (1, False), (0, False)):
        with posing(answer(flags, reflect)) as uri, pytest.raises(BridgeSecret):
            RemoteDelegate(uri, secret=SECRET, timeout=1.0).allocate(4)
    assert not any(sent)


def test_a_client_of_another_version_is_told_so(server: Server) -> None:
    with server.address.connect(PATIENCE) as sock:
        sock.recv(HEAD.size + NONCE, socket.MSG_WAITALL)
        sock.sendall(HEAD.pack(MAGIC, VERSION + 1, 0) + bytes(NONCE + PROOF))
        assert HEAD.unpack(sock.recv(HEAD.size, socket.MSG_WAITALL)) == (MAGIC, VERSION, Outcome.VERSION)


@pytest.mark.parametrize("uri", ["tcp://0.0.0.0:0", "tcp://[::]:0"])
def test_a_bridge_that_others_can_reach_needs_a_secret(uri: str) -> None:
    with pytest.raises(ValueError, match="needs a secret"):
        Server(parse_address(uri), {})
    with pytest.raises(ValueError, match="at least 16 bytes"):
        Server(parse_address(LOCAL), {}, "short")


def test_as_many_clients_as_it_takes() -> None:
    with serving(limits=Limits(clients=1)) as server:
        with opened(server.address):
            with pytest.raises(BridgeUnreachable, match="--clients"):
                RemoteDelegate(str(server.address)).allocate(4)
            crowd = [server.address.connect(PATIENCE) for _ in range(20)]  # who say nothing at all
            for sock in crowd:
                sock.close()
        still_serves(server) if _free(server) else pytest.fail("it counts clients that are gone")


def _free(server: Server) -> bool:
    end = time.monotonic() + PATIENCE
    while server.clients and time.monotonic() < end:
        time.sleep(0.01)
    return not server.clients


def test_it_is_not_dialled_again_at_once() -> None:
    tries: list[float] = []

    def answer(sock: socket.socket) -> None:
        tries.append(time.monotonic())

    with posing(answer) as uri:
        delegate = RemoteDelegate(uri, timeout=1.0)
        messages = [delegate.probe() for _ in range(50)]
    assert len(tries) < 5 and any("tried again in" in f"{m.detail} {m.remedy}" for m in messages)
