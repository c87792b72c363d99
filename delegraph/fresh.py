"""Another Python process: what it takes to start one that imports from where this one does."""

from __future__ import annotations

import json
import sys

# A folder of a package's name where it is started hides nothing: the path is this process's.
PRELUDE = "import json, sys\nsys.path[:] = json.loads(sys.argv.pop(1))\n"


def fresh_python(code: str, *arguments: str) -> list[str]:
    """The command that runs `code` in a fresh interpreter, where `json` and `sys` are imported.

    The code finds `arguments` in `sys.argv[1:]`.
    """
    return [sys.executable, "-c", PRELUDE + code, json.dumps(sys.path), *arguments]
