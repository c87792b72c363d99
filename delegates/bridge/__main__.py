"""`python -m delegraph.delegates.bridge`: serve, where the command line's own packages are not (a phone)."""

from __future__ import annotations

import argparse
import sys

from ...errors import DelegraphError
from ..names import NAMED
from .secret import SECRET
from .serve import DEFAULT, probe, serve
from .visit import LIMITS, Limits


def main(arguments: list[str] | None = None) -> int:
    """Serve as the arguments say; 0 after a signal, 1 with a message where that cannot be, or nothing is here."""
    parser = argparse.ArgumentParser(prog="python -m delegraph.delegates.bridge", description=__doc__)
    parser.add_argument("--listen", metavar="URI", default=DEFAULT, help="where; %(default)s by default")
    parser.add_argument("--lend", metavar="NAMES", default="", help=f"some of {','.join(NAMED)}; all by default")
    parser.add_argument("--secret-file", metavar="FILE", help=f"what clients have to know; else ${SECRET}")
    parser.add_argument(
        "--memory", metavar="MB", type=int, default=LIMITS.memory >> 20, help="for all clients together"
    )
    parser.add_argument("--clients", metavar="N", type=int, default=LIMITS.clients, help="at the same time")
    parser.add_argument("--probe", action="store_true", help="only say what is here")
    given = parser.parse_args(arguments)
    lend = [name.strip() for name in given.lend.split(",") if name.strip()]
    try:
        if given.probe:
            return 0 if probe(lend) else 1
        serve(given.listen, lend, given.secret_file, Limits(memory=given.memory << 20, clients=given.clients))
    except (DelegraphError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
