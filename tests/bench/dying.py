"""What may happen in a child."""

from __future__ import annotations

import os
import signal
import sys
import time


class Dying:
    """What a driver's crash looks like."""

    def crash(self) -> None:
        print("a driver says why", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)

    def late(self) -> None:
        time.sleep(60)

    def noisy(self) -> int:
        os.write(1, b"a library prints\n")
        return 7

    def raises(self) -> None:
        raise ValueError("what\nis wrong")

    def close(self) -> None:
        pass
