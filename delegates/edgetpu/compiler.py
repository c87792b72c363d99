"""edgetpu_compiler: runs it on sub-models, and keeps what it made by content."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ...errors import DelegateError
from .compiler_log import Report, parse

log = logging.getLogger("delegraph")

NAME = "edgetpu_compiler"
SECONDS = 600.0  # that a run may take; the compiler itself gives up a model after 180
LARGEST = 1 << 30  # bytes of a file in the cache that are read
FLAGS = ("-a", "-d")  # that change what is made: several subgraphs, and the search for what compiles


@dataclass(frozen=True)
class Compiled:
    """What came of a model: `content` is the compiled one, None where the report tells a problem."""

    content: bytes | None
    report: Report


class Compiler:
    """One edgetpu_compiler with its flags."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        flags: Sequence[str] = (),
        cache: str | os.PathLike[str] | None = None,
        seconds: float = SECONDS,
    ) -> None:
        """`path` of the program; `flags` are some of "-a" and "-d". `cache` is a folder, by default the user's.

        A model that takes longer than `seconds` counts as one that does not compile. Raises ValueError for other flags.
        """
        if unknown := [flag for flag in flags if flag not in FLAGS]:
            raise ValueError(f"{NAME}: flag {unknown[0]!r} is none of {', '.join(FLAGS)}: the others are set here")
        self.path, self.flags, self._seconds = os.fspath(path), tuple(flags), seconds
        self.cache = Path(cache) if cache is not None else default_cache()

    @classmethod
    def found(cls, path: str | os.PathLike[str] | None = None) -> Compiler | None:
        """The compiler at a path; without one that on $PATH, or None. Raises DelegateError where the path has none."""
        at = shutil.which(NAME if path is None else os.fspath(path))
        if at is None and path is not None:
            raise DelegateError(f"there is no program {os.fspath(path)!r}: install edgetpu-compiler, or give its path")
        return None if at is None else cls(at)

    @cached_property
    def version(self) -> str:
        """What it calls its version. Raises DelegateError where it does not run."""
        said = self._said(["--version"], Path.cwd(), SECONDS)
        version = parse(said).version
        if not version:
            raise DelegateError(f"{self.path} does not tell a version as {NAME} does: {said[:200]!r}")
        return version

    def compile(self, content: bytes, min_runtime: int | None = None) -> Compiled:
        """Compile a model for a runtime of this version at least, or take it from the cache.

        Raises DelegateError where the compiler does not run.
        """
        flags = [*self.flags, *([] if min_runtime is None else ["-m", str(min_runtime)])]
        key = hashlib.sha256(json.dumps([self.version, flags]).encode() + b"\n" + content).hexdigest()
        entry = self.cache / f"{key}.compiled"
        kept = _kept(entry)
        if kept is None:
            log.info("%s compiles a model of %d bytes, once on this machine", self.path, len(content))
            (kept,) = self._run(content, flags, ["model_edgetpu.tflite"])
            if parse(kept[1]).version:  # else it did not come to speak of the model
                _keep(entry, *kept)
        made, said = kept
        return Compiled(made, parse(said))

    def segments(self, content: bytes, count: int, min_runtime: int | None = None) -> list[bytes]:
        """Compile a model to `count` that follow one another, one for each of as many devices.

        Raises DelegateError with the compiler's reason where it does not make them.
        """
        flags = [*self.flags, *([] if min_runtime is None else ["-m", str(min_runtime)]), "-n", str(count)]
        names = [f"model_segment_{i}_of_{count}_edgetpu.tflite" for i in range(count)]
        made = []
        for segment, said in self._run(content, flags, names):
            if segment is None:
                raise DelegateError(f"{NAME} {self.version} made no {count} segments: {parse(said).problem}")
            made.append(segment)
        return made

    def _run(self, content: bytes, flags: Sequence[str], names: Sequence[str]) -> list[tuple[bytes | None, str]]:
        """The files that a run made, None for those that it did not, and what it said."""
        with tempfile.TemporaryDirectory(prefix="delegraph-edgetpu-") as scratch:
            folder = Path(scratch)
            (folder / "model.tflite").write_bytes(content)
            said = self._said(["-s", *flags, "-o", scratch, "model.tflite"], folder, self._seconds)
            made = [folder / name for name in names]
            return [(path.read_bytes() if path.is_file() else None, said) for path in made]

    def _said(self, arguments: Sequence[str], folder: Path, seconds: float) -> str:
        command = [self.path, *arguments]
        try:
            process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise DelegateError(f"{self.path} does not run: {error}") from error
        with process:
            try:
                return process.communicate(timeout=seconds)[0].decode("utf-8", "replace")
            except subprocess.TimeoutExpired:
                return f"Compilation failed: it did not end within {seconds:g} s"
            finally:
                if process.poll() is None:  # it is a shell script: what that started has to end as well
                    os.killpg(process.pid, signal.SIGKILL)


def default_cache() -> Path:
    """`$XDG_CACHE_HOME/delegraph/edgetpu`, else under `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "delegraph" / "edgetpu"


def _digest(content: bytes | None, said: str) -> str:
    return hashlib.sha256((content or b"") + b"\n" + said.encode()).hexdigest()


def _kept(entry: Path) -> tuple[bytes | None, str] | None:
    """What an entry of the cache holds; None where there is none, or it is not whole."""
    try:
        if not 0 < entry.stat().st_size <= LARGEST:
            return None
        head, _, content = entry.read_bytes().partition(b"\n")
        told = json.loads(head)
        made = content if told["made"] else None
        if told["digest"] == _digest(made, told["said"]):
            return made, str(told["said"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return None


def _keep(entry: Path, content: bytes | None, said: str) -> None:
    """Put an entry in its place, whole or not at all, whoever else does the same; a disk that is full is no fault."""
    head = json.dumps({"made": content is not None, "said": said, "digest": _digest(content, said)}).encode()
    with suppress(OSError):
        entry.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=entry.parent, prefix=".", delete=False) as file:
            try:
                file.write(head + b"\n" + (content or b""))
                file.close()
                os.replace(file.name, entry)
            except BaseException:
                os.unlink(file.name)
                raise
