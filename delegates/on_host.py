"""What delegates have in common whose tensors lie as on the host."""

from __future__ import annotations

from ..buffers import Form, HostArena
from ..graph.model import Graph


class HostForms:
    """A delegate whose space, wherever it is, has tensors as the host has them."""

    def form(self, graph: Graph, tensor: int) -> Form:
        """As on the host."""
        return Form(graph.tensors[tensor].nbytes)


class OnHost(HostForms):
    """A delegate that works on host memory, and holds nothing between uses."""

    space = "host"

    def allocate(self, nbytes: int) -> HostArena:
        """Host memory."""
        return HostArena(nbytes)

    def close(self) -> None:
        """Nothing is held."""
