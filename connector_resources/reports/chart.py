"""The clearing balance over a month as an inline SVG: no script, no network, readable in grey and on paper."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from bookkeeping.money import Money
from connector_resources.reports.content import ClearingDay

WIDTH, HEIGHT = 720, 180
LEFT, RIGHT, TOP, BOTTOM = 84, 12, 12, 26


def clearing_chart(points: Sequence[ClearingDay], currency: str) -> Markup:
    """A step line: the balance stays until the next booking. The zero line is drawn, labels are in major units."""
    if not points:
        return Markup("")
    low = min(0, *(p.balance_minor for p in points))
    high = max(0, *(p.balance_minor for p in points))
    span = max(high - low, 1)

    def x(index: int) -> int:
        return LEFT + (WIDTH - LEFT - RIGHT) * index // max(len(points) - 1, 1)

    def y(minor: int) -> int:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - minor) // span

    path = [f"M{x(0)} {y(points[0].balance_minor)}"]
    for index, point in enumerate(points[1:], start=1):
        path.append(f"H{x(index)}V{y(point.balance_minor)}")
    labels = "".join(
        f'<text x="{LEFT - 8}" y="{y(minor) + 4}" text-anchor="end">{escape(Money(minor, currency).major)}</text>'
        for minor in sorted({low, 0, high})
    )
    days = "".join(
        f'<text x="{x(i)}" y="{HEIGHT - 8}" text-anchor="middle">{points[i].day.day}</text>'
        for i in range(0, len(points), 5)
    )
    last = Money(points[-1].balance_minor, currency)
    return Markup(  # noqa: S704 - every inserted value is a number or escaped
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Clearing balance, {escape(last)} at the end">'
        f'<line class="zero" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(0)}" y2="{y(0)}"/>'
        f'<path class="balance" d="{"".join(path)}"/>{labels}{days}</svg>'
    )
