"""The Neural Networks API as a bridge on a phone lends it; numpy is all that it needs."""

from __future__ import annotations

import os

from ..engine import Near, Site
from .engine import NNAPIEngine


def nnapi() -> Site:
    """The phone's devices; each program says on which it is to run.

    $DELEGRAPH_NNAPI_LIBRARY is the API's file, where it is in no usual place; $DELEGRAPH_NNAPI_CACHE a folder for what
    was compiled.
    """
    return Near(NNAPIEngine(os.environ.get("DELEGRAPH_NNAPI_LIBRARY"), os.environ.get("DELEGRAPH_NNAPI_CACHE")))
