"""The chart: horizontal bars as SVG, readable on light and on dark pages."""

from collections.abc import Sequence
from html import escape

import msgspec

WIDTH, LEFT, RIGHT = 720, 96, 90
BAR, GAP, TITLE, PAD = 26, 8, 34, 14

_STYLE = """
  text { font: 14px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f; }
  .title { font-weight: 600; }
  .bar { fill: #8c959f; }
  .own { fill: #0a69da; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .bar { fill: #6e7681; }
    .own { fill: #4493f8; }
  }
"""

OWN = "Keyturn"


class Group(msgspec.Struct, frozen=True):
    """Bars that are compared."""

    title: str
    bars: Sequence[tuple[str, float]]
    """Name and microseconds."""


def draw(groups: Sequence[Group]) -> str:
    """Return the chart as an SVG document. All groups share one scale."""
    largest = max((value for group in groups for _, value in group.bars), default=1.0)
    parts: list[str] = []
    top = PAD
    for group in groups:
        parts.append(f'<text class="title" x="{PAD}" y="{top + 18}">{escape(group.title)}: CPU time</text>')
        top += TITLE
        for name, value in group.bars:
            length = (WIDTH - LEFT - RIGHT) * value / largest
            middle = top + BAR * 0.7
            kind = "bar own" if name == OWN else "bar"
            parts += [
                f'<text x="{LEFT - 10}" y="{middle:.1f}" text-anchor="end">{escape(name)}</text>',
                f'<rect class="{kind}" x="{LEFT}" y="{top}" width="{length:.1f}" height="{BAR}" rx="3"/>',
                f'<text x="{LEFT + length + 8:.1f}" y="{middle:.1f}">{value:.1f} µs</text>',
            ]
            top += BAR + GAP
        top += PAD
    label = "; ".join(
        f"{group.title}: " + ", ".join(f"{name} {value:.1f} µs" for name, value in group.bars)
        for group in groups
    )
    body = "\n  ".join(parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}" role="img" aria-label="{escape(label)}">
  <style>{_STYLE}  </style>
  {body}
</svg>
"""
