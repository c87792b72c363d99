"""`python -m delegraph.delegates.bridge`: serve, where the command line's own packages are not (a phone)."""

from __future__ import annotations

import argparse
import sys

from ...errors import DelegraphError
from .lent import SITES
from .secret import SECRET
from .serve import DEFAULT, serve
from .visit import LIMITS, Limits


def main(arguments: list[str] | None = None) -> int:
    """Serve as the arguments say; 0 after a signal, 1 with a message on stderr where that cannot be."""
    parser = argparse.ArgumentParser(prog="python -m delegraph.delegates.bridge", description=__doc__)
    parser.add_argument("--listen", metavar="URI", default=DEFAULT, help="where; %(default)s by default")
    parser.add_argument("--lend", metavar="NAMES", default="", help=f"some of {','.join(SITES)}; all by default")
    parser.add_argument("--secret-file", metavar="FILE", help=f"what clients have to know; else ${SECRET}")
    parser.add_argument(
        "--memory", metavar="MB", type=int, default=LIMITS.memory >> 20, help="for all clients together"
    )
    parser.add_argument("--clients", metavar="N", type=int, default=LIMITS.clients, help="at the same time")
    given = parser.parse_args(arguments)
    lend = [name.strip() for name in given.lend.split(",") if name.strip()]
    try:
        serve(given.listen, lend, given.secret_file, Limits(memory=given.memory << 20, clients=given.clients))
    except (DelegraphError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
