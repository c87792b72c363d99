"""Batches of rows through a model: right whatever the batch, told where they do not fit, fit for other processes."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from delegraph import Interpreter
from delegraph.data import digits, held_out
from delegraph.graph.builder import GraphBuilder
from delegraph.predictor import Predictor

IMAGES, LABELS = held_out()


def wanted(count: int) -> np.ndarray:
    with Interpreter(model_content=digits("f32")) as it:
        it.allocate_tensors()
        found = []
        for image in IMAGES[:count]:
            it.set_tensor(it.get_input_details()[0]["index"], image[None])
            it.invoke()
            found.append(it.get_tensor(it.get_output_details()[0]["index"])[0])
    return np.array(found)


def test_rows_become_rows(tmp_path: Path) -> None:
    path = tmp_path / "digits.tflite"
    path.write_bytes(digits("f32"))
    predict = Predictor(path, "cpu", columns={"image": "pixels"})
    made = predict({"pixels": IMAGES[:7], "label": LABELS[:7]})
    (scores,) = made.keys() - {"pixels", "label"}
    assert np.array_equal(made[scores], wanted(7)) and made["label"] is not None
    again = pickle.loads(pickle.dumps(predict))
    predict.close()
    assert np.array_equal(again({"pixels": IMAGES[:3], "label": LABELS[:3]})[scores], wanted(3))
    assert again({"pixels": IMAGES[:0], "label": LABELS[:0]})[scores].shape == (0, 10)
    again.close()


def pair(batch: int) -> bytes:
    """c = a - b, [batch, 3] each."""
    b = GraphBuilder()
    left, right = b.input((batch, 3), name="a"), b.input((batch, 3), name="b")
    b.output(b.op("SUB", [left, right], (batch, 3), name="c"))
    return b.build()


@pytest.mark.parametrize("rows", [1, 4, 5, 9])
def test_a_models_own_batch_is_filled(rows: int) -> None:
    a, b = np.random.default_rng(0).random((2, rows, 3), np.float32)
    made = Predictor(pair(4), "cpu", columns={"b": "other", "c": "difference"}, keep=False)({"a": a, "other": b})
    assert list(made) == ["difference"] and np.array_equal(made["difference"], a - b)


def test_what_does_not_fit_is_named() -> None:
    a = np.zeros((2, 3), np.float32)
    predict = Predictor(pair(1), "cpu")
    with pytest.raises(ValueError, match=r"input 1: 'b' .* finds no column 'b' among"):
        predict({"a": a, "c": a})
    with pytest.raises(ValueError, match=r"rows are float64 \[3\], but input 0: 'a'"):
        predict({"a": a.astype(float), "b": a})
    with pytest.raises(ValueError, match=r"rows are float32 \[4\]"):
        predict({"a": np.zeros((2, 4), np.float32), "b": a})
    with pytest.raises(ValueError, match=r"columns have \[1, 2\] rows"):
        predict({"a": a, "b": a[:1]})
    with pytest.raises(ValueError, match="unknown delegate 'tpux'"):
        Predictor(pair(1), "tpux")({"a": a, "b": a})
