"""`delegraph verify`: tables, JSON, exit codes, and what it says of bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ops.harness import delegate
from typer.testing import CliRunner, Result

from delegraph.cli import app
from delegraph.data import digits
from delegraph.delegates.gpu import launches
from delegraph.shaders.program import Stage
from delegraph.verification.walk import Walk


def call(*args: object) -> Result:
    return CliRunner().invoke(app, ["verify", *map(str, args)])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    delegate()  # skips or fails where there is no GL
    path = tmp_path / "model.tflite"
    path.write_bytes(digits("f32"))
    return path


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an activation is fused into an op of the same file, it is left out."""
    monkeypatch.setattr(launches.Lowerer, "moved", lambda self, stage, root, place: Stage("x"))


def test_a_right_model_passes(model: Path) -> None:
    done = call(model, "--delegates", "gpu", "--random", 5)
    assert done.exit_code == 0, done.output
    assert "11   SOFTMAX" in done.stdout and "PASS: floats within 0.0001" in done.stdout
    quick = call(model, "--quick", "--json")
    found = json.loads(quick.stdout)
    assert (found["verdict"], found["ops"], found["blame"], found["model"]) == ("PASS", [], None, "model.tflite")


def test_a_wrong_one_fails_and_its_ops_are_saved(model: Path, wrong: None, tmp_path: Path) -> None:
    path = tmp_path / "culprit.tflite"
    done = call(model, "--json", "--save", path)
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert (found["verdict"], found["blame"]["kind"], found["blame"]["ops"]) == ("FAIL", "fusion", [2, 3])
    assert [op["op"] for op in found["ops"] if op["off"]] == [2, 7]
    again = call(path, "--input", tmp_path / "culprit.npz", "--delegates", "cpu")
    assert again.exit_code == 0, again.output
    table = call(model, "--quick")
    assert table.exit_code == 1 and "to blame: ops 2, 3 (CONV_2D, ADD) on gpu" in table.stdout


def test_ctrl_c_leaves_what_was_found(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = Walk._checked

    def until_the_fourth(self: Walk, ops: tuple[int, ...], real: dict[int, np.ndarray]) -> object:
        if ops == (4,):
            raise KeyboardInterrupt
        return check(self, ops, real)

    monkeypatch.setattr(Walk, "_checked", until_the_fourth)
    done = call(model)
    assert done.exit_code == 130 and "broken off after 4 ops" in done.stdout and "nothing off so far" in done.stdout
    found = json.loads(call(model, "--json").stdout)
    assert not found["complete"] and len(found["ops"]) == 4


def test_bad_input_gets_one_line(model: Path, tmp_path: Path) -> None:
    def line(*args: object) -> str:
        done = call(*args)
        assert done.exit_code == 1 and not done.stdout and len(done.stderr.strip().splitlines()) == 1, done.output
        return done.stderr

    assert "absent.tflite" in line(tmp_path / "absent.tflite")
    assert f"{tmp_path / 'absent'}: No such file" in line(model, "--save", tmp_path / "absent" / "op.tflite")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 and no more")
    assert "broken.npz is not a usable .npz file" in line(model, "--input", tmp_path / "broken.npz")
    assert "absent.npz: No such file" in line(model, "--input", tmp_path / "absent.npz")
    np.savez(tmp_path / "shape.npz", **{"0": np.zeros((2, 2), np.float32)})
    assert "shape.npz: '0' holds float32 [2, 2]" in line(model, "--input", tmp_path / "shape.npz")
    np.savez(tmp_path / "other.npz", other=np.zeros(3))
    assert "holds no input of the model" in call(model, "--input", tmp_path / "other.npz").stderr
