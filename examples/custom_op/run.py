"""Run a model with a custom op on the GPU, then in numpy: python examples/custom_op/run.py"""

from __future__ import annotations

import numpy as np
import vignette
from flatbuffers import flexbuffers

from delegraph import GPUDelegate, Interpreter, register_custom_op
from delegraph.graph.builder import GraphBuilder


def model() -> bytes:
    """Vignette, then RELU6, over a picture of 64 by 96."""
    builder = GraphBuilder()
    dark = builder.op(
        "CUSTOM", [builder.input((1, 64, 96, 3), name="picture")], (1, 64, 96, 3), custom_code="Vignette",
        custom_options=bytes(flexbuffers.Dumps({"strength": 0.8})),
    )  # fmt: skip
    builder.output(builder.op("RELU6", [dark], (1, 64, 96, 3)))
    return builder.build()


def main() -> None:
    """Print both plans, and how far apart the results are."""
    register_custom_op("Vignette", vignette, vignette.vignette)
    picture = np.random.default_rng(0).random((1, 64, 96, 3), np.float32)
    results = []
    for delegates in ([GPUDelegate()], []):
        with Interpreter(model_content=model(), delegates=delegates) as interpreter:
            interpreter.allocate_tensors()
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture)
            interpreter.invoke()
            results.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
            print(interpreter.plan.explain(), end="\n\n")
    print(f"largest difference: {np.abs(results[0] - results[1]).max():.1e}")


if __name__ == "__main__":
    main()
