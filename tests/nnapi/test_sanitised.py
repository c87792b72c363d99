"""The binding under AddressSanitizer: memory that the API may still read, handles used after they were freed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

import models

FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=undefined"
# What the process has to begin with: the sanitizer, and the library whose exceptions it intercepts.
PRELOADED = ("libasan.so", "libstdc++.so.6")


@pytest.mark.soak
def test_nothing_is_read_that_is_gone() -> None:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no gcc here, whose AddressSanitizer this is")
    found = [
        subprocess.run(
            [compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in PRELOADED
    ]
    if not all(map(os.path.isabs, found)):
        pytest.skip(f"gcc has no {' and '.join(PRELOADED)} here")
    environment = {
        **os.environ, "LD_PRELOAD": " ".join(found), "NNAPI_REFERENCE_FLAGS": FLAGS, "ASAN_OPTIONS": "detect_leaks=0",
    }  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/nnapi", "-k"]
    only = "(test_binding and not 27 and not 28 and not 29 and not 30 and not 31)"
    only += " or test_samples or test_folding or test_lstm"
    done = subprocess.run(
        [*command, only], cwd=models.ROOT, env=environment, capture_output=True, text=True, timeout=600
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
