"""The handle of one child process: start it, ask it, notice that it died or hangs, end it and leave nothing behind."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ... import errors
from ...errors import DelegateError, DelegraphError
from ...fresh import fresh_python
from .wire import receive, send

log = logging.getLogger("delegraph")

PATIENCE = 2.0  # seconds that a child gets to end by itself
KEPT = 1 << 16  # bytes of what a child says that an error can still tell
STARTER = f"from {__package__}.child import main\nmain(**json.loads(sys.argv[1]))"


class Said:
    """What a child writes to its standard output and error, which goes to the log line by line, too."""

    def __init__(self, name: str, descriptor: int) -> None:
        """Read a pipe to its end on a thread of its own, so that the child never waits for a reader."""
        self._name, self._descriptor = name, descriptor
        self._text = b""
        self._skip = 0  # bytes of the text that belong to what went well
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._read, name=f"delegraph-{name}-says", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        line = b""
        with open(self._descriptor, "rb", buffering=0) as pipe:
            while piece := pipe.read(KEPT):
                with self._lock:
                    self._text += piece
                    cut = max(len(self._text) - KEPT, 0)
                    self._text, self._skip = self._text[cut:], max(self._skip - cut, 0)
                *lines, line = (line + piece).split(b"\n")
                for whole in lines:
                    log.info("%s: %s", self._name, whole.decode("utf-8", "replace"))

    def passed(self) -> None:
        """What was said up to now is of no more interest."""
        with self._lock:
            self._skip = len(self._text)

    def rest(self) -> str:
        """What was said since then, to the end where the child is gone; at most the last 64 KiB."""
        self._thread.join(PATIENCE)
        with self._lock:
            return self._text[self._skip :].decode("utf-8", "replace").strip()


class Child:
    """A Python process with an engine in it. It is one conversation: a question, its answer, and so on."""

    def __init__(self, name: str, factory: str, options: Mapping[str, Any]) -> None:
        """Start a fresh interpreter, which imports from where this one does. Raises DelegateError."""
        if not hasattr(socket, "send_fds") or os.name != "posix":
            raise DelegateError(f"{name}: no memory can be handed to a child process on {sys.platform}: isolate=False")
        if not sys.executable:
            raise DelegateError(f"{name}: this process does not know its Python, so it starts no child: isolate=False")
        self.name = name
        self._socket, theirs = socket.socketpair()
        lifeline, self._lifeline = os.pipe()
        output, written = os.pipe()
        told = {"factory": factory, "options": dict(options), "commands": theirs.fileno(), "lifeline": lifeline}
        command = fresh_python(STARTER, json.dumps(told))
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                pass_fds=(theirs.fileno(), lifeline),
                start_new_session=True,  # a Ctrl-C in the terminal is for the parent to act on
            )
        except OSError as error:
            self._socket.close()
            os.close(self._lifeline)
            os.close(output)
            raise DelegateError(f"{name}: its child process did not start: {error}") from error
        finally:
            theirs.close()
            os.close(lifeline)
            os.close(written)
        self._said = Said(name, output)
        self._end = weakref.finalize(self, _end, os.getpid(), self._process, self._socket, self._lifeline)

    @property
    def alive(self) -> bool:
        """Whether it can be asked; never in a process that was forked off."""
        return self._end.alive and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """How it ended, as `subprocess` has it; None while it lives."""
        return self._process.poll()

    def ask(self, what: str, seconds: float, descriptors: Sequence[int] = (), **told: Any) -> Any:
        """The answer to a command.

        Raises what the child's engine raised. Where the child died, or did not answer within `seconds`, it is ended and
        DelegateError tells how, and all that it said.
        """
        try:
            self._socket.settimeout(seconds)
            send(self._socket, {"do": what, **told}, descriptors)
            answer, _ = receive(self._socket, seconds)
        except TimeoutError:
            self.kill()
            raise DelegateError(self._gone(f"did not answer within {seconds:g} s", what)) from None
        except (EOFError, OSError):
            self.kill(PATIENCE)
            raise DelegateError(self._gone(ended(self._process.returncode), what)) from None
        except BaseException:  # its answer would be taken for that of the next question
            self.kill()
            raise
        self._said.passed()
        if "error" in answer:
            raise _error(answer["error"], answer["message"])
        return answer["ok"]

    def _gone(self, how: str, what: str) -> str:
        said = self._said.rest()
        told = f"; it said: {said}" if said else ""
        return f"{self.name}: its child process {how} ({what}); the next use starts another{told}"

    def kill(self, patience: float = 0.0) -> None:
        """End it at once, or after giving it so many seconds to be gone by itself."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        if self._process.poll() is None:
            self._process.kill()
        self.close()

    def close(self) -> None:
        """Let it end, or end it. May be called twice."""
        self._end()


def _end(parent: int, process: subprocess.Popen[bytes], sock: socket.socket, lifeline: int) -> None:
    sock.close()
    if os.getpid() == parent:  # else a process that was forked off lets go of what is its parent's
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    os.close(lifeline)


def ended(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None:
        return "closed its socket"
    if code >= 0:
        return f"ended with status {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def _error(kind: str, message: str) -> DelegraphError:
    """An error of the engine's, as this process has it."""
    found = getattr(errors, kind, None)
    if isinstance(found, type) and issubclass(found, DelegateError) and "__init__" not in vars(found):
        return found(message)
    return DelegateError(message)
