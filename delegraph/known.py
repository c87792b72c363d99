"""The delegates that can be asked for by name, on a command line or by `doctor`."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, MutableMapping

from .delegates.base import Delegate
from .delegates.bridge.delegate import NEAR, RemoteDelegate
from .delegates.cpu import CPUDelegate
from .delegates.edgetpu.delegate import EdgeTPUDelegate
from .delegates.gpu.delegate import GPUDelegate
from .delegates.nnapi.delegate import NNAPIDelegate


def _gpu(device: str) -> Delegate:
    return GPUDelegate(device=int(device) if device.isdecimal() else device or None)


def _edgetpu(device: str) -> Delegate:
    return EdgeTPUDelegate(f":{device}" if device.isdecimal() else device or None)


def _nnapi(device: str) -> Delegate:
    return NNAPIDelegate(device=device or None)


def _cpu(device: str) -> Delegate:
    if device:
        raise ValueError(f"delegate 'cpu' has no device to choose, so {f'cpu:{device}'!r} means nothing: say cpu")
    return CPUDelegate()


def _remote(device: str) -> Delegate:
    address, _, name = device.rpartition("/")
    if name not in NEAR:
        forms = f"remote:tcp://host:7200/cpu (or another of {', '.join(NEAR)}), remote:unix:///path/of/a.socket/cpu"
        raise ValueError(f"delegate 'remote' is named with an address and what to borrow there: {forms}")
    return RemoteDelegate(address, name)


# Name -> what makes one, given the text after the colon ("gpu:1"), which is empty for the default device. In the order
# of preference where none is asked for. A new delegate is one line here.
FACTORIES: MutableMapping[str, Callable[[str], Delegate]] = {
    "gpu": _gpu,
    "edgetpu": _edgetpu,
    "nnapi": _nnapi,
    "cpu": _cpu,
}
# Those too that have no default device, so are never looked for by themselves.
ALL: ChainMap[str, Callable[[str], Delegate]] = ChainMap({"remote": _remote}, FACTORIES)


def delegates_here() -> list[Delegate]:
    """Every delegate but the CPU, which always stands last, whose device is here; the others are closed."""
    found = []
    for name, make in FACTORIES.items():
        if name != "cpu":
            delegate = make("")
            if delegate.probe().here:
                found.append(delegate)
            else:
                delegate.close()
    return found


def make_delegates(text: str) -> list[Delegate]:
    """Delegates from a list such as "gpu,cpu", "gpu:1" (a device by index or by part of its name), or
    "remote:tcp://host:7200/cpu" (a bridge, and what is borrowed there).

    "auto" is all that are here; otherwise nothing is opened yet. Raises ValueError for a name that is not known or is
    given twice, and where the list is empty.
    """
    if text.strip() == "auto":
        return delegates_here()
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise ValueError(f"no delegate is named: say some of {', '.join(ALL)}")
    made: dict[str, Delegate] = {}
    for part in parts:
        name, _, device = part.partition(":")
        if name not in ALL:
            raise ValueError(f"unknown delegate {name!r}: there are {', '.join(ALL)}")
        delegate = ALL[name](device)
        if delegate.name in made:
            raise ValueError(f"delegate {delegate.name!r} is named twice")
        made[delegate.name] = delegate
    return list(made.values())
