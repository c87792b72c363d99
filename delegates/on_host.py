"""What delegates have in common whose space is the host's memory."""

from __future__ import annotations

from ..buffers import Form, HostArena
from ..graph.model import Graph


class OnHost:
    """A delegate that works on host memory, and holds nothing between uses."""

    space = "host"

    def form(self, graph: Graph, tensor: int) -> Form:
        """As it is."""
        return Form(graph.tensors[tensor].nbytes)

    def allocate(self, nbytes: int) -> HostArena:
        """Host memory."""
        return HostArena(nbytes)

    def close(self) -> None:
        """Nothing is held."""
