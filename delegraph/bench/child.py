"""A process that answers requests: what it measures is its own memory, threads and drivers, and nobody else's.

Requests and answers are pickled: both ends are this package, the one started by the other.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from importlib import import_module
from typing import Any

from ..errors import DelegraphError
from ..fresh import fresh_python
from ..partitioner.explain import plain, shorten

STARTER = f"from {__name__} import main\nmain(*sys.argv[1:])"


class ChildError(DelegraphError, RuntimeError):
    """What a child raised, or how it died; one line."""


class Child:
    """An object of class `kind` in a process of its own. `call` names one of its methods."""

    def __init__(self, kind: type, python: str = "") -> None:
        """Start the process, in another Python where one is named."""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._process = subprocess.Popen(
            fresh_python(STARTER, kind.__module__, kind.__name__, python=python),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C is for the one who started it
        )
        self._answers: queue.Queue[tuple[bool, Any] | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def call(self, method: str, *arguments: Any, timeout: float = 600.0) -> Any:
        """What the method returns. Raises ChildError with what it raised, or where the process dies or is late."""
        try:
            assert self._process.stdin is not None
            pickle.dump((method, arguments), self._process.stdin)
            self._process.stdin.flush()
            answer = self._answers.get(timeout=timeout)
        except queue.Empty:
            self.kill()
            raise ChildError(f"no answer within {timeout:g} s") from None
        except OSError:
            answer = None
        if answer is None:
            raise ChildError(self._epitaph())
        fine, value = answer
        if not fine:
            raise ChildError(value)
        return value

    def _read(self) -> None:
        assert self._process.stdout is not None
        while True:
            try:
                self._answers.put(pickle.load(self._process.stdout))
            except Exception:  # closed, cut short or garbled: it is over
                self._answers.put(None)
                return

    def _epitaph(self) -> str:
        """How the process ended, with the last line that it said."""
        code = self._process.wait()
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(self._log.tell() - 4096, 0))
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        how = f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return shorten(plain(f"the process {how}" + (f": {lines[-1]}" if lines else "")), 300)

    def close(self) -> None:
        """Let it end by itself; kill it where it does not. May be called twice."""
        if self._process.poll() is None:
            with suppress(ChildError):
                self.call("close", timeout=10.0)
        self.kill()

    def kill(self) -> None:
        """End it now. May be called twice."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for end in (self._process.stdin, self._process.stdout):
            if end is not None:
                with suppress(OSError):  # what was not flushed has no reader
                    end.close()


def main(module: str, name: str) -> None:
    """Answer requests on stdin until it ends. What libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    served = getattr(import_module(module), name)()
    while True:
        try:
            method, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = True, getattr(served, method)(*arguments)
        except Exception as error:  # whatever a runtime, a driver or a peer raises is the finding
            answer = False, shorten(plain(" ".join(str(error).split())) or type(error).__name__, 500)
        pickle.dump(answer, answers)
        answers.flush()
