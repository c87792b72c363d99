"""What a bridge costs: an inference on this machine's CPU directly and over a bridge, side by side in one run.

    python benchmarks/bridge.py [--seconds 5]

Each round runs both once, in random order; printed are the median of the paired differences and its 95 % interval by
bootstrap. At last stands what the plan expects of an inference over the bridge, by what was measured of it, in parts of
what it takes.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from overhead import interval, paired, step_of

from delegraph import Interpreter, RemoteDelegate
from delegraph.calibrate import calibrate
from delegraph.graph.builder import GraphBuilder


def sums(width: int) -> bytes:
    """Two vectors to one."""
    b = GraphBuilder()
    b.output(b.op("ADD", [b.input((1, width)), b.input((1, width))], (1, width)))
    return b.build()


@contextmanager
def bridge(listen: str) -> Iterator[str]:
    """A bridge in another process."""
    command = [sys.executable, "-m", "delegraph.delegates.bridge", "--lend", "cpu", "--listen", listen]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().rpartition(" at ")[2].strip()
        finally:
            process.terminate()


def measure(uri: str, width: int, seconds: float) -> None:
    far = RemoteDelegate(uri, "cpu")
    rates = calibrate(far)
    far.rates = rates
    with (
        Interpreter(model_content=sums(width)) as here,
        Interpreter(model_content=sums(width), delegates=[far]) as there,
    ):
        ours, theirs = step_of(there), step_of(here)
        expected = there.plan.expected.seconds
        rows = paired(ours, theirs, seconds, 1)
    median, low, high = interval((rows[:, 0] - rows[:, 1]) * 1e6)
    part = expected / statistics.median(rows[:, 0])
    print(
        f"{uri.partition(':')[0]:5} {8 * width / 1024:9.1f} KiB there {4 * width / 1024:9.1f} KiB back: "
        f"{median:9.1f} us more [{low:.1f}, {high:.1f}] ({len(rows)} rounds); expected {part:.2f} of what it takes"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each row")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        for listen in ("tcp://127.0.0.1:0", f"unix://{Path(folder, 'bridge.socket')}"):
            with bridge(listen) as uri:
                for width in (4, 1 << 14, 1 << 18):
                    measure(uri, width, seconds)


if __name__ == "__main__":
    main()
