"""Where there is a C compiler, a libedgetpu that needs no device."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_tpu.kit import USB, VERSION, Bench, build


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler (cc), with which the double of libedgetpu is built")
    return build(tmp_path_factory.mktemp("libedgetpu"))


@pytest.fixture
def bench(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """One USB device."""
    made = Bench(tmp_path, library)
    monkeypatch.setitem(os.environ, "EDGETPU_DOUBLE", str(tmp_path))
    made.plug(USB)
    made.version(VERSION)
    yield made


@pytest.fixture
def compiler(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program called edgetpu_compiler, a shell script around another one as the real one is, and an empty cache."""
    path = tmp_path / "bin" / "edgetpu_compiler"
    path.parent.mkdir()
    tests = str(Path(__file__).parents[1])
    start = f"sys.path.insert(0, {tests!r})\nfrom edge_tpu.compiler import main\nmain()\n"
    path.with_name("inner.py").write_text(f"import sys\n{start}")
    path.write_text(f'#!/bin/sh\n"{sys.executable}" "{path.with_name("inner.py")}" "$@"\nexit $?\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return path
