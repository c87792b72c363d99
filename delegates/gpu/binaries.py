"""What a driver made of shaders, kept on disk from one process to the next (GL_ARB_get_program_binary, ES 3.0).

A file holds one shader, under the digest of its text and of the driver that made it. Nothing in the folder is trusted:
what is not this user's own, torn, of another name or refused by the driver is passed over and compiled anew. It is a
cache: it may be deleted.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import struct
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

from .device import Device
from .limits import integer
from .shader import Binary, Shader

log = logging.getLogger("delegraph.gpu")

VARIABLE = "DELEGRAPH_GPU_CACHE"
OFF = "off"

GL_NUM_PROGRAM_BINARY_FORMATS = 0x87FE

MAGIC = b"delegraph shader 1\n"
HEAD = struct.Struct(f"<{len(MAGIC)}s32sI")  # then the digest of key, format and content; the driver's format
LARGEST = 16 << 20  # bytes of one file
LIMIT = 256 << 20  # bytes of all; beyond it the longest unused go, until half of them are left


def folder(chosen: str | os.PathLike[str] | None, mesa: bool) -> Path | None:
    """Where binaries are kept: what was chosen, else $DELEGRAPH_GPU_CACHE, else the user's cache; None for nowhere.

    Mesa keeps the same in a cache of its own, so there only what was chosen counts.
    """
    told = os.fspath(chosen) if chosen is not None else os.environ.get(VARIABLE, "")
    if told == OFF or (mesa and not told):
        return None
    users = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(told) if told else users / "delegraph" / "gpu"


class Binaries:
    """The binaries of one device in a folder. Whatever is wrong with it is no error, only a miss."""

    def __init__(self, chosen: str | os.PathLike[str] | None, device: Device) -> None:
        """`chosen` is a folder, "off", or None for the default; it is made if it is not there."""
        self._device = device
        self._driver = "\0".join((device.api, device.vendor, device.name, device.version))
        self.place = folder(chosen, device.mesa)
        with device.current():
            formats = integer(GL_NUM_PROGRAM_BINARY_FORMATS)
        if self.place is None:
            self.problem = "that is off" if OFF in (chosen, os.environ.get(VARIABLE)) else "Mesa has a cache of its own"
        elif formats < 1:
            self.problem = "the driver has no binary formats"
        else:
            self.problem = unfit(self.place)

    def __str__(self) -> str:
        """What `doctor` says."""
        return f"compiled shaders are not kept: {self.problem}" if self.problem else f"shaders are kept in {self.place}"

    def load(self, texts: Iterable[str]) -> dict[str, Shader]:
        """The shaders of those texts that are here and that the driver takes. The context must be current."""
        found: dict[str, Shader] = {}
        if self.problem or self.place is None:
            return found
        for text in texts:
            key = self._key(text)
            if (binary := read(self.place / key.hex(), key)) is None:
                continue
            shader = Shader.loaded(binary)
            if shader.problem() is None:
                found[text] = shader
                continue
            shader.release()
            with self._device.current() as ctx:
                _ = ctx.error  # that the driver refused it
        return found

    def save(self, shaders: Mapping[str, Shader]) -> None:
        """Keep what the driver made of new shaders, each by its text. The context must be current."""
        if not shaders or self.problem or self.place is None:
            return
        try:
            for text, shader in shaders.items():
                if (binary := shader.binary()) is not None:
                    key = self._key(text)
                    write(self.place / key.hex(), key, binary)
            tidy(self.place)
        except OSError as error:
            self.problem = str(error)
            log.warning("%s", self)

    def _key(self, text: str) -> bytes:
        return sha256("\0".join((self._driver, text)).encode()).digest()


def unfit(place: Path) -> str:
    """Why a folder cannot be used, which is made if it is not there: "" if it can, and nobody else may write to it."""
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = place.stat()
    except OSError as error:
        return f"{place}: {error.strerror or error}"
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        return f"{place} may not be written to"
    if hasattr(os, "geteuid") and (found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        return f"others than this user may write to {place}"
    return ""


def read(path: Path, key: bytes) -> Binary | None:
    """What a file holds for a key; None where it is not here or anything about it is off. Notes that it was used."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(fd, "rb") as file:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or not HEAD.size < found.st_size <= LARGEST:
                return None
            raw = file.read(LARGEST + 1)
        os.utime(path)
    except OSError:
        return None
    if not HEAD.size < len(raw) <= LARGEST:
        return None
    magic, digest, form = HEAD.unpack_from(raw)
    content = raw[HEAD.size :]
    return (form, content) if magic == MAGIC and digest == digest_of(key, form, content) else None


def write(path: Path, key: bytes, binary: Binary) -> None:
    """Make a file, or put it in the place of another, whole. Raises OSError."""
    form, content = binary
    if HEAD.size + len(content) > LARGEST:
        return
    with NamedTemporaryFile(dir=path.parent, prefix="new-", delete=False) as file:
        try:
            file.write(HEAD.pack(MAGIC, digest_of(key, form, content), form) + content)
            file.close()
            os.replace(file.name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(file.name)
            raise


def digest_of(key: bytes, form: int, content: bytes) -> bytes:
    """What a file for this key has to say of itself."""
    return sha256(key + struct.pack("<I", form) + content).digest()


def tidy(place: Path) -> None:
    """Delete the files that were not used for the longest, if all are beyond the limit. Raises OSError."""
    with os.scandir(place) as entries:
        files = [(e.stat(follow_symlinks=False), e.path) for e in entries if e.is_file(follow_symlinks=False)]
    total = sum(found.st_size for found, _ in files)
    if total <= LIMIT:
        return
    for found, path in sorted(files, key=lambda entry: entry[0].st_mtime):
        with contextlib.suppress(FileNotFoundError):  # another process does the same
            os.unlink(path)
        total -= found.st_size
        if total <= LIMIT // 2:
            return
