"""The compute shaders of one device, each text compiled once and kept while somebody uses it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...shaders.program import Limits, Program
from .ahead import Units, machine_code
from .binaries import OFF, Binaries
from .blocks import alone
from .compiler import Laid, Piece, compile_error, joined, source
from .device import Device
from .places import Weights
from .shader import Shader


class Named(NamedTuple):
    """A shader's text in pieces, what it is called, and the units at which it will find textures."""

    pieces: Sequence[Piece]
    name: str
    units: Units


@dataclass(frozen=True)
class Wanted:
    """A program, how many VALUEs its output has, its blocks, and the units at which it will find textures."""

    program: Program
    elements: int
    laid: Sequence[Laid]
    units: Units = ()


class Programs:
    """What executables on one device share: shaders, and packed constants."""

    def __init__(
        self, device: Device, limits: Limits | None = None, cache_dir: str | os.PathLike[str] | None = OFF
    ) -> None:
        """Start with none. `limits` are the device's unless others are given; `cache_dir` is for `Binaries`."""
        self.device = device
        self.compiled = 0  # shaders, so far
        self.weights = Weights(device)
        self._limits = limits or device.limits
        self.binaries = Binaries(cache_dir, device)
        self._held: dict[str, tuple[Shader, int]] = {}

    def __len__(self) -> int:
        """How many are held."""
        return len(self._held)

    def acquire(self, program: Program, elements: int, laid: Sequence[Laid] = ()) -> tuple[str, Shader]:
        """The text and the shader of one program, its blocks as `laid` or by default each buffer one."""
        laid = laid or [(block, [(0, 0)]) for block in alone(program)]
        return self.acquire_all([Wanted(program, elements, laid)])[0]

    def acquire_all(
        self, wanted: Sequence[Wanted], meanwhile: Callable[[], None] = lambda: None
    ) -> list[tuple[str, Shader]]:
        """The text and the shader of each program; `meanwhile` is done while the driver compiles.

        Raises DelegateError, showing the line, for the first that does not compile.
        """
        named: dict[str, Named] = {}
        texts = []
        for one in wanted:
            pieces = source(one.program, one.elements, one.laid, self.device.api, self._limits)
            texts.append(joined(pieces))
            named.setdefault(texts[-1], Named(pieces, one.program.body, one.units))
        with self.device.current():
            new = self._made(named, meanwhile)
            self._held |= {text: (shader, 0) for text, shader in new.items()}
            for text in texts:
                shader, users = self._held[text]
                self._held[text] = shader, users + 1
            return [(text, self._held[text][0]) for text in texts]

    def _made(self, named: Mapping[str, Named], meanwhile: Callable[[], None]) -> dict[str, Shader]:
        """The shaders that are not held yet, from disk or compiled."""
        texts = [text for text in named if text not in self._held]
        made = self.binaries.load(texts)
        new = [text for text in texts if text not in made]
        try:
            if self.device.software and new:
                made |= machine_code(self.device, {text: named[text].units for text in new}, meanwhile)
            else:
                made |= {text: Shader.compiled(text) for text in new}  # which the driver may be compiling still
                meanwhile()
            for text in new:
                if (problem := made[text].problem()) is not None:
                    raise self.device.failure(str(compile_error(named[text].pieces, named[text].name, problem)))
            self.compiled += len(new)
            self.binaries.save({text: made[text] for text in new})
        except BaseException:
            for shader in made.values():
                shader.release()
            raise
        return made

    def release(self, texts: Sequence[str]) -> None:
        """Give back what was acquired."""
        with self.device.lock:
            for text in texts:
                shader, users = self._held.pop(text)
                if users > 1:
                    self._held[text] = (shader, users - 1)
                else:
                    self.device.release(shader)
