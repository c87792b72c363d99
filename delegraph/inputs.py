"""From `NAME=FILE` on a command line to arrays that a model's inputs take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from .affine import quantize
from .interpreter import Interpreter
from .session import Session

BYTES = (np.dtype(np.uint8), np.dtype(np.int8))


@dataclass(frozen=True)
class Input:
    """One input of a model. `signature` has -1 where a dimension is free; `scale` is 0 where it is not quantised."""

    position: int
    index: int
    names: tuple[str, ...]
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    scale: float
    zero_point: int

    def __str__(self) -> str:
        """How a person finds it: position, name, type, shape."""
        return f"{self.position}: {self.names[0]!r} {self.dtype} {shown(self.signature)}"

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of this shape can be given, after a resize where dimensions are free."""
        return len(shape) == len(self.signature) and all(
            want in (-1, have) for have, want in zip(shape, self.signature, strict=True)
        )


def inputs_of(it: Interpreter | Session) -> list[Input]:
    """The inputs of a model's main subgraph, in order; each by its tensor's name and its signature's."""
    found = []
    signatures = [s for s in it.graph.model.signatures if s.graph == it.graph.index]
    for position, d in enumerate(it.get_input_details()):
        aliases = [name for s in signatures for name, tensor in s.inputs.items() if tensor == d["index"]]
        shape, signature = tuple(map(int, d["shape"])), tuple(map(int, d["shape_signature"]))
        names = tuple(dict.fromkeys([d["name"], *aliases]))
        dtype = np.dtype(d["dtype"])
        found.append(Input(position, d["index"], names, dtype, shape, signature or shape, *d["quantization"]))
    return found


def arrays_for(
    inputs: Sequence[Input], given: Sequence[str], seed: int | None, span: tuple[float, float] | None
) -> dict[int, NDArray[Any]]:
    """Tensor index -> array for every input: from its file, or random where `seed` is given.

    `given` holds `NAME=FILE`, where NAME is a tensor's name, a signature's name or a position, and may be left out for
    a model of one input, and for an .npz of arrays by name. `span` is what black and white become. Raises ValueError
    naming the input and what it wants.
    """
    found: dict[int, NDArray[Any]] = {}
    for text in given:
        for wanted, array in _read(inputs, text, span):
            if wanted.position in found:
                raise ValueError(f"input {wanted} is given twice")
            found[wanted.position] = array
    if seed is None and (missing := [str(i) for i in inputs if i.position not in found]):
        listed = "\n  ".join(missing)
        raise ValueError(f"no value for these inputs; give --input NAME=FILE, or --random SEED:\n  {listed}")
    return _with_random(inputs, found, seed)


def filled(inputs: Sequence[Input], given: Mapping[str, NDArray[Any]], seed: int) -> dict[int, NDArray[Any]]:
    """Tensor index -> array for every input: `given` by name as in `arrays_for`, or random. Raises ValueError."""
    known, found = named(inputs), {}
    for name, value in given.items():
        if name not in known:
            listed = "\n  ".join(map(str, inputs))
            raise ValueError(f"the model has no input {name!r}, but these:\n  {listed}")
        found[known[name].position] = _checked(known[name], np.asarray(value), f"input {name!r}")
    return _with_random(inputs, found, seed)


def named(inputs: Sequence[Input]) -> Mapping[str, Input]:
    """Inputs by all that they may be called."""
    return {**{str(i.position): i for i in inputs}, **{n: i for i in inputs for n in i.names}}


def _with_random(
    inputs: Sequence[Input], found: Mapping[int, NDArray[Any]], seed: int | None
) -> dict[int, NDArray[Any]]:
    rng = np.random.default_rng(seed)
    return {i.index: found[i.position] if i.position in found else _random(i, rng) for i in inputs}


def _read(inputs: Sequence[Input], text: str, span: tuple[float, float] | None) -> Iterator[tuple[Input, NDArray[Any]]]:
    """The inputs that one `NAME=FILE`, or FILE, gives values to."""
    if "=" not in text and Path(text).suffix.lower() == ".npz":
        yield from _archived(inputs, Path(text))
        return
    wanted, path = _match(inputs, text)
    yield wanted, _load(wanted, path, span)


def _archived(inputs: Sequence[Input], path: Path) -> Iterator[tuple[Input, NDArray[Any]]]:
    """The arrays of an .npz that are called like inputs; what is called otherwise is left alone."""
    known, seen = named(inputs), False
    try:
        with np.load(path, allow_pickle=False) as archive:
            for name in archive.files:
                if name in known:
                    seen = True
                    yield known[name], _checked(known[name], archive[name], f"{path}: {name!r}")
    except (OSError, ValueError) as error:
        if (isinstance(error, OSError) and error.filename is not None) or str(error).startswith(str(path)):
            raise
        raise ValueError(f"{path} is not a usable .npz file: {error}") from error
    except Exception as error:  # a malformed archive makes zipfile and numpy raise nearly anything
        raise ValueError(f"{path} is not a usable .npz file: {error}") from error
    if not seen:
        raise ValueError(f"{path} holds no input of the model, whose inputs are:\n  " + "\n  ".join(map(str, inputs)))


def _match(inputs: Sequence[Input], text: str) -> tuple[Input, Path]:
    name, equals, path = text.partition("=")
    if not equals and len(inputs) == 1:
        return inputs[0], Path(text)
    by_name = named(inputs)
    if not equals or not path or name not in by_name:
        listed = "\n  ".join(map(str, inputs))
        raise ValueError(f"--input {text}: want NAME=FILE, where NAME is one of these or its number:\n  {listed}")
    return by_name[name], Path(path)


def _load(wanted: Input, path: Path, span: tuple[float, float] | None) -> NDArray[Any]:
    return _checked(wanted, _array(path) if path.suffix.lower() == ".npy" else picture(path, wanted, span), str(path))


def _checked(wanted: Input, array: NDArray[Any], what: str) -> NDArray[Any]:
    """An array that an input takes. Raises ValueError, naming `what` holds it, for another type or shape."""
    if array.dtype != wanted.dtype or not wanted.fits(array.shape):
        raise ValueError(f"{what} holds {array.dtype} {shown(array.shape)}, but input {wanted} is what the model wants")
    return array


def _array(path: Path) -> NDArray[Any]:
    """A .npy file's array; mapped, so that a header that lies about the size costs no memory."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # a malformed header makes numpy raise nearly anything
        raise ValueError(f"{path} is not a usable .npy file: {error}") from error
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path} is not a .npy file, though it is called one")
    return array


def picture(path: Path, wanted: Input, span: tuple[float, float] | None) -> NDArray[Any]:
    """A picture scaled (bilinear) to an input [N, height, width, 1 or 3]; free dimensions take the picture's own size.

    Floats run over `span` (0..1 if None). Bytes are the picture's own (less 128 for int8), and with a `span` those
    that stand for it by the input's quantisation. Raises ValueError where the input takes no picture.
    """
    if len(wanted.shape) != 4 or wanted.signature[3] not in (1, 3):
        raise ValueError(f"{path}: a picture does not fit input {wanted}; give it a .npy file")
    try:
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened).convert("L" if wanted.signature[3] == 1 else "RGB")
    except UnidentifiedImageError:
        raise ValueError(f"{path} is neither a .npy file nor a picture in a format known here") from None
    except OSError:
        raise
    except Exception as error:  # decoders of broken pictures raise nearly anything
        raise ValueError(f"{path} is not a usable picture: {error}") from error
    batch, height, width, channels = wanted.signature
    height, width = (image.height if height < 0 else height), (image.width if width < 0 else width)
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    values = _scaled(pixels.reshape(1, height, width, channels), wanted, span, path)
    return np.ascontiguousarray(np.broadcast_to(values, (abs(batch), height, width, channels)))


def _scaled(pixels: NDArray[np.uint8], wanted: Input, span: tuple[float, float] | None, path: Path) -> NDArray[Any]:
    low, high = span or (0.0, 1.0)
    real = low + pixels / 255 * (high - low)
    if wanted.dtype.kind == "f":
        return real.astype(wanted.dtype)
    if wanted.dtype in BYTES and (span is None or not wanted.scale):
        return (pixels.astype(np.int16) + np.iinfo(wanted.dtype).min).astype(wanted.dtype)
    if wanted.dtype.kind in "iu" and wanted.scale:
        return quantize(real, wanted.dtype, wanted.scale, wanted.zero_point)
    raise ValueError(f"{path}: a picture does not fit input {wanted}; give it a .npy file")


def _random(wanted: Input, rng: np.random.Generator) -> NDArray[Any]:
    """Floats in 0..1, any bytes, and 0 or 1 for wider integers, which are often indices."""
    if wanted.dtype.kind == "c":
        return (rng.random(wanted.shape) + 1j * rng.random(wanted.shape)).astype(wanted.dtype)
    if wanted.dtype.kind == "f":
        return rng.random(wanted.shape).astype(wanted.dtype)
    if wanted.dtype in BYTES:
        limits = np.iinfo(wanted.dtype)
        return rng.integers(limits.min, limits.max, wanted.shape, wanted.dtype, endpoint=True)
    if wanted.dtype.kind in "iub":
        return rng.integers(0, 2, wanted.shape).astype(wanted.dtype)
    raise ValueError(f"there are no random values for input {wanted}; give it a file")


def shown(shape: Sequence[int]) -> str:
    """A shape as people read it, with ? where a dimension is free."""
    return "[" + ", ".join("?" if d < 0 else str(d) for d in shape) + "]"
