"""Compiled shaders on disk: found again, and passed over where anything about them is off."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ops.harness import delegate

from delegraph import GPUDelegate
from delegraph.delegates.gpu import binaries
from delegraph.delegates.gpu.binaries import OFF, VARIABLE, Binaries, read, write
from delegraph.delegates.gpu.programs import Programs
from delegraph.doctor import check
from delegraph.shaders.program import Arg, Program, Stage

X = np.arange(8, dtype=np.float32)


def program(factor: float = 2.0) -> Program:
    return Program("elementwise", {}, (Arg("source", 0),), 1, (1, 1, 1), stages=(Stage(f"x * {factor}"),))


def compiled(place: Path | str, wanted: Program | None = None) -> int:
    """How many shaders had to be compiled for one that doubles, which is run."""
    device = delegate().device
    programs = Programs(device, cache_dir=place)
    text, shader = programs.acquire(wanted or program(), X.size)
    with device.current() as ctx:
        source, output = ctx.buffer(X.tobytes()), ctx.buffer(reserve=X.nbytes)
        source.bind_to_storage_buffer(0)
        output.bind_to_storage_buffer(1)
        shader.telling([X.size])()
        shader.run(1)
        ctx.finish()
        if wanted is None:
            np.testing.assert_array_equal(np.frombuffer(output.read(), np.float32), 2 * X)
        assert ctx.error == "GL_NO_ERROR"
        source.release()
        output.release()
    programs.release([text])
    return programs.compiled


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that has the shader."""
    found = Binaries(tmp_path / "kept", delegate().device)
    if "no binary formats" in found.problem:
        pytest.skip("this driver has no binary formats")
    assert compiled(tmp_path / "kept") == 1
    return tmp_path / "kept"


def only(place: Path) -> Path:
    (found,) = place.iterdir()
    return found


def test_what_was_compiled_is_found_by_the_next(place: Path) -> None:
    assert compiled(place) == 0
    assert only(place).stat().st_mode & 0o077 == 0 and place.stat().st_mode & 0o077 == 0


def torn(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def flipped(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)


def of_another_format(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[binaries.HEAD.size - 1] ^= 1
    file.write_bytes(raw)


def foreign(file: Path) -> None:
    """What another shader was compiled to, under this one's name."""
    assert compiled(file.parent, program(3.0)) == 1
    other = next(path for path in file.parent.iterdir() if path != file)
    os.replace(other, file)


def refused(file: Path) -> None:
    """Whole, but not what the driver made."""
    key = bytes.fromhex(file.name)
    form, content = read(file, key) or (0, b"")
    write(file, key, (form, os.urandom(len(content))))


def of_a_format_that_is_none(file: Path) -> None:
    write(file, bytes.fromhex(file.name), (0xFFFFFFFF, b"something"))


def huge(file: Path) -> None:
    with file.open("wb") as hole:
        hole.truncate(binaries.LARGEST + 1)


def linked(file: Path) -> None:
    file.rename(file.parent.parent / "elsewhere")
    file.symlink_to(file.parent.parent / "elsewhere")


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


HARM = (torn, empty, flipped, of_another_format, foreign, refused, of_a_format_that_is_none, huge, linked, pipe)


@pytest.mark.parametrize("harm", HARM, ids=lambda harm: harm.__name__)
def test_whatever_is_off_is_a_miss_and_is_replaced(place: Path, harm: Callable[[Path], None]) -> None:
    harm(only(place))
    assert compiled(place) == 1
    assert compiled(place) == 0
    assert only(place).is_file() and not only(place).is_symlink()


def test_another_driver_has_other_files(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delegate().device, "version", delegate().device.version + " of tomorrow")
    assert compiled(place) == 1
    assert len(list(place.iterdir())) == 2


def test_a_folder_that_others_may_write_to_is_not_used(place: Path) -> None:
    place.chmod(0o777)
    assert compiled(place) == 1
    assert "others than this user" in Binaries(place, delegate().device).problem


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert compiled(tmp_path / "file" / "kept") == 1
    assert Binaries(tmp_path / "file" / "kept", delegate().device).problem


def test_a_folder_that_goes_away_is_no_error(place: Path) -> None:
    device = delegate().device
    programs = Programs(device, cache_dir=place)
    only(place).unlink()
    place.rmdir()
    text, _ = programs.acquire(program(), X.size)
    programs.release([text])
    assert programs.compiled == 1 and programs.binaries.problem


def test_the_longest_unused_go(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = only(place)
    os.utime(first, (1, 1))
    size = first.stat().st_size
    assert compiled(place, program(3.0)) == 1
    assert compiled(place) == 0  # used just now
    second = next(path for path in place.iterdir() if path != first)
    os.utime(second, (1, 1))
    monkeypatch.setattr(binaries, "LIMIT", int(2.5 * size))
    assert compiled(place, program(4.0)) == 1
    left = list(place.iterdir())
    assert second not in left and 1 <= len(left) < 3


def test_where_they_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert binaries.folder(None, mesa=False) == tmp_path / "delegraph" / "gpu"
    assert binaries.folder(None, mesa=True) is None
    assert binaries.folder(OFF, mesa=False) is None
    monkeypatch.setenv(VARIABLE, "/elsewhere")
    assert binaries.folder(None, mesa=True) == Path("/elsewhere")
    assert binaries.folder(tmp_path, mesa=True) == tmp_path
    monkeypatch.setenv(VARIABLE, OFF)
    assert binaries.folder(None, mesa=False) is None


def test_doctor_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    delegate()
    assert "are not kept: that is off" in check(GPUDelegate(cache_dir=OFF)).detail
    assert str(tmp_path) in check(GPUDelegate(cache_dir=tmp_path)).detail
    monkeypatch.setattr(binaries, "integer", lambda name: 0)
    assert "no binary formats" in check(GPUDelegate(cache_dir=tmp_path)).detail
