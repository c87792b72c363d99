"""Ways to a device: libedgetpu, Coral's pycoral, the package that is called so but is another, and what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from delegraph import EdgeTPUDelegate, Interpreter, StepFailed, VersionMismatch
from delegraph.delegates.edgetpu import coral, library
from delegraph.delegates.edgetpu.devices import Device, Wanted
from delegraph.delegates.edgetpu.library import Library, runtime_version
from delegraph.errors import DeviceAbsent
from delegraph.known import make_delegates
from edge_tpu.kit import PCI, USB, Bench, noise, outputs, pair, same

NAME = "mobilenet_v1_0.25_128_quant"
PYCORAL = """
from delegraph.delegates.runtime import load_runtime
from edge_tpu import double
def list_edge_tpus():
    return [{"type": device.kind, "path": device.path} for device in double.devices()]
def get_runtime_version():
    return (double.folder() / "version").read_text()
def make_interpreter(model_path_or_content, device=None):
    print("device", device, flush=True)
    made = [double.Double()]
    return load_runtime().module.Interpreter(model_content=model_path_or_content, experimental_delegates=made)
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a package `pycoral` that is not Coral's, where packages are looked for first."""
    folder = tmp_path / "packages"
    (folder / "pycoral").mkdir(parents=True)
    (folder / "pycoral" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(folder)
    return folder


def test_corals_pycoral_is_preferred(bench: Bench, packages: Path) -> None:
    bench.plug(PCI, USB)
    (packages / "pycoral" / "utils").mkdir()
    (packages / "pycoral" / "utils" / "__init__.py").write_text("")
    (packages / "pycoral" / "utils" / "edgetpu.py").write_text(PYCORAL)
    compiled, twin = pair(NAME)
    bench.knows((compiled, twin))
    delegate = EdgeTPUDelegate("usb:0")
    assert delegate.probe().here and delegate.probe().detail.endswith("through pycoral")
    assert "usb Edge TPU" in delegate.probe().detail
    with Interpreter(str(compiled), delegates=[delegate]) as it, Interpreter(str(twin)) as cpu:
        it.allocate_tensors()
        cpu.allocate_tensors()
        same(outputs(it, noise(cpu)), outputs(cpu, noise(cpu)))
    delegate.close()


def test_a_pycoral_that_does_not_import(bench: Bench, packages: Path) -> None:
    (packages / "pycoral" / "utils").mkdir()
    (packages / "pycoral" / "utils" / "edgetpu.py").write_text("import no_such_binary")
    delegate = EdgeTPUDelegate()
    probe = delegate.probe()
    assert (
        not probe.here and "pycoral is installed but does not import: No module named 'no_such_binary'" in probe.detail
    )
    delegate.close()


def test_the_package_that_is_not_corals_is_named(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "CACHE", Path("/nonexistent"))
    monkeypatch.setattr(library, "FOLDERS", ())
    probe = EdgeTPUDelegate().probe()
    assert (probe.here, probe.detail) == (False, "no libedgetpu.so.1")
    assert "not Coral's but an unrelated package of PyPI's: pip uninstall pycoral" in probe.remedy
    assert str(packages) in probe.remedy
    assert coral.found()[0] is False


def test_no_library() -> None:
    delegate = EdgeTPUDelegate(library="/nonexistent/libedgetpu.so.1")
    assert delegate.child_pid is None and not delegate.probe().here
    assert delegate.child_pid is None  # no process was started to find that out


def test_what_is_no_library(tmp_path: Path) -> None:
    path = tmp_path / "libedgetpu.so.1"
    path.write_bytes(b"\x7fELF nothing")
    delegate = EdgeTPUDelegate(library=path)
    assert f"{path} does not load" in delegate.probe().detail and "libedgetpu1-std" in delegate.probe().detail
    delegate.close()
    with pytest.raises(DeviceAbsent, match="is no libedgetpu"):
        Library("libm.so.6")


@pytest.mark.parametrize(
    ("device", "path"), [(None, "/dev/apex_0"), (":1", "2-1"), ("usb", "2-1"), ("usb:1", "2-2"), ("pci:0", "apex_0")]
)
def test_a_device_by_its_string(bench: Bench, device: str | None, path: str) -> None:
    bench.plug(PCI, USB, "usb /sys/bus/usb/devices/2-2")
    found = Library(str(bench.library)).devices()
    assert Wanted.parse(device).pick(found).path.endswith(path)


def test_a_device_that_is_not_there(bench: Bench) -> None:
    delegate = bench.delegate("usb:1")
    probe = delegate.probe()
    assert (
        not probe.here
        and "there is no Edge TPU 'usb:1'; there are usb Edge TPU /sys/bus/usb/devices/2-1" in probe.detail
    )
    with pytest.raises(DeviceAbsent, match="there is no Edge TPU 'pci'"):
        Wanted.parse("pci").pick([Device("usb", "2-1")])
    delegate.close()


@pytest.mark.parametrize("isolate", [True, False], ids=["isolated", "here"])
def test_a_runtime_that_is_too_old(bench: Bench, isolate: bool) -> None:
    bench.version("BuildLabel(x), RuntimeVersion(11)")
    bench.knows(pair(NAME))
    delegate = bench.delegate(isolate=isolate)
    with Interpreter(str(pair(NAME)[0]), delegates=[delegate]) as it:
        with pytest.raises(
            StepFailed, match=r"runtime version 12 .* RuntimeVersion\(11\): .*edgetpu_compiler -m 11"
        ) as caught:
            it.allocate_tensors()
        assert isinstance(caught.value.__cause__, VersionMismatch)
    delegate.close()


def test_versions() -> None:
    assert runtime_version("BuildLabel(COMPILER=9.3.0,DATE=redacted), RuntimeVersion(14)") == 14
    assert runtime_version("unknown") is None


def test_by_name() -> None:
    for text in ("edgetpu", "edgetpu:1", "edgetpu:usb", "edgetpu:usb:1", "edgetpu:pci:0"):
        (delegate,) = make_delegates(text)
        assert delegate.name == "edgetpu"
    with pytest.raises(ValueError, match="no Edge TPU is called 'radeon'"):
        make_delegates("edgetpu:radeon")
