"""`delegraph run`: from files to a model's inputs, and from its outputs to files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner, Result

from delegraph import Interpreter
from delegraph.affine import dequantize, quantize
from delegraph.cli import app
from delegraph.data import digits, held_out
from delegraph.graph.builder import GraphBuilder


def call(*args: object) -> Result:
    return CliRunner().invoke(app, ["run", *map(str, args), "--delegates", "cpu"])


def outcome(content: bytes, *values: NDArray[Any]) -> NDArray[Any]:
    """What the model's first output is for these inputs."""
    with Interpreter(model_content=content) as it:
        for detail, value in zip(it.get_input_details(), values, strict=True):
            it.resize_tensor_input(detail["index"], value.shape)
        it.allocate_tensors()
        for detail, value in zip(it.get_input_details(), values, strict=True):
            it.set_tensor(detail["index"], value)
        it.invoke()
        found: NDArray[Any] = it.get_tensor(it.get_output_details()[0]["index"])
        return found


def saved(path: Path) -> NDArray[Any]:
    with np.load(path) as arrays:
        found: NDArray[Any] = arrays[arrays.files[0]]
        return found


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write(tmp_path / "digits.tflite", digits("f32"))


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """y = a - b, with a signature that has other names."""
    b = GraphBuilder()
    left, right = b.input((1, 6), name="serving_a:0"), b.input((1, 6), name="serving_b:0")
    y = b.op("SUB", [left, right], (1, 6), name="../out:0")
    b.output(y)
    b.signature("serving_default", {"left": left, "right": right}, {"y": y})
    return write(tmp_path / "two.tflite", b.build())


@pytest.fixture
def picture(tmp_path: Path) -> tuple[Path, NDArray[np.uint8]]:
    pixels = np.random.default_rng(3).integers(0, 256, (8, 8), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "digit.png")
    return tmp_path / "digit.png", pixels


def test_an_array_goes_in_and_the_outputs_come_out(model: Path, tmp_path: Path) -> None:
    image, label = held_out()[0][:1], held_out()[1][0]
    np.save(tmp_path / "x.npy", image)
    done = call(model, "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npz", "--repeat", 3)
    assert done.exit_code == 0, done.stderr
    wanted = outcome(digits("f32"), image)
    np.testing.assert_array_equal(saved(tmp_path / "y.npz"), wanted)
    best = re.search(r"top 5 of '[^']+': (\d+) \(([\d.]+)\)", done.stdout)
    assert best and int(best[1]) == label == wanted.argmax()
    assert float(best[2]) == pytest.approx(wanted.max(), abs=1e-3)
    assert "3 runs: median" in done.stdout
    assert f"{wanted.max():.6g}" in done.stdout


@pytest.mark.parametrize("names", [("serving_a:0", "serving_b:0"), ("left", "right"), ("0", "1")])
def test_inputs_go_by_tensor_name_signature_name_or_number(two: Path, tmp_path: Path, names: tuple[str, str]) -> None:
    values = np.random.default_rng(1).random((2, 1, 6)).astype(np.float32)
    given: list[object] = []
    for k, name in reversed(list(enumerate(names))):
        np.save(tmp_path / f"{k}.npy", values[k])
        given += ["--input", f"{name}={tmp_path / f'{k}.npy'}"]
    done = call(two, *given, "--output", tmp_path / "y.npz")
    assert done.exit_code == 0, done.stderr
    np.testing.assert_array_equal(saved(tmp_path / "y.npz"), values[0] - values[1])


def test_a_folder_gets_a_file_an_output_and_none_outside_it(two: Path, tmp_path: Path) -> None:
    done = call(two, "--random", 1, "--output", tmp_path / "deep" / "out")
    assert done.exit_code == 0, done.stderr
    assert [p.name for p in (tmp_path / "deep").rglob("*.npy")] == ["_out_0.npy"]


def test_noise_is_seeded(two: Path, tmp_path: Path) -> None:
    for seed, name in ((1, "a"), (1, "b"), (2, "c")):
        call(two, "--random", seed, "--output", tmp_path / f"{name}.npz")
    a, b, c = (saved(tmp_path / f"{name}.npz") for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


def test_an_input_that_is_missing_is_named_with_what_it_wants(two: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((1, 6), np.float32))
    done = call(two, "--input", f"left={tmp_path / 'a.npy'}")
    assert done.exit_code == 1
    assert "1: 'serving_b:0' float32 [1, 6]" in done.stderr
    assert "serving_a" not in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("middle={file}", "want NAME=FILE"),
        ("left=", "want NAME=FILE"),
        ("{file}", "want NAME=FILE"),
        ("left=/not/there.npy", "/not/there.npy: No such file"),
        ("left={double}", "holds float64 [1, 6], but input 0: 'serving_a:0' float32 [1, 6]"),
        ("left={long}", "holds float32 [1, 7], but input 0: 'serving_a:0' float32 [1, 6]"),
        ("left={pickle}", "pickle.npy is not a usable .npy file"),
        ("left={empty}", "empty.npy is not a usable .npy file"),
        ("left={huge}", "huge.npy is not a usable .npy file"),
        ("left={zip}", "zip.npy is not a .npy file"),
        ("left={png}", "a picture does not fit input 0: 'serving_a:0' float32 [1, 6]"),
    ],
)
def test_a_bad_input_is_one_line(two: Path, tmp_path: Path, text: str, said: str) -> None:
    files = {name: tmp_path / f"{name}.npy" for name in ("file", "double", "long", "pickle", "empty", "huge", "zip")}
    np.save(files["file"], np.zeros((1, 6), np.float32))
    np.save(files["double"], np.zeros((1, 6)))
    np.save(files["long"], np.zeros((1, 7), np.float32))
    np.save(files["pickle"], np.array([{}], object), allow_pickle=True)
    files["empty"].touch()
    header = files["file"].read_bytes()
    assert b"(1, 6), }     " in header
    files["huge"].write_bytes(header.replace(b"(1, 6), }     ", b"(9999999999,)}"))
    with files["zip"].open("wb") as file:
        np.savez(file, a=np.zeros(1))
    files["png"] = tmp_path / "p.png"
    Image.new("L", (6, 1)).save(files["png"])
    done = call(two, "--random", 1, "--input", text.format(**files))
    assert done.exit_code == 1
    assert said in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize("content", [b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b""])
def test_a_file_that_is_no_picture_is_named(model: Path, tmp_path: Path, content: bytes) -> None:
    done = call(model, "--input", write(tmp_path / "text.jpg", content))
    assert done.exit_code == 1
    assert re.fullmatch(r"error: .*text\.jpg is .*picture.*\n", done.stderr)


def test_an_input_given_twice_is_refused(two: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((1, 6), np.float32))
    done = call(two, "--random", 1, *[f"--input=left={tmp_path / 'a.npy'}", f"--input=0={tmp_path / 'a.npy'}"])
    assert done.exit_code == 1 and "given twice" in done.stderr


@pytest.mark.parametrize(("span", "low", "high"), [(None, 0, 1), ("-1:1", -1, 1), ("0:255", 0, 255)])
def test_a_picture_becomes_floats_in_a_range(
    model: Path, picture: tuple[Path, NDArray[np.uint8]], tmp_path: Path, span: str | None, low: float, high: float
) -> None:
    path, pixels = picture
    options = [] if span is None else ["--image-range", span]
    done = call(model, "--input", path, *options, "--output", tmp_path / "y.npz")
    assert done.exit_code == 0, done.stderr
    value = (low + pixels / 255 * (high - low)).astype(np.float32).reshape(1, 8, 8, 1)
    np.testing.assert_array_equal(saved(tmp_path / "y.npz"), outcome(digits("f32"), value))


@pytest.mark.parametrize("span", [None, "0:1"])
def test_a_picture_becomes_bytes(picture: tuple[Path, NDArray[np.uint8]], tmp_path: Path, span: str | None) -> None:
    path, pixels = picture
    model = write(tmp_path / "int8.tflite", digits("int8"))
    options = [] if span is None else ["--image-range", span]
    done = call(model, "--input", path, *options, "--output", tmp_path / "y.npz")
    assert done.exit_code == 0, done.stderr
    value = (pixels.astype(np.int16) - 128).astype(np.int8).reshape(1, 8, 8, 1)  # the model's scale is 1/255
    np.testing.assert_array_equal(saved(tmp_path / "y.npz"), outcome(digits("int8"), value))


def test_free_dimensions_take_the_pictures_own_size(tmp_path: Path) -> None:
    b = GraphBuilder()
    x = b.input((1, 1, 1, 3), name="x", shape_signature=(1, -1, -1, 3))
    b.output(b.op("RELU", [x], (1, 1, 1, 3), shape_signature=(1, -1, -1, 3)))
    model = write(tmp_path / "free.tflite", b.build())
    pixels = np.random.default_rng(5).integers(0, 256, (5, 9, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    done = call(model, "--input", tmp_path / "p.png", "--output", tmp_path / "y.npz")
    assert done.exit_code == 0, done.stderr
    np.testing.assert_allclose(saved(tmp_path / "y.npz"), pixels[None] / 255, rtol=1e-6)
    assert "[1, 5, 9, 3]" in done.stdout


def test_a_picture_is_turned_as_its_camera_says(model: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (8, 8), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: turn by 90 degrees clockwise to look at it
    Image.fromarray(pixels).save(tmp_path / "p.png", exif=exif)
    done = call(model, "--input", tmp_path / "p.png", "--output", tmp_path / "y.npz")
    assert done.exit_code == 0, done.stderr
    value = (np.rot90(pixels, -1) / 255).astype(np.float32).reshape(1, 8, 8, 1)
    np.testing.assert_array_equal(saved(tmp_path / "y.npz"), outcome(digits("f32"), value))


def test_a_range_that_is_none_is_a_usage_error(model: Path, picture: tuple[Path, NDArray[np.uint8]]) -> None:
    assert call(model, "--input", picture[0], "--image-range", "1").exit_code == 2


def test_quantisation_goes_there_and_back() -> None:
    values = np.linspace(-1.2, 1.2, 31)
    stored = quantize(values, np.dtype(np.int8), 0.01, 3)
    assert stored.min() == -117 and stored.max() == 123
    np.testing.assert_allclose(dequantize(stored, 0.01, 3), values, atol=0.005 + 1e-12)
    assert quantize(np.array([9.0, -9.0]), np.dtype(np.uint8), 0.01, 3).tolist() == [255, 0]
    assert quantize(values, np.dtype(np.float32), 0.0, 0).dtype == np.float32
