"""The handshake: which version both speak, and that both know the secret, which neither sends.

    server  magic, version u16, flags u16 (1: it has a secret), 32 random bytes
    client  magic, version u16, flags u16 (1: it has a secret), 32 random bytes, proof
    server  magic, version u16, verdict u16, proof

A proof is HMAC-SHA256, keyed by the secret, over a word for the role and all that both said before it, so one that was
overheard is of no use with other random bytes, and none can be sent back to whom it came from. The first 12 bytes of
each message are the same in every version. It says who is there when a connection is made; it does not encrypt, nor
does it protect what follows from somebody who can change packets on their way.
"""

from __future__ import annotations

import hmac
import secrets
import struct
import time
from enum import IntEnum

from ...errors import BridgeMalformed, BridgeSecret, BridgeUnreachable, BridgeVersion
from .wire import Channel

MAGIC = b"delegrph"
VERSION = 1
HEAD = struct.Struct("<8sHH")
NONCE = 32
PROOF = 32
HAS_SECRET = 1

UNARMED = "has no secret, but one is given here: serve with --secret-file, or give none"
UNTOLD = "wants a secret: give secret=..., or set $DELEGRAPH_BRIDGE_SECRET"
WRONG = "has another secret than is given here"


class Outcome(IntEnum):
    """What the server makes of a client."""

    WELCOME = 0
    VERSION = 1
    SECRET = 2
    FULL = 3


def proof(secret: bytes, role: bytes, said: bytes) -> bytes:
    """That somebody in a role (`client`, `server`) who knows the secret has heard what was said."""
    return hmac.digest(secret, b"delegraph bridge " + role + b"\0" + said, "sha256")


def greet(channel: Channel, secret: bytes, full: bool, seconds: float) -> bool:
    """The server's part. False where the client was turned away. Raises BridgeError where it does not answer."""
    ours = HEAD.pack(MAGIC, VERSION, HAS_SECRET if secret else 0) + secrets.token_bytes(NONCE)
    channel.put(ours)
    head = _take(channel, HEAD.size, time.monotonic() + seconds)
    magic, version, flags = HEAD.unpack(head)
    if magic != MAGIC:
        raise BridgeMalformed(f"{channel.peer} does not speak the protocol of bridges")
    if version != VERSION:
        channel.put(HEAD.pack(MAGIC, VERSION, Outcome.VERSION) + bytes(PROOF))
        return False
    rest = _take(channel, NONCE + PROOF, time.monotonic() + seconds)
    said = ours + head + rest[:NONCE]
    known = bool(flags & HAS_SECRET) == bool(secret)
    known = hmac.compare_digest(rest[NONCE:], proof(secret, b"client", said)) and known if secret else known
    outcome = Outcome.SECRET if not known else Outcome.FULL if full else Outcome.WELCOME
    answer = proof(secret, b"server", said) if secret and known else bytes(PROOF)
    channel.put(HEAD.pack(MAGIC, VERSION, outcome) + answer)
    return outcome is Outcome.WELCOME


def introduce(channel: Channel, secret: bytes, seconds: float) -> None:
    """The client's part. Raises BridgeVersion, BridgeSecret, BridgeMalformed or BridgeUnreachable."""
    end = time.monotonic() + seconds
    head = _take(channel, HEAD.size, end)
    flags = _checked(channel, head)
    if bool(flags & HAS_SECRET) != bool(secret):
        raise BridgeSecret(f"{channel.peer} {UNARMED if secret else UNTOLD}")
    said = head + _take(channel, NONCE, end)
    said += HEAD.pack(MAGIC, VERSION, HAS_SECRET if secret else 0) + secrets.token_bytes(NONCE)
    channel.put(said[HEAD.size + NONCE :] + (proof(secret, b"client", said) if secret else bytes(PROOF)))
    outcome = _checked(channel, _take(channel, HEAD.size, end))
    answer = _take(channel, PROOF, end)
    right = not secret or hmac.compare_digest(answer, proof(secret, b"server", said))
    if outcome == Outcome.SECRET or not right:
        raise BridgeSecret(f"{channel.peer} {WRONG}")
    if outcome == Outcome.FULL:
        raise BridgeUnreachable(f"{channel.peer} has as many clients as it takes: serve with a larger --clients")
    if outcome != Outcome.WELCOME:
        raise BridgeMalformed(f"{channel.peer} answered with verdict {outcome}")


def _checked(channel: Channel, head: bytes) -> int:
    """The last field of a head of this protocol and version."""
    magic, version, field = HEAD.unpack(head)
    if magic != MAGIC:
        raise BridgeMalformed(f"what listens at {channel.peer} is no bridge of delegraph: is the port right?")
    if version != VERSION:
        older = "there" if version < VERSION else "here"
        raise BridgeVersion(f"{channel.peer} speaks version {version}, here it is {VERSION}: update delegraph {older}")
    return int(field)


def _take(channel: Channel, size: int, end: float) -> bytes:
    """Bytes that have to be there in time, all together."""
    raw = bytearray(size)
    channel.take(raw, "the handshake", end)
    return bytes(raw)
