"""What crossing into a delegate of ours costs inside the runtime's own interpreter, against our own interpreter.

    python benchmarks/plugin.py [--seconds 10]

Models of one and of four partitions on the GPU delegate, the runtime's kernels between; each round runs both
interpreters once, in random order. Printed are the medians of the paired differences, a partition, and their 95 %
intervals by bootstrap.
"""

from __future__ import annotations

import argparse
import random
from typing import Any

from overhead import interval, paired

from delegraph import GPUDelegate, Interpreter, tflite_delegate
from delegraph.delegates.runtime import load_runtime
from delegraph.graph.builder import GraphBuilder
from delegraph.graph.model import Graph, Op


class Only:
    """A delegate that takes some kinds of ops alone."""

    def __init__(self, inner: Any, kinds: tuple[str, ...]) -> None:
        self._inner, self._kinds = inner, kinds
        self.name, self.space, self.holds_state, self.rates = inner.name, inner.space, False, inner.rates

    def supports(self, graph: Graph, op: Op) -> Any:
        from delegraph.delegates.base import no

        return self._inner.supports(graph, op) if op.kind in self._kinds else no("kind")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def stripes(count: int) -> bytes:
    """NEG, SQRT, NEG, SQRT ...: as many partitions of NEG as asked for."""
    b = GraphBuilder()
    x = b.input((1, 16))
    for at in range(count):
        x = b.op("NEG", [x], (1, 16))
        x = b.op("ABS", [x], (1, 16)) if at < count - 1 else x
    b.output(x)
    return b.build()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    random.seed(0)
    gpu: Any = Only(GPUDelegate(), ("NEG",))
    runtime = load_runtime()
    for count in (1, 4):
        content = stripes(count)
        own = Interpreter(model_content=content, delegates=[gpu])
        plugin = tflite_delegate(gpu, model=content)
        theirs = runtime.module.Interpreter(model_content=content, experimental_delegates=[plugin])
        for it in (own, theirs):
            it.allocate_tensors()
        assert len(own.plan.partitions) == 2 * count - 1 and f"in {count} part" in plugin.explain()
        times = paired(theirs.invoke, own.invoke, options.seconds, 10)
        median, low, high = interval((times[:, 0] - times[:, 1]) / count * 1e6)
        print(
            f"{count} partitions: {median:+.1f} us a partition [{low:+.1f}, {high:+.1f}] beyond our interpreter's "
            f"{times[:, 1].mean() / count * 1e6:.0f} us ({len(times)} rounds, {runtime.name} {runtime.version})"
        )


if __name__ == "__main__":
    main()
