"""`delegraph bridge`: lend this machine's devices to others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..delegates.bridge.secret import SECRET
from ..delegates.bridge.serve import DEFAULT
from ..delegates.bridge.serve import serve as serve_bridge
from ..delegates.bridge.visit import LIMITS, Limits
from ..delegates.names import NAMED

bridge = typer.Typer(no_args_is_help=True, help="Lend this machine's devices to others.")


@bridge.callback()
def main() -> None:
    """Lend this machine's devices to others."""


@bridge.command()
def serve(
    listen: Annotated[
        str, typer.Option("--listen", metavar="URI", help="tcp://host:port, tcp://[::1]:port or unix:///path.")
    ] = DEFAULT,
    lend: Annotated[
        str, typer.Option("--lend", metavar="LIST", help=f"Some of {', '.join(NAMED)}; all by default.")
    ] = "",
    secret_file: Annotated[
        Path | None,
        typer.Option("--secret-file", metavar="FILE", help=f"Holds what clients have to know; else ${SECRET} does."),
    ] = None,
    memory: Annotated[
        int, typer.Option("--memory", metavar="MB", min=1, help="What all clients together may have kept here.")
    ] = LIMITS.memory >> 20,
    clients: Annotated[
        int, typer.Option("--clients", metavar="N", min=1, help="How many connections there may be.")
    ] = LIMITS.clients,
) -> None:
    """Lend devices until Ctrl-C; a secret is needed where other machines can reach the address."""
    names = [name.strip() for name in lend.split(",") if name.strip()]
    serve_bridge(listen, names, secret_file, Limits(memory=memory << 20, clients=clients))
