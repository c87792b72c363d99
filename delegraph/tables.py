"""Settings in a file that people write: TOML, or the same as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def read_tables(path: Path) -> Any:
    """What a .toml or .json file holds. Raises ValueError naming the file and the place, and OSError."""
    try:
        text = path.read_text("utf-8")
        if path.suffix == ".json":
            return json.loads(text)
        if sys.version_info >= (3, 11):
            import tomllib

            return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from None
    raise ValueError(f"{path}: reading TOML takes Python 3.11 or later; write the same as JSON into a .json file")
