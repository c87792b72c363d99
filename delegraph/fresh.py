"""Another Python process: what it takes to start one that imports from where this one does."""

from __future__ import annotations

import json
import sys
import sysconfig
from pathlib import Path

# A folder of a package's name where it is started hides nothing: the path is this process's.
PRELUDE = "import json, sys\nsys.path[:] = json.loads(sys.argv.pop(1))\n"
# What the other Python has comes first, before what PYTHONPATH says to this one; what it lacks, as this package,
# is taken from where this process has it.
GUEST = (
    "import json, site, sys\n"
    "sys.path[:] = [p for p in sys.path if p]\n"
    "for p in json.loads(sys.argv.pop(1)): site.addsitedir(p)\n"
)


def fresh_python(code: str, *arguments: str, python: str = "") -> list[str]:
    """The command that runs `code` in a fresh interpreter, where `json` and `sys` are imported.

    The code finds `arguments` in `sys.argv[1:]`. `python` is another interpreter, such as that of a virtual
    environment that has other packages: its own go before those of this process.
    """
    if not python:
        return [sys.executable, "-c", PRELUDE + code, json.dumps(sys.path), *arguments]
    standard = {sysconfig.get_path("stdlib"), str(Path(sysconfig.get_path("platstdlib"), "lib-dynload"))}
    shared = [path for path in sys.path if path not in standard and Path(path).is_dir()]
    return [python, "-E", "-c", GUEST + code, json.dumps(shared), *arguments]
