"""pycoral, where it is Coral's: the package that PyPI has under this name is another one."""

from __future__ import annotations

import importlib
import importlib.util
from importlib import metadata
from pathlib import Path
from typing import Any

from ...errors import DeviceAbsent
from .devices import Device


def found() -> tuple[bool, str]:
    """Whether Coral's pycoral is installed, found without importing it; and what to know of another one that is."""
    spec = importlib.util.find_spec("pycoral")
    if spec is None:
        return False, ""
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if any((folder / "utils" / "edgetpu.py").is_file() for folder in folders):
        return True, ""
    where = spec.origin or ", ".join(map(str, folders))
    return False, (
        f"the pycoral{_version()} at {where} is not Coral's but an unrelated package of PyPI's: pip uninstall pycoral "
        "(docs/edgetpu.md says where the real one is)"
    )


def _version() -> str:
    try:
        return f" {metadata.version('pycoral')}"
    except metadata.PackageNotFoundError:
        return ""


class Coral:
    """Coral's pycoral as the way to devices and interpreters."""

    def __init__(self) -> None:
        """Import it. Raises DeviceAbsent where it does not let itself be imported."""
        try:
            self._module: Any = importlib.import_module("pycoral.utils.edgetpu")
        except (ImportError, OSError, AttributeError) as error:  # numpy 2, another Python's binary, no libedgetpu ...
            raise DeviceAbsent(f"pycoral{_version()} is installed but does not import: {error}") from error
        self.name = f"pycoral{_version()}"

    def devices(self) -> list[Device]:
        """The devices, in the order by which they are numbered."""
        return [Device(str(entry["type"]), str(entry["path"])) for entry in self._module.list_edge_tpus()]

    def version(self) -> str:
        """libedgetpu's version."""
        return str(self._module.get_runtime_version())

    def open(self, content: bytes, device: str) -> Any:
        """An interpreter with the device in it; raises what the runtime raises."""
        return self._module.make_interpreter(content, device=device or None)
