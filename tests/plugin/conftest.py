"""Leaves out what only ai-edge-litert can answer where another runtime is installed."""

from __future__ import annotations

import importlib.util

# Its cases are made with the reference kernels of ai-edge-litert.
collect_ignore = [] if importlib.util.find_spec("ai_edge_litert") else ["test_structures.py"]
