"""The shared secret of a bridge: where it is found, and how long it has to be."""

from __future__ import annotations

SECRET = "DELEGRAPH_BRIDGE_SECRET"  # the environment variable that holds it where it is not given
SHORTEST = 16  # bytes: an overheard handshake lets one try secrets, so it must be past guessing


def check_secret(secret: str | bytes | None) -> bytes:
    """A secret as bytes, empty for none. Raises ValueError for one that is too short."""
    raw = secret.encode() if isinstance(secret, str) else secret or b""
    if raw and len(raw) < SHORTEST:
        remedy = "make one: python -c 'import secrets; print(secrets.token_hex())'"
        raise ValueError(f"the secret of a bridge has at least {SHORTEST} bytes, this one has {len(raw)}; {remedy}")
    return raw
