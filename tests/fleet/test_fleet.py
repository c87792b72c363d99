"""`delegraph bench --hosts`: files that name machines, and a run on two of them through Ray."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from delegraph.bench.files import read_report
from delegraph.bench.fleet import read_fleet
from delegraph.cli import app
from delegraph.data import digits


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "digits.tflite"
    path.write_bytes(digits("f32"))
    return path


def written(folder: Path, told: Any) -> Path:
    path = folder / "fleet.json"
    path.write_text(json.dumps(told))
    return path


def test_a_file_names_hosts(tmp_path: Path) -> None:
    pi = {"resources": {"coral": 1}, "delegates": ["edgetpu,cpu"]}
    fleet = read_fleet(written(tmp_path, {"address": "ray://head:10001", "host": {"pi": pi, "server": {"gpus": 1}}}))
    assert fleet.address == "ray://head:10001" and [h.name for h in fleet.hosts] == ["pi", "server"]
    assert fleet.hosts[0].axes == {"delegates": ["edgetpu,cpu"]} and fleet.hosts[0].resources == {"coral": 1}
    assert (fleet.hosts[1].cpus, fleet.hosts[1].gpus) == (1, 1)


@pytest.mark.parametrize(
    "told, said",
    [
        ({}, "names no host"),
        ({"hosts": {"pi": {}}}, "names no host"),
        ({"host": {"pi": {}}, "adress": ""}, "unknown setting 'adress'; did you mean 'address'"),
        ({"host": {"pi": {"resource": {}}}}, r"\[host\.pi\]: unknown setting 'resource'; did you mean 'resources'"),
        ({"host": {"pi": {"resources": {"coral": "one"}}}}, r"\[host\.pi\]: cpus, gpus and each of resources"),
        ({"host": {"pi": {"resources": 3}}}, r"\[host\.pi\]: cpus, gpus and each of resources"),
        ({"host": {"pi": 3}}, r"\[host\.pi\] is a table"),
    ],
)
def test_what_is_wrong_with_it_is_named(tmp_path: Path, told: Any, said: str) -> None:
    with pytest.raises(ValueError, match=rf"fleet\.json.*{said}"):
        read_fleet(written(tmp_path, told))


def test_without_ray_it_says_what_to_install(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delegraph.bench.extra.have", lambda package: package != "ray")
    done = CliRunner().invoke(app, ["bench", str(model), "--hosts", str(written(tmp_path, {"host": {"a": {}}}))])
    assert done.exit_code == 1 and "pip install 'delegraph[ray]'" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'delegraph[ray]'")
def test_two_hosts_make_one_report(model: Path, tmp_path: Path) -> None:
    hosts = {"small": {"resources": {"coral": 1}, "threads": [1]}, "lame": {"delegates": ["gpu:no such thing,cpu"]}}
    fleet = written(tmp_path, {"address": "local", "host": hosts})
    out = tmp_path / "out"
    command = [sys.executable, "-c", "from delegraph.cli import app; app()", "bench", str(model), "--delegates", "cpu",
               "--seconds", "0.2", "--sets", "1", "--hosts", str(fleet), "--report", str(out)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = read_report(out / "report.json")
    assert [m.name for m in report.machines] == ["small", "lame"]
    small, lame = report.cells
    assert (small.machine, small.state, small.configuration.threads) == ("small", "done", 1)
    assert (lame.machine, lame.state) == ("lame", "failed") and "no such thing" in lame.problem
    assert "on small" in (out / "report.md").read_text()
