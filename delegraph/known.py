"""The delegates that can be asked for by name, on a command line or by `doctor`."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Mapping, MutableMapping
from functools import partial
from types import MappingProxyType
from typing import Any

from .delegates.base import Delegate
from .delegates.names import NAMED, imported

Parse = Callable[[str], Any]  # what an option's text stands for; raises ValueError that says what it may be


def _gpu(device: str, **options: Any) -> dict[str, Any]:
    return {"device": int(device) if device.isdecimal() else device or None, **options}


def _edgetpu(device: str, **options: Any) -> dict[str, Any]:
    return {"device": f":{device}" if device.isdecimal() else device or None, **options}


def _nnapi(device: str, **options: Any) -> dict[str, Any]:
    return {"device": device or None, **options}


def _cpu(device: str, threads: int | None = None) -> dict[str, Any]:
    if device:
        raise ValueError(f"delegate 'cpu' has no device to choose, so {f'cpu:{device}'!r} means nothing: say cpu")
    return {"num_threads": threads}


# Name -> the arguments of its delegate, from the text after the colon ("gpu:1"), which is empty for the default device,
# and from its options by name.
_ARGUMENTS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "gpu": _gpu,
    "edgetpu": _edgetpu,
    "nnapi": _nnapi,
    "cpu": _cpu,
}


def _near(name: str, device: str, **options: Any) -> Delegate:
    made: Delegate = imported(NAMED[name].delegate)(**_ARGUMENTS[name](device, **options))
    return made


def _remote(device: str, **options: Any) -> Delegate:
    address, name, there = _borrowed(device)
    if name not in NAMED:
        forms = f"remote:tcp://host:7200/cpu (or another of {', '.join(NAMED)}), remote:unix:///path/of/a.socket/cpu"
        raise ValueError(f"delegate 'remote' is named with an address and what to borrow there: {forms}")
    remote = imported("delegraph.delegates.bridge.delegate:RemoteDelegate")
    made: Delegate = remote(address, name, **_ARGUMENTS[name](there, **options))
    return made


def _borrowed(text: str) -> tuple[str, str, str]:
    """The address, what is borrowed and its device there: "tcp://host:7200", "edgetpu", "usb:1"."""
    address, _, what = text.rpartition("/")
    name, _, device = what.partition(":")
    return address, name, device


def _one_of(home: str, kind: type = str) -> Parse:
    """One of the words that "module:name" holds, or of the numbers."""

    def parse(text: str) -> Any:
        known = {str(word): word for word in imported(home)}
        if text not in known:
            raise ValueError(" or ".join(known))
        return kind(known[text])

    return parse


def _count(text: str) -> int:
    """A number from 1 on."""
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 5 and int(text)):
        raise ValueError("a number from 1 on")
    return int(text)


def _seconds(text: str) -> float:
    """A number of seconds above 0."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ValueError("a number of seconds above 0")
    return seconds


def _switch(text: str) -> bool:
    """Yes or no."""
    if text not in ("yes", "no"):
        raise ValueError("yes or no")
    return text == "yes"


def _path(text: str) -> str:
    """A file's or a folder's path."""
    if not text:
        raise ValueError("a path")
    return text


# Name -> what makes one, given the text after the colon and its options. In the order of preference where none is asked
# for.
FACTORIES: MutableMapping[str, Callable[..., Delegate]] = {name: partial(_near, name) for name in NAMED}
# Those too that have no default device, so are never looked for by themselves.
ALL: ChainMap[str, Callable[..., Delegate]] = ChainMap({"remote": _remote}, FACTORIES)

# What may be said of one on a command line besides its device, as in "gpu:precision=fp16".
OPTIONS: Mapping[str, Mapping[str, Parse]] = {
    "gpu": {
        "precision": _one_of("delegraph.delegates.gpu.halves:PRECISIONS"),
        "quantized": _one_of("delegraph.delegates.gpu.delegate:QUANTIZED"),
        "api": _one_of("delegraph.delegates.gpu.context:APIS"),
        "cache_dir": _path,
    },
    "edgetpu": {
        "cpu_twin": _path,
        "compiler": _path,
        "library": _path,
        "isolate": _switch,
        "timeout": _seconds,
    },
    "nnapi": {
        "preference": _one_of("delegraph.delegates.nnapi.abi:PREFERENCES"),
        "feature_level": _one_of("delegraph.delegates.nnapi.abi:LEVELS", int),
        "relaxed": _switch,
        "float_weights": _switch,
        "recording": _path,
        "library": _path,
        "cache_dir": _path,
    },
    "cpu": {"threads": _count},
}
_OPTION = re.compile(r"([A-Za-z_]+)=(.*)")


Defaults = Mapping[str, Mapping[str, Any]]  # name -> options of a delegate where a list does not say otherwise


def delegates_here(defaults: Defaults = MappingProxyType({})) -> list[Delegate]:
    """Every delegate but the CPU, which always stands last, whose device is here; the others are closed."""
    found = []
    for name, make in FACTORIES.items():
        if name != "cpu":
            delegate = make("", **defaults.get(name, {}))
            if delegate.probe().here:
                found.append(delegate)
            else:
                delegate.close()
    return found


def make_delegates(text: str, defaults: Defaults = MappingProxyType({})) -> list[Delegate]:
    """Delegates from a list such as "gpu,cpu" or "remote:tcp://host:7200/cpu" (a bridge, and what is borrowed there).

    Behind a name's colon stand a device ("gpu:1", by index or by part of its name) or OPTIONS, and behind these more of
    them: "gpu:precision=fp16,api=gles,cpu" is a GPU and the CPU, "gpu:1,precision=fp16" the second GPU alone.

    "auto" is all that are here; otherwise nothing is opened yet. `defaults` are options that hold where the list does
    not say otherwise. Raises ValueError for a name, an option or a value that is not known or is given twice, and where
    the list is empty.
    """
    if text.strip() == "auto":
        return delegates_here(defaults)
    made: dict[str, Delegate] = {}
    for name, device, options in _parsed(text):
        delegate = ALL[name](device, **{**defaults.get(name, {}), **options})
        if delegate.name in made:
            raise ValueError(f"delegate {delegate.name!r} is named twice")
        made[delegate.name] = delegate
    if not made:
        raise ValueError(f"no delegate is named: say some of {', '.join(ALL)}")
    return list(made.values())


def _parsed(text: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Each delegate's name, device and options; a part that is an option belongs to the delegate before it."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    for part in filter(None, map(str.strip, text.split(","))):
        if not (option := _OPTION.fullmatch(part)):
            name, _, rest = part.partition(":")
            if name == "auto":
                raise ValueError("'auto' stands alone: it is all that are here, as they are by default")
            if name not in ALL:
                raise ValueError(f"unknown delegate {name!r}: there are {', '.join(ALL)}")
            option = _OPTION.fullmatch(rest)
            found.append((name, "" if option else rest, {}))
        elif not found:
            raise ValueError(f"option {part!r} stands before any delegate: say gpu:{part}")
        if option:
            name, device, options = found[-1]
            _take(_borrowed(device)[1] if name == "remote" else name, options, *option.groups())
    return found


def _take(name: str, options: dict[str, Any], key: str, value: str) -> None:
    """Add a delegate's option. Raises ValueError that names it and what it may be."""
    known = OPTIONS.get(name, {})
    if key not in known:
        there = f": there are {', '.join(known)}" if known else ""
        raise ValueError(f"delegate {name!r} has no option {key!r}{there}")
    if key in options:
        raise ValueError(f"option {key!r} of delegate {name!r} is given twice")
    try:
        options[key] = known[key](value)
    except ValueError as error:
        raise ValueError(f"option {key!r} of delegate {name!r} is {error}, not {value!r}") from None
