"""Figures as SVG whose colours are those of the page around them, light or dark; marks say what they are.

Matplotlib draws. Colours go in as placeholders and come out as CSS variables; figures are as wide as a phone, so that
pages lay them out side by side, or one below the other, without making their text small.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

from ..partitioner.explain import plain

WIDTH = 380  # CSS pixels
DPI = 72  # SVG's points are taken for pixels
INK, SOFT, LINE, CARD = "#010203", "#010204", "#010205", "#010206"
SLOTS = 8
VARIABLES = {INK: "--ink", SOFT: "--soft", LINE: "--line", CARD: "--card"}
VARIABLES |= {f"#0a0b{k:02x}": f"--d{k}" for k in range(SLOTS)}
MARK = "mark-"

STYLE: Any = {  # matplotlib would have its keys literal
    "svg.fonttype": "none", "svg.hashsalt": "delegraph", "font.family": "sans-serif", "font.size": 11,
    "axes.edgecolor": LINE, "axes.labelcolor": SOFT, "text.color": INK, "xtick.color": SOFT, "ytick.color": SOFT,
    "xtick.labelcolor": SOFT, "ytick.labelcolor": SOFT, "axes.facecolor": "none", "figure.facecolor": "none",
    "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False, "axes.grid": True,
    "axes.grid.axis": "x", "grid.color": LINE, "grid.linewidth": 0.8, "axes.axisbelow": True, "ytick.left": False,
    "xtick.bottom": False, "xtick.labelsize": 10, "ytick.labelsize": 10, "axes.labelsize": 10,
    "xtick.minor.bottom": False, "ytick.minor.left": False, "path.simplify": False,
}  # fmt: skip


def colour(slot: int) -> str:
    """The placeholder of a slot's colour."""
    return f"#0a0b{slot % SLOTS:02x}"


class Drawing:
    """One figure being drawn: `axes` is matplotlib's, `mark` names what a mark stands for."""

    def __init__(self, figure: Any, axes: Any) -> None:
        """Over matplotlib's objects."""
        self.figure, self.axes = figure, axes
        self.titles: list[str] = []
        self.svg = ""

    def mark(self, artist: Any, title: str) -> None:
        """Call an artist a mark, and say what it is."""
        artist.set_gid(f"{MARK}{len(self.titles)}")
        self.titles.append(title)

    def above(self, y: float, text: str, note: str = "") -> None:
        """A row's name over it, from the left edge, and a note at the right one."""
        side = {"transform": self.axes.get_yaxis_transform(), "va": "bottom", "fontsize": 10.5}
        self.axes.text(0, y, shortened(text, 44 - len(note)), ha="left", **side)
        if note:
            self.axes.text(1, y, note, ha="right", color=SOFT, **side)


@contextmanager
def drawing(label: str, height: float, left: float = 8, bottom: float = 24) -> Iterator[Drawing]:
    """A figure of so many pixels, `left` and `bottom` of them for its axes' labels; `label` is for who cannot see it.

    Its `svg` is there when the context ends.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI)
        box = left / WIDTH, bottom / height, 1 - (left + 12) / WIDTH, 1 - (bottom + 4) / height
        made = Drawing(figure, figure.add_axes(box))
        yield made
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    made.svg = _dressed(out.getvalue(), label, made.titles)


def _dressed(svg: str, label: str, titles: Sequence[str]) -> str:
    """Matplotlib's document as a part of a page: placeholders are variables, marks have titles."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.S)

    def marked(found: re.Match[str]) -> str:
        title = titles[int(found[1])]
        return f'<g class="mark"><title>{escape(plain(title))}</title>'

    svg = re.sub(rf'<g id="{MARK}(\d+)">', marked, svg)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    for placeholder, variable in VARIABLES.items():
        svg = svg.replace(placeholder, f"var({variable})")
    head = f'<svg class="chart" role="img" aria-label="{escape(plain(label))}"'
    outer = r'^<svg(?: [a-z:]+="[^"]*")*?( viewBox="[^"]*")(?: [a-z:]+="[^"]*")*'
    svg = re.sub(outer, lambda found: head + found[1], svg, count=1)
    return svg.replace("xlink:href", "href")


def shortened(text: str, most: int) -> str:
    """Text that fits, its middle left out."""
    text = plain(text).replace("$", r"\$")
    if len(text) <= most:
        return text
    return f"{text[: most * 2 // 3]}…{text[-(most // 3 - 1) :]}"
