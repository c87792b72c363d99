"""The reference library for tests of NNAPI, built from the C next to this by the system's compiler."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FLAGS = ("-std=gnu11", "-O1", "-g", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror")


@cache
def built(level: int = 1000007, *flags: str) -> str:
    """The library with the functions of a feature level; skips where there is no compiler."""
    compiler = next(
        filter(None, (os.environ.get("CC"), shutil.which("cc"), shutil.which("gcc"), shutil.which("clang"))), ""
    )
    if not compiler:
        pytest.skip("no C compiler here (cc, gcc, clang or $CC), so there is no reference library of NNAPI")
    sources = sorted(HERE.glob("*.c"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in (*sources, HERE / "nn.h"))).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"delegraph-nnapi-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    assert folder.stat().st_uid == os.getuid(), f"{folder} is another user's"
    name = "-".join([str(level), digest, *(flag.strip("-").replace("=", "_") for flag in flags)])
    target = folder / f"{name}.so"
    if not target.exists():
        made = target.with_suffix(f".{os.getpid()}")
        call = [compiler, *FLAGS, *flags, f"-DLEVEL={level}", "-o", str(made), *map(str, sources), "-lm"]
        subprocess.run(call, check=True, cwd=HERE)
        made.replace(target)
    return str(target)


class Reference:
    """What a test asks the library itself: whether its contract was kept, and to fail."""

    def __init__(self, path: str) -> None:
        self._library = ctypes.CDLL(path)
        self._library.reference_breaches.restype = ctypes.c_char_p

    @property
    def breaches(self) -> str:
        """What went against the contract so far."""
        return str(self._library.reference_breaches().decode())

    @property
    def alive(self) -> int:
        """Handles that are not freed."""
        return int(self._library.reference_alive())

    def fail(self, function: str, code: int, after: int = 0) -> None:
        """Make a function give a result code, once, after so many calls of it that go well."""
        self._library.reference_fail(function.encode(), code, after)

    def die(self, away: bool = False) -> None:
        """Have the drivers die, and with them all that was compiled; they start again at once, or are `away`."""
        self._library.reference_die(away)

    def live(self) -> None:
        """Have drivers again."""
        self._library.reference_die(False)

    def reset(self) -> None:
        """Forget everything."""
        self._library.reference_reset()
