"""Where output goes: results to stdout, notes and progress to stderr; plain where there is no terminal."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from numpy.typing import NDArray
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from ..delegates.base import Delegate
from ..delegates.simulated import read_devices
from ..inputs import arrays_for, inputs_of
from ..interpreter import Interpreter
from ..known import ALL, make_delegates
from ..partitioner.explain import plain

INTERRUPTED = 130  # what a shell says of a command that Ctrl-C ended
GAP = 3  # between the columns of box.SIMPLE_HEAD
LONG = 24  # what a column that may wrap is left at the least


class Placement(str, Enum):
    """How ops find their delegate."""

    priority = "priority"
    fastest = "fastest"


ModelArgument = Annotated[Path, typer.Argument(metavar="MODEL", help="A .tflite file.", show_default=False)]
DelegatesOption = Annotated[
    str,
    typer.Option(
        "--delegates",
        metavar="LIST",
        help=f"Whom to ask, in order of preference ({', '.join(ALL)}); gpu:1 is the second GPU; "
        "gpu:precision=fp16,quantized=float,api=gles and cpu:threads=4 say how each runs; "
        "remote:tcp://host:7200/cpu is borrowed over a bridge; auto is all that are here. The CPU always stands last.",
    ),
]
InputOption = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="NAME=FILE",
        help="A .npy file, or a picture, for an input by its tensor's name, signature name or number. "
        "NAME= may be left out for a model of one input, and for an .npz of arrays by name. May be given again.",
    ),
]
ImageRangeOption = Annotated[
    str | None,
    typer.Option(
        "--image-range",
        metavar="LOW:HIGH",
        help="What black and white become. \\[default: 0:1 for floats, the picture's own bytes for bytes]",
    ),
]
PlacementOption = Annotated[
    Placement | None,
    typer.Option(
        "--placement",
        help="priority: each op to the first that can. fastest: the least time in all. \\[default: fastest with auto]",
        show_default=False,
    ),
]
SimulateOption = Annotated[
    Path | None,
    typer.Option(
        "--simulate",
        metavar="FILE.toml",
        help="Devices that are not here, a table each: \\[npu], flops = 2e12, bandwidth = 4e8, latency = 1e-4, "
        'like = "edgetpu", supports = ["CONV_2D"]. They stand before the other delegates.',
    ),
]
SeedOption = Annotated[
    int, typer.Option("--random", metavar="SEED", min=0, help="The seed of noise for inputs that are not given.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def show(*things: Table | str) -> None:
    """Print results on stdout; text is taken as it is, without markup."""
    for thing in things:
        if isinstance(thing, str):
            Console(highlight=False).print(clean(thing), soft_wrap=True)
        else:
            Console(highlight=False, width=_width(thing, Console())).print(thing)


def _width(made: Table, console: Console) -> int:
    """All that a table needs where nothing says how wide to be (a pipe), else enough to cut no short column."""
    free = not console.is_terminal and "COLUMNS" not in os.environ
    needed = 0
    for column in made.columns:
        widest = max(cell_len(str(cell)) for cell in (column.header, *column.cells))
        needed += GAP + (widest if column.no_wrap or free else min(widest, LONG))
    return needed if free else max(needed, console.width)


def say(text: str) -> None:
    """Print a note on stderr."""
    Console(stderr=True, highlight=False).print(clean(text), soft_wrap=True)


def clean(text: object, style: str = "") -> Text:
    """Text whose markup and control characters do nothing: names in a model may hold either."""
    return Text("\n".join(plain(line) for line in str(text).split("\n")), style=style)


def table(*columns: str, right: tuple[str, ...] = (), long: tuple[str, ...] = ()) -> Table:
    """An empty table that reads well with and without colour; columns named in `long` give way when it is too wide."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        justify: Literal["left", "right"] = "right" if name in right else "left"
        made.add_column(name, overflow="fold", justify=justify, no_wrap=name not in long)
    return made


def progress() -> Progress:
    """A progress bar on stderr that leaves nothing behind; silent where stderr is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(SpinnerColumn(), *columns, console=console, transient=True, disable=not console.is_terminal)


def timed_progress() -> Progress:
    """As `progress`, with the time that is left instead of a count."""
    console = Console(stderr=True)
    columns = (BarColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    return Progress(SpinnerColumn(), *columns, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def devices(delegates: str, simulate: Path | None = None) -> Iterator[list[Delegate]]:
    """Delegates from a list such as "gpu,cpu", behind those that a file describes; a list that makes no sense is a
    usage error.
    """
    try:
        made = make_delegates(delegates)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--delegates") from None
    with ExitStack() as stack:
        for delegate in made:
            stack.callback(delegate.close)
        yield [*(read_devices(simulate) if simulate is not None else []), *made]


def placed(delegates: str, placement: Placement | None, simulate: Path | None) -> str:
    """The placement: costs decide where nothing else is asked for, with "auto" and with simulated devices."""
    if placement is not None:
        return placement.value
    return "fastest" if simulate is not None or delegates.strip() == "auto" else "priority"


@contextmanager
def opened(
    model: Path, delegates: str, placement: Placement | None = None, simulate: Path | None = None
) -> Iterator[Interpreter]:
    """An interpreter of a model file over delegates such as "gpu,cpu", behind those that a file describes."""
    with devices(delegates, simulate) as made:
        rule = placed(delegates, placement, simulate)
        with Interpreter(model_path=model, delegates=made, placement=rule) as it:
            yield it


def fitted(
    it: Interpreter, given: list[str] | None, seed: int | None, span: tuple[float, float] | None
) -> dict[int, NDArray[Any]]:
    """Tensor index -> array for every input, in order, as `arrays_for`; inputs of other shapes are resized to these."""
    inputs = inputs_of(it)
    arrays = arrays_for(inputs, given or [], seed, span)
    for i in inputs:
        if arrays[i.index].shape != i.shape:
            it.resize_tensor_input(i.index, arrays[i.index].shape)
    return {i.index: arrays[i.index] for i in inputs}


def span_of(text: str | None) -> tuple[float, float] | None:
    """The two numbers of `--image-range`; what makes no sense is a usage error."""
    if text is None:
        return None
    low, _, high = text.partition(":")
    try:
        return float(low), float(high)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not LOW:HIGH, such as -1:1", param_hint="--image-range") from None


def check_writable(path: Path | None) -> None:
    """Raise OSError, before long work rather than after it, where a file could not be written."""
    folder = path.parent if path is not None else None
    if folder is not None and not (folder.is_dir() and os.access(folder, os.W_OK)):
        code = errno.EACCES if folder.is_dir() else errno.ENOENT
        raise OSError(code, os.strerror(code), str(folder))
