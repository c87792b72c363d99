"""Every command on the shipped models, on bad files, and without a terminal or a GPU."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.text import Text
from typer.testing import CliRunner, Result

from delegraph import CPUDelegate, Interpreter, InvalidModel, NullDelegate, RemoteDelegate
from delegraph.cli import app
from delegraph.data import digits
from delegraph.delegates.gpu import context
from delegraph.graph.builder import GraphBuilder
from delegraph.known import FACTORIES, make_delegates


def call(*args: object) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def rows(output: str) -> list[list[str]]:
    """The cells of a table's rows: what stands under the rule, split where columns are."""
    body = output.split("─\n", 1)[1].split("\n\n")[0]
    return [re.split(r" {2,}", line.strip()) for line in body.splitlines() if line.strip()]


@pytest.fixture(params=["f32", "int8"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(digits(request.param))
    return path


@pytest.fixture
def corrupted(tmp_path: Path) -> Path:
    path = tmp_path / "corrupted.tflite"
    path.write_bytes(digits("f32")[:20000])
    return path


@pytest.fixture
def without_gl(monkeypatch: pytest.MonkeyPatch) -> Any:
    context.library.cache_clear()
    monkeypatch.setattr(context, "LIBEGL", "libEGL-that-is-not-there.so.1")
    yield
    context.library.cache_clear()


def test_plan_json_is_the_interpreters_own(model: Path) -> None:
    done = call("plan", model, "--json", "--delegates", "gpu,cpu")
    assert done.exit_code == 0
    with Interpreter(model_path=str(model), delegates=make_delegates("gpu,cpu")) as it:
        assert json.loads(done.stdout) == it.plan.to_json()


def test_plan_for_a_machine_that_has_the_devices(model: Path) -> None:
    asked = ("plan", model, "--delegates", "nnapi:feature_level=31,cpu", "--json")
    here, there = (json.loads(call(*asked, *more).stdout) for more in ((), ("--elsewhere",)))
    assert {d["delegate"] for d in here["decisions"]} == {"cpu"}
    assert {d["delegate"] for d in there["decisions"]} >= {"nnapi"}


def test_plan_prints_a_row_for_every_op(model: Path) -> None:
    done = call("plan", model, "--delegates", "cpu")
    with Interpreter(model_path=str(model)) as it:
        wanted = [[str(op.index), op.kind, "cpu", "0"] for op in it.graph.ops]
    assert rows(done.stdout) == wanted


def test_plan_says_why_the_preferred_delegate_refused(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    monkeypatch.setitem(FACTORIES, "gpu", lambda _: NullDelegate({"SOFTMAX"}, name="gpu"))
    done = call("plan", model)
    told = {row[1]: row[4:] for row in rows(done.stdout)}
    assert told["MEAN"] == ["gpu refused: kind: MEAN (wanted SOFTMAX)"]
    assert told["SOFTMAX"] == []


def test_plan_tells_everything_of_one_op(model: Path) -> None:
    done = call("plan", model, "--op", 0, "--delegates", "cpu")
    assert done.stdout.startswith("op 0: ") and "reads tensor" in done.stdout
    assert "has ops 0 to" in call("plan", model, "--op", 99).stderr


def test_plan_writes_a_page_and_keeps_stdout_for_json(model: Path, tmp_path: Path) -> None:
    page = tmp_path / "plan.html"
    done = call("plan", model, "--html", page, "--json")
    assert json.loads(done.stdout)["decisions"]
    html = page.read_text("utf-8")
    assert "<h1>model.tflite</h1>" in html
    assert all(link.startswith("#") for link in re.findall(r"""(?:src|href)\s*=\s*["']?([^"'>]*)""", html))


@pytest.mark.parametrize("command", [("plan",), ("run", "--random", 1)])
def test_a_corrupted_file_is_one_line_and_exit_code_1(corrupted: Path, command: tuple[object, ...]) -> None:
    done = call(*command, corrupted)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert re.fullmatch(r"error: invalid model: .+\n", done.stderr)


@pytest.mark.parametrize("line", [("--debug", "plan"), ("plan", "--debug")])
def test_debug_shows_the_traceback_wherever_it_stands(corrupted: Path, line: tuple[str, ...]) -> None:
    assert isinstance(call(*line, corrupted).exception, InvalidModel)


@pytest.mark.parametrize("command", [("plan",), ("run", "--random", 1)])
def test_a_file_that_is_not_there_is_named(command: tuple[object, ...]) -> None:
    done = call(*command, "not/there.tflite")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ") and "not/there.tflite" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("delegates", "said"),
    [
        ("tpu", "unknown delegate 'tpu'"),
        ("cpu:3", "no device to choose"),
        ("cpu,cpu", "twice"),
        (",", "no delegate"),
        ("auto,cpu", "'auto' stands alone"),
        ("precision=fp16", "stands before any delegate: say gpu:precision=fp16"),
        ("gpu:precision=fp8,cpu", "option 'precision' of delegate 'gpu' is fp32 or fp16, not 'fp8'"),
        ("gpu:precision=fp16,quantized=", "is exact or float, not ''"),
        ("gpu:api=vulkan", "is gl or gles, not 'vulkan'"),
        ("gpu:1,api=gl,api=gles", "option 'api' of delegate 'gpu' is given twice"),
        ("gpu:speed=high", "delegate 'gpu' has no option 'speed': there are precision, quantized, api"),
        ("cpu:threads=0", "a number from 1 on, not '0'"),
        ("edgetpu:threads=1", "delegate 'edgetpu' has no option 'threads'"),
        ("edgetpu:timeout=nan", "option 'timeout' of delegate 'edgetpu' is a number of seconds above 0, not 'nan'"),
        ("edgetpu:isolate=perhaps", "is yes or no, not 'perhaps'"),
        ("nnapi:feature_level=26", "option 'feature_level' of delegate 'nnapi' is 27 or 28 or"),
        ("remote:tcp://h:7200/cpu,precision=fp16", "delegate 'cpu' has no option 'precision': there are threads"),
    ],
)
def test_a_delegate_list_that_makes_no_sense_is_a_usage_error(model: Path, delegates: str, said: str) -> None:
    done = call("plan", model, "--delegates", delegates)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())


def test_a_device_index_and_a_device_name_reach_the_delegate(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def note(device: object) -> NullDelegate:
        asked.append(device)
        return NullDelegate()

    monkeypatch.setattr("delegraph.delegates.gpu.delegate.GPUDelegate", note)
    for text in ("gpu", "gpu:1", "gpu:Radeon", " gpu:0 , cpu"):
        make_delegates(text)
    assert asked == [None, 1, "Radeon", 0]


def test_options_reach_the_delegate_that_they_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def note(name: str) -> Any:
        def make(**options: object) -> NullDelegate:
            asked.append((name, options))
            return NullDelegate(name=name)

        return make

    for home, name in (("gpu.delegate", "GPU"), ("cpu", "CPU"), ("edgetpu.delegate", "EdgeTPU")):
        monkeypatch.setattr(f"delegraph.delegates.{home}.{name}Delegate", note(name.lower()))
    make_delegates("gpu:precision=fp16, api=gles ,cpu:threads=2")
    make_delegates("gpu:Radeon,quantized=float")
    make_delegates("edgetpu:usb:1,cpu_twin=a/model.tflite,isolate=no,timeout=2.5")
    assert asked == [
        ("gpu", {"device": None, "precision": "fp16", "api": "gles"}),
        ("cpu", {"num_threads": 2}),
        ("gpu", {"device": "Radeon", "quantized": "float"}),
        ("edgetpu", {"device": "usb:1", "cpu_twin": "a/model.tflite", "isolate": False, "timeout": 2.5}),
    ]


def test_what_is_borrowed_over_a_bridge_has_a_device_and_options() -> None:
    (far,) = make_delegates("remote:tcp://127.0.0.1:7200/gpu:1,precision=fp16,quantized=float")
    assert isinstance(far, RemoteDelegate) and far.name == "remote-gpu"
    assert far.site.dialer.options == {"device": 1, "precision": "fp16", "quantized": "float"}
    with pytest.raises(ValueError, match="isolate of 'edgetpu' is for whoever serves the bridge"):
        make_delegates("remote:tcp://127.0.0.1:7200/edgetpu:usb:1,isolate=no")


def test_naming_delegates_imports_none() -> None:
    code = (
        "import sys, delegraph.known; print([m for m in sys.modules if 'edgetpu' in m or 'nnapi' in m or 'gpu' in m])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_plan_tells_what_runs_in_fp16(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(digits("f32"))
    done = call("plan", path, "--delegates", "gpu:precision=fp16", "--op", 0)
    assert "in fp16" in done.stdout
    assert "in fp16" not in call("plan", path, "--delegates", "gpu", "--op", 0).stdout


def test_doctor_computes_a_sum_on_every_delegate() -> None:
    done = call("doctor", "--json")
    found = json.loads(done.stdout)
    assert [c["delegate"] for c in found["delegates"]] == list(FACTORIES)
    assert {c["sum"] for c in found["delegates"] if c["here"]} == {"ok"}
    assert found["versions"]["python"] and found["versions"]["delegraph"]
    assert done.exit_code == 0
    assert [row[0] for row in rows(call("doctor").stdout)] == list(FACTORIES)
    assert json.loads(done.stdout)["custom_ops"]["Resampler"] == ["gpu", "host"]
    assert "Resampler (gpu, host)" in call("doctor").stdout


class Subtracts(CPUDelegate):
    """A CPU whose ADD subtracts."""

    def open(self, content: bytes, resolver: str | None = None) -> Any:
        b = GraphBuilder()
        b.output(b.op("SUB", [b.input((1, 7)), b.input((1, 7))], (1, 7)))
        return super().open(b.build(), resolver)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (Subtracts, "wrong"),
        (NullDelegate, "failed: StepFailed"),
        (lambda: NullDelegate([]), "refused the sum: kind"),
    ],
)
def test_doctor_finds_a_delegate_that_cannot_add(monkeypatch: pytest.MonkeyPatch, broken: Any, said: str) -> None:
    monkeypatch.setitem(FACTORIES, "cpu", lambda _: broken())
    done = call("doctor", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["delegates"][-1]["sum"].startswith(said)


def test_doctor_without_gl_says_what_to_install(without_gl: None) -> None:
    done = call("doctor")
    assert done.exit_code == 0
    assert rows(done.stdout)[0][:2] == ["gpu", "no"]
    assert "libegl1" in done.stdout and "libgl1-mesa-dri" in done.stdout


def test_demo_runs_every_model_on_every_delegate_that_is_here(tmp_path: Path) -> None:
    page = tmp_path / "demo.html"
    done = call("demo", "--html", page)
    assert done.exit_code == 0, done.stderr
    here = [d.name for d in make_delegates("cpu,gpu") if d.probe().here]
    found = rows(done.stdout)
    assert [row[:2] for row in found] == [[kind, name] for kind in ("f32", "int8") for name in here]
    for row in found:
        assert float(row[4].rstrip("%")) >= 97
        # In 8 bits the GPU has the reference kernels' bits, and the CPU's fast kernels round otherwise.
        assert row[1] == "cpu" or float(row[5]) < (1e-4 if row[0] == "f32" else 0.05)
    assert found[0][2] == "12 of 12"
    assert "digits_f32.tflite" in page.read_text("utf-8")
    assert str(page) in done.stdout


def test_demo_runs_on_the_delegates_that_it_is_told(tmp_path: Path) -> None:
    done = call("demo", "--html", tmp_path / "demo.html", "--delegates", "cpu:threads=1")
    assert done.exit_code == 0, done.stderr
    assert [row[:3] for row in rows(done.stdout)] == [["f32", "cpu", "12 of 12"], ["int8", "cpu", "12 of 12"]]


def test_demo_without_gl_does_the_whole_job_on_the_cpu(without_gl: None, tmp_path: Path) -> None:
    done = call("demo", "--html", tmp_path / "demo.html")
    assert done.exit_code == 0, done.stderr
    assert [row[:3] for row in rows(done.stdout)] == [["f32", "cpu", "12 of 12"], ["int8", "cpu", "12 of 12"]]
    assert all(package in done.stdout for package in ("libegl1", "libgl1", "libgl1-mesa-dri"))
    assert (tmp_path / "demo.html").is_file()


def test_demo_that_cannot_write_its_page_says_so(tmp_path: Path) -> None:
    done = call("demo", "--html", tmp_path / "no" / "such" / "folder.html")
    assert done.exit_code == 1
    assert "folder.html: No such file or directory" in done.stderr


@pytest.mark.slow
def test_without_a_terminal_there_is_no_colour_and_no_wrapping(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(digits("f32"))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "FORCE_COLOR")}
    line = [sys.executable, "-m", "delegraph.cli", "plan", str(path)]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, env=environment, check=True)
    assert "\x1b" not in done.stdout + done.stderr
    assert len(rows(done.stdout)) == 12
    bad = subprocess.run([*line[:-1], "absent.tflite"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert bad.returncode == 1 and "Traceback" not in bad.stderr and "absent.tflite" in bad.stderr


def test_a_narrow_terminal_cuts_no_number(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    found = rows(call("plan", model, "--delegates", "cpu").stdout)
    assert [row[0] for row in found] == [str(i) for i in range(12)]
    assert "DEPTHWISE_CONV_2D" in {row[1] for row in found}


def test_version() -> None:
    assert re.fullmatch(r"delegraph \d+\.\d+\S*\n", call("--version").stdout)


def test_help_shows_what_stands_in_brackets() -> None:
    """Markup takes a word in brackets for a style of its own, and leaves it out."""
    told = [typer.main.get_command(app)]
    texts = []
    while told:
        command = told.pop()
        texts += [command.help, *(getattr(param, "help", None) for param in command.params)]
        told += getattr(command, "commands", {}).values()
    for text in filter(None, texts):
        assert Text.from_markup(text).plain == text.replace("\\[", "["), text
    assert any("\\[default: " in text for text in filter(None, texts))
