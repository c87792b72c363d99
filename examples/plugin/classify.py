"""Classify digits in the style of pycoral's examples, inside the runtime's own interpreter, with our GPU delegate.

    python examples/plugin/classify.py [--model FILE] [--delegate gpu] [--count 5]

Code around an interpreter stays as it is; `make_interpreter` is all that changes.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delegraph import tflite_delegate
from delegraph.data import digits, held_out
from delegraph.delegates.base import Delegate
from delegraph.known import make_delegates

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    from tflite_runtime.interpreter import Interpreter


def make_interpreter(content: bytes, delegate: Delegate) -> Any:
    """What pycoral.utils.edgetpu.make_interpreter does, with a delegate of ours."""
    inside = tflite_delegate(delegate, model=content)
    interpreter = Interpreter(model_content=content, experimental_delegates=[inside])
    print(inside.explain())
    return interpreter


def set_input(interpreter: Any, image: NDArray[Any]) -> None:
    """As pycoral.adapters.common.set_input: writes into the input tensor's own memory."""
    index = interpreter.get_input_details()[0]["index"]
    interpreter.tensor(index)()[0][:] = image


def get_classes(interpreter: Any, top_k: int) -> list[tuple[int, float]]:
    """As pycoral.adapters.classify.get_classes."""
    detail = interpreter.get_output_details()[0]
    scores = interpreter.tensor(detail["index"])().flatten()
    if np.issubdtype(detail["dtype"], np.integer):
        scale, zero_point = detail["quantization"]
        scores = scale * (scores.astype(np.int64) - zero_point)
    best = np.argsort(-scores)[:top_k]
    return [(int(i), float(scores[i])) for i in best]


def main() -> None:
    """Print the best two classes of some images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a classifier of 8 by 8 pictures; by default the shipped one")
    parser.add_argument("--delegate", default="gpu", help="gpu, or any that delegraph knows")
    parser.add_argument("--count", type=int, default=5)
    options = parser.parse_args()
    content = options.model.read_bytes() if options.model else digits("f32")
    interpreter = make_interpreter(content, make_delegates(options.delegate)[0])
    interpreter.allocate_tensors()
    images, labels = held_out()
    for image, label in zip(images[: options.count], labels, strict=False):
        set_input(interpreter, image)
        start = time.perf_counter()
        interpreter.invoke()
        took = time.perf_counter() - start
        classes = ", ".join(f"{digit} {score:.3f}" for digit, score in get_classes(interpreter, top_k=2))
        print(f"{label}: {classes} ({took * 1e3:.2f} ms)")


if __name__ == "__main__":
    main()
