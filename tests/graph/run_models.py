"""Child process of test_corruption: allocates and invokes models under the runtime that is installed here.

Stands alone, for it also runs in an environment where only tflite-runtime and numpy are. Reads "<path>" lines on stdin;
answers each with "ran" or "refused <error>" on stdout, flushed, so that the parent knows which model ended the process.
"""

from __future__ import annotations

import faulthandler
import resource
import sys

import numpy as np

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    from tflite_runtime.interpreter import Interpreter

ADDRESS_SPACE = 4 << 30
LONGEST = 1000  # values of an input, which then come again


def run(content: bytes) -> None:
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    rng = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        kind = np.dtype(detail["dtype"])
        indices = kind.kind == "b" or (kind.itemsize > 2 and kind.kind in "iu")  # and shapes: 1 is never out of range
        some = np.ones(1) if indices else rng.random(LONGEST) * (100 if kind.kind in "iu" else 1)
        interpreter.set_tensor(detail["index"], np.resize(some.astype(kind), detail["shape"]))  # shapes may be huge
    interpreter.invoke()
    for detail in interpreter.get_output_details():
        interpreter.get_tensor(detail["index"])


def main() -> None:
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    for line in sys.stdin:
        with open(line.strip(), "rb") as file:
            content = file.read()
        try:
            run(content)
            print("ran", flush=True)
        except Exception as error:
            print("refused", " ".join(str(error).split())[:300], flush=True)


if __name__ == "__main__":
    main()
