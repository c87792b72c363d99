"""Twenty kernels that are wrong at one op of a model, as data: what one gets wrong when one writes a kernel.

They were written down before what has to find them was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import models
from delegraph.data import digits
from delegraph.delegates.gpu import delegate, launches, lowering
from delegraph.graph.model import Graph, Op, Options
from delegraph.shaders.program import Elementwise, Limits, Program, Stage

Array = NDArray[Any]


@dataclass(frozen=True)
class Fault:
    """What is wrong at op `op`: what the kernel is told of it, or what becomes of its answer.

    Told: another `kind`, other `options`, its `inputs` in another order (by position), other values of constant ones
    (`data`, by position). Of its programs: other `constants`, given or made of what they are; other `stages`.
    """

    model: str
    op: int
    of: str
    what: str
    kind: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[int, ...] = ()
    data: Mapping[int, Callable[[Array], Array]] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    stages: Callable[[Stage], Stage] | None = None
    source: str | int = 0  # the picture that the model is shown, or the seed of noise
    low: float = 0.0
    quick: bool = False

    def told(self, graph: Graph, op: Op) -> tuple[Graph, Op]:
        """The graph and the op as the kernel is told them."""
        tensors = list(graph.tensors)
        for position, change in self.data.items():
            t = op.inputs[position]
            if t in graph.folded:  # made of the constant that lies in the file
                t = graph.ops[graph.producer[t]].inputs[0]
            changed = np.ascontiguousarray(change(tensors[t].array)).astype(tensors[t].dtype)
            tensors[t] = replace(tensors[t], data=memoryview(changed.tobytes()))
        inputs = tuple(op.inputs[k] for k in self.inputs) if self.inputs else op.inputs
        options = Options({**op.options, **self.options})
        wrong = replace(op, kind=self.kind or op.kind, inputs=inputs, options=options)
        return replace(graph, tensors=tuple(tensors)), wrong

    def changed(self, lowered: Any) -> Any:
        """What becomes of the kernel's answer."""
        if isinstance(lowered, Elementwise):
            return replace(lowered, stage=self._staged(lowered.stage), mirrored=None) if self.stages else lowered
        return tuple(self._program(program) for program in lowered) if isinstance(lowered, tuple) else lowered

    def _program(self, program: Program) -> Program:
        given = dict(program.constants)
        for name, value in self.constants.items():
            given[name] = value(given[name]) if callable(value) else value
        return replace(program, constants=given, stages=tuple(map(self._staged, program.stages)))

    def _staged(self, stage: Stage) -> Stage:
        return self.stages(stage) if self.stages is not None else stage


def text(old: str, new: str) -> Callable[[Stage], Stage]:
    """A stage with other words in its expression, which has to hold the old ones."""

    def change(stage: Stage) -> Stage:
        assert old in stage.expression, stage.expression
        return replace(stage, expression=stage.expression.replace(old, new))

    return change


def rows_for_columns(filters: Array) -> Array:
    """Filters 1HWO or OHWI with H and W swapped."""
    return filters.transpose(0, 2, 1, 3)


MOBILENET, FACE = "coral/mobilenet_v1_0.25_128_quant", "face_detection_short_range"
SELFIE, MOVENET, LSTM = "selfie_segmentation", "coral/movenet_single_pose_lightning_ptq", "coral/keras_lstm_mnist_ptq"
cat: Mapping[str, Any] = {"source": "cat.bmp", "low": -1.0}

FAULTS = (
    Fault("digits f32", 3, "ADD", "no activation", options={"fused_activation_function": "NONE"}, quick=True),
    Fault("digits f32", 9, "MEAN", "divides by one too few", quick=True,
          constants={"MEMBERS": lambda old: old - 1}),
    Fault("digits int8", 10, "FULLY_CONNECTED", "weights read along the other axis", quick=True,
          data={1: lambda w: w.reshape(w.shape[::-1]).T}),
    Fault(MOBILENET, 0, "CONV_2D", "pads before instead of behind", constants={"PAD_H": 1, "PAD_W": 1}, quick=True,
          **cat),
    Fault(MOBILENET, 5, "DEPTHWISE_CONV_2D", "rows and columns of the filters swapped", data={1: rows_for_columns},
          **cat),
    Fault(MOBILENET, 8, "CONV_2D", "no bias", inputs=(0, 1), **cat),
    Fault(MOBILENET, 27, "AVERAGE_POOL_2D", "halves are rounded down", constants={"RESULT": "x / n"}, **cat),
    Fault(MOBILENET, 30, "SOFTMAX", "another beta", options={"beta": 0.9}, **cat),
    Fault(FACE, 18, "PAD", "pads before instead of behind", data={1: lambda p: p[:, ::-1]}, source="astronaut"),
    Fault(FACE, 23, "DEPTHWISE_CONV_2D", "pads before instead of behind", constants={"PAD_H": 1, "PAD_W": 1},
          source="astronaut"),
    Fault(FACE, 52, "MAX_POOL_2D", "the last column of each window is left out", constants={"KERNEL_W": 1},
          source="astronaut"),
    Fault(FACE, 76, "RELU", "no activation", stages=text("relu(x)", "x"), source="astronaut"),
    Fault(FACE, 162, "CONCATENATION", "the parts in the other order", inputs=(1, 0), source="astronaut"),
    Fault(SELFIE, 51, "HARD_SWISH", "another upper end", stages=text("0.0, 6.0)", "0.0, 5.0)"), source="astronaut"),
    Fault(SELFIE, 65, "MUL", "half the period of what is broadcast", source="astronaut",
          stages=lambda stage: replace(stage, period=stage.period // 2)),
    Fault(SELFIE, 167, "RESIZE_BILINEAR", "pixels' corners for their centers", options={"half_pixel_centers": False},
          source="astronaut"),
    Fault(SELFIE, 244, "Convolution2DTransposeBias", "rows and columns of the filters swapped",
          data={1: rows_for_columns}, source="astronaut"),
    Fault(MOVENET, 95, "SUB", "operands swapped", inputs=(1, 0), source="squat.bmp"),
    Fault(MOVENET, 130, "ARG_MAX", "the least", kind="ARG_MIN", source="squat.bmp"),
    Fault(LSTM, 1, "UNIDIRECTIONAL_SEQUENCE_LSTM", "weights of two gates swapped", inputs=(0, 2, 1, *range(3, 24))),
)  # fmt: skip


def each() -> list[Any]:
    """Parameters of a test: the `quick` ones in the quick tier."""
    return [
        pytest.param(f, id=f"{f.model} op {f.op} {f.of}", marks=[] if f.quick else pytest.mark.slow) for f in FAULTS
    ]


def content_of(fault: Fault) -> bytes:
    """The model's bytes; skips where it is not here."""
    return contents(fault.model)


def contents(name: str) -> bytes:
    """A model by its name in FAULTS; skips where it is not here."""
    if name.startswith("digits "):
        return digits("f32" if name.endswith("f32") else "int8")
    path: Path = models.shared(f"{name}.tflite") if "/" in name else models.mediapipe(name)
    return path.read_bytes()


@contextmanager
def seeded(fault: Fault, fingerprint: str) -> Iterator[None]:
    """Every GPU delegate gets the op of that model wrong."""
    right = lowering.lower_op

    def lower_op(graph: Graph, op: Op, limits: Limits) -> Any:
        if (graph.model.fingerprint, graph.index, op.index) != (fingerprint, 0, fault.op):
            return right(graph, op, limits)
        return fault.changed(right(*fault.told(graph, op), limits))

    with pytest.MonkeyPatch.context() as patch:
        for module in (lowering, launches, delegate):
            patch.setattr(module, "lower_op", lower_op)
        yield
