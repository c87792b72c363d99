"""What is measured: a model in one configuration, by whatever can load, compile and infer; here, by delegraph."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..affine import dequantize
from ..delegates.base import Ceiling, Delegate, Holder
from ..delegates.cpu import CPUDelegate
from ..errors import DelegateError
from ..interpreter import Interpreter
from ..known import Defaults, make_delegates
from ..partitioner.plan import Plan
from ..partitioner.transfers import HOST
from .floor import ceilings_of
from .ops import profiled
from .record import Configuration, OpRecord, PlanRecord, StepRecord

Reals = NDArray[np.float64]


class Subject(Protocol):
    """A model in one configuration. Methods are called in the order in which they stand, `infer` again and again."""

    infer: Callable[[], Any]  # one inference on the inputs that are set, its outputs ready to be read

    def open(self) -> None:
        """Find and open the devices. Raises ValueError, RuntimeError or OSError saying what is missing."""

    def load(self) -> None:
        """Read the model."""

    def plan(self) -> None:
        """Decide what runs where."""

    def compile(self) -> None:
        """Make it ready to run; `infer` is there from now on."""

    def feed(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Set the inputs, in the model's order; what the model remembers of others is forgotten."""

    def outputs(self) -> dict[str, Reals]:
        """The outputs of the last inference, in the model's order, as real values."""

    def stream(self, frames: Sequence[Sequence[NDArray[Any]]], depth: int) -> None:
        """Take frames through, `depth` under way at once. Raises ValueError where it cannot."""

    def describe(self) -> dict[str, Any]:
        """The fields `devices`, `plan`, `notes` and `ceilings` of a Cell, as far as there are any by now."""

    def device_bytes(self) -> dict[str, int]:
        """Bytes taken on devices with memory of their own, by space."""

    def profile(self, repeat: int) -> tuple[tuple[StepRecord, ...], tuple[OpRecord, ...]]:
        """What each step and each op takes; empty where it does not tell."""

    def close(self) -> None:
        """Give everything back."""


class Own:
    """A model in delegraph's Interpreter."""

    def __init__(self, model: Path, configuration: Configuration, shapes: Sequence[tuple[int, ...]]) -> None:
        """`shapes` are those of the inputs. Nothing is opened yet."""
        self._model, self._wanted, self._shapes = model, configuration, shapes
        self._delegates: list[Delegate] = []
        self._it: Any = None
        self._ceilings: dict[str, Ceiling] = {}

    def open(self) -> None:
        """Make the delegates, and the contexts behind them. Raises DelegateError for one whose device is not here."""
        self._delegates = delegates_of(self._wanted)
        for delegate in self._delegates:
            probe = delegate.probe()
            if not probe.here:  # else another one would be measured under its name
                raise DelegateError(
                    f"{delegate.name} is not here: {'; '.join(filter(None, (probe.detail, probe.remedy)))}"
                )

    def load(self) -> None:
        """Read and check the file, and give inputs their shapes."""
        self._it = Interpreter(model_path=self._model, delegates=self._delegates, placement=self._wanted.placement)
        self._resize(self._shapes)

    def _resize(self, shapes: Sequence[tuple[int, ...]]) -> bool:
        """Give inputs these shapes; whether any had another."""
        details = list(zip(self._it.get_input_details(), shapes, strict=True))
        others = [(d["index"], shape) for d, shape in details if tuple(d["shape"]) != shape]
        for index, shape in others:
            self._it.resize_tensor_input(index, shape)
        return bool(others)

    def plan(self) -> None:
        """Make the plan."""
        _ = self._it.plan

    def compile(self) -> None:
        """Compile and reserve."""
        self._it.allocate_tensors()
        self.infer = self._it.invoke

    def feed(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Set the inputs, whatever shape they have, and let the model forget what it saw."""
        if self._resize([array.shape for array in arrays]):
            self._it.allocate_tensors()
        self._it.reset_all_variables()
        for detail, array in zip(self._it.get_input_details(), arrays, strict=True):
            self._it.set_tensor(detail["index"], array)

    def outputs(self) -> dict[str, Reals]:
        """The outputs, strings left out, their names made unique."""
        found: dict[str, Reals] = {}
        for position, d in enumerate(self._it.get_output_details()):
            array = self._it.get_tensor(d["index"])
            if array.dtype.kind in "fiub":
                name = d["name"] if d["name"] not in found else f"{d['name']}_{position}"
                found[name] = dequantize(array, *d["quantization"])
        return found

    def stream(self, frames: Sequence[Sequence[NDArray[Any]]], depth: int) -> None:
        """Take the frames through the plan."""
        with self._it.stream((list(frame) for frame in frames), depth) as made:
            for _ in made:
                pass

    def describe(self) -> dict[str, Any]:
        """Devices and plan; ceilings once ops were timed."""
        plan = self._it.plan
        devices = {d.name: d.fingerprint() for d in self._delegates if d.probe().here}
        return {"devices": devices, "plan": _plan_record(plan), "ceilings": self._ceilings}

    def device_bytes(self) -> dict[str, int]:
        """The plan's arenas, and what delegates hold besides."""
        found = {space: nbytes for space, nbytes in self._it.plan.arenas.items() if space != HOST}
        for delegate in self._delegates:
            if isinstance(delegate, Holder) and delegate.space in found:
                found[delegate.space] += delegate.held_bytes()
        return found

    def profile(self, repeat: int) -> tuple[tuple[StepRecord, ...], tuple[OpRecord, ...]]:
        """Steps by waiting for each, ops by the delegates' clocks or each by itself."""
        self._ceilings = ceilings_of(self._delegates)
        return profiled(self._it, self._delegates, self._ceilings, repeat)

    def close(self) -> None:
        """Close interpreter and delegates."""
        if self._it is not None:
            self._it.close()
        for delegate in self._delegates:
            delegate.close()


def delegates_of(configuration: Configuration) -> list[Delegate]:
    """The delegates of a configuration, nothing opened yet. Raises ValueError for a list that makes no sense."""
    threads = configuration.threads or None
    defaults: Defaults = {"gpu": {"precision": configuration.precision}, "cpu": {"threads": threads}}
    made = make_delegates(configuration.delegates, defaults)
    return made if any(d.name == "cpu" for d in made) else [*made, CPUDelegate(num_threads=threads)]


def _plan_record(plan: Plan) -> PlanRecord:
    """The plan in short; its hash is that of all it decides, without the times it expects."""
    data = plan.to_json()
    kept = {key: data[key] for key in ("format", "model", "subgraph", "steps", "partitions", "allocations", "launches")}
    kept["fates"] = [[d.delegate, d.folded, d.fused] for d in plan.decisions]
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"))
    return PlanRecord(
        hashlib.sha256(text.encode()).hexdigest(), plan.placement, plan.delegates, len(plan.partitions),
        sum(plan.launches.values()), dict(plan.arenas), asdict(plan.expected)["seconds"],
    )  # fmt: skip
