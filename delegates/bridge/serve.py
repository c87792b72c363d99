"""Serving from a command line: a secret from a file or the environment, signals, and what is said at the start."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import DelegateError
from ..names import NAMED
from .address import PORT, parse_address
from .lent import make_site
from .secret import SECRET
from .server import Server
from .visit import LIMITS, Limits

DEFAULT = f"tcp://127.0.0.1:{PORT}"
LARGEST = 4096  # bytes of a file that holds a secret


def serve(
    listen: str = DEFAULT,
    lend: Sequence[str] = (),
    secret_file: str | os.PathLike[str] | None = None,
    limits: Limits = LIMITS,
) -> None:
    """Lend devices (all by default) until SIGINT or SIGTERM. Raises ValueError for bad arguments, and OSError."""
    names = known(lend)
    secret = read_secret(secret_file) if secret_file is not None else os.environ.get(SECRET)
    sites = {name: partial(make_site, name) for name in names}
    server = Server(parse_address(listen), sites, secret, limits)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    print(f"lending {', '.join(sites)} at {server.address}", flush=True)
    with ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                stack.callback(signal.signal, number, signal.signal(number, partial(_stop, server)))
        server.serve()


def known(lend: Sequence[str]) -> list[str]:
    """The names of what is to be lent, all by default. Raises ValueError for one that is none."""
    unknown = [name for name in lend if name not in NAMED]
    if unknown:
        raise ValueError(f"{unknown[0]!r} cannot be lent: there are {', '.join(NAMED)}")
    return list(lend or NAMED)


def probe(lend: Sequence[str] = ()) -> bool:
    """Print what each device says of itself, or why it is not here; whether one is. Raises ValueError."""
    found = False
    for name in known(lend):
        try:
            site = make_site(name)
            try:
                print(f"{name}: {site.here()}", flush=True)
            finally:
                site.close()
            found = True
        except DelegateError as error:
            print(f"{name}: not here: {error}", flush=True)
    return found


def _stop(server: Server, number: int, frame: Any) -> None:
    server.close()


def read_secret(path: str | os.PathLike[str]) -> bytes:
    """The secret in a file, without white space around it. Raises OSError, and ValueError for a large or empty file."""
    with Path(path).open("rb") as file:
        content = file.read(LARGEST + 1).strip()
    if not content or len(content) > LARGEST:
        raise ValueError(f"{os.fspath(path)} holds no secret: it is empty, or has more than {LARGEST} bytes")
    return content
