"""The application: its commands, and how an error becomes one line."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ..errors import DelegraphError
from .bench import bench
from .bridge import bridge
from .compare import compare
from .console import say
from .demo import demo
from .doctor import doctor
from .plan import plan
from .run import run
from .trace import trace
from .tune import tune
from .verify import verify

# RuntimeError is what TensorFlow Lite's interface raises, so the Interpreter does too.
EXPECTED = (DelegraphError, ValueError, RuntimeError, OSError)


class Commands(TyperGroup):
    """Turns the errors that are to be expected into one line on stderr and exit code 1, unless `--debug` is given."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """`--debug` may stand anywhere on the line."""
        return list(super().parse_args(ctx, sorted(args, key=lambda arg: arg != "--debug")))

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except EXPECTED as error:
            if ctx.params["debug"]:
                raise
            say(f"error: {message(error)}")
            raise typer.Exit(1) from None


def message(error: Exception) -> str:
    """What an error says, in the order that people expect of a missing file."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def show_version(wanted: bool) -> None:
    """Print the version and leave, if that is wanted."""
    if wanted:
        print(f"delegraph {metadata.version('delegraph')}")
        raise typer.Exit()


@app.callback()
def main(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=show_version, is_eager=True)
    ] = False,
) -> None:
    """Runs a TensorFlow Lite model on whatever the machine has: GPU, accelerators and CPU, placed op by op."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name in a model may hold what this terminal cannot show
            stream.reconfigure(errors="replace")


for command in (bench, compare, demo, doctor, plan, run, trace, tune, verify):
    app.command()(command)
app.add_typer(bridge, name="bridge")
