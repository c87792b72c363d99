"""A plan as node data for Google's Model Explorer, which draws the model and colours each op by its delegate."""

from __future__ import annotations

from typing import Any

from .page import COLOURS
from .plan import Plan

# Okabe and Ito's (2008), as in plan.html, and what can be read on each.
BACKGROUND = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a800", "#6e6e6e")
TEXT = ("#ffffff", "#000000", "#ffffff", "#000000", "#000000", "#ffffff", "#000000", "#ffffff")
FOLDED = {"value": "folded", "bgColor": "#e4e7eb", "textColor": "#57606a"}


def node_data(plan: Plan) -> dict[str, Any]:
    """JSON-ready node data of one graph (`GraphNodeData` in ai-edge-model-explorer 0.1), by the op's index.

    Load it beside the model: `model-explorer MODEL --node_data_paths=FILE`, or by "Upload per-node data".
    """
    slots = {name: slot % COLOURS for slot, name in enumerate(plan.delegates)}
    results = {}
    for d in plan.decisions:
        if d.folded or d.delegate not in slots:
            results[str(d.op)] = FOLDED
            continue
        slot = slots[d.delegate]
        results[str(d.op)] = {"value": d.delegate, "bgColor": BACKGROUND[slot], "textColor": TEXT[slot]}
    return {"name": "delegraph: delegate", "results": results, "showExpandedSummaryOnGroupNode": True}
