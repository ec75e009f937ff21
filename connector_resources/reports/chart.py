"""Plots of reports as inline SVG without text in it: lengths stretch with the page, letters keep their size on a phone.

What a plot shows also stands beside it in words or figures, for paper, for screen readers, and for who sees no colours.
"""

from __future__ import annotations

from decimal import Decimal

from markupsafe import Markup, escape

from bookkeeping.money import Money
from connector_resources.reports.figures import amount_text
from connector_resources.reports.model import Amount, Bar, StepChart

#: units of the drawing, which is stretched to the place it has.
WIDTH, HEIGHT = 1000, 200
#: about how many days are named below a plot.
NAMED_DAYS = 7


def step_chart(chart: StepChart) -> Markup:
    """A step line: the balance stays until the next booking. Zero, the lowest and the highest balance are named."""
    points = chart.points
    if not points:
        return Markup("")
    low = min(0, *(point.minor for point in points))
    high = max(0, *(point.minor for point in points))
    last = len(points) - 1

    def x(index: int) -> int:
        return WIDTH * index // max(last, 1)

    def y(minor: int) -> int:
        return HEIGHT * (high - minor) // max(high - low, 1)

    steps = "".join(f"H{x(index)}V{y(point.minor)}" for index, point in enumerate(points[1:], start=1))
    path = f"M0 {y(points[0].minor)}{steps}H{WIDTH}"
    scale = Markup("").join(
        Markup('<span style="top:%s%%">%s</span>') % (_percent(y(minor), HEIGHT), amount_text(_amount(minor, chart)))
        for minor in _apart(low, high)
    )
    every = max(1, -(-len(points) // NAMED_DAYS))
    days = Markup("").join(
        Markup('<span style="left:%s%%">%s</span>') % (_percent(x(index), WIDTH), f"{points[index].day:%m-%d}")
        for index in range(0, len(points), every)
    )
    drawing = Markup(
        '<svg viewBox="0 0 {w} {h}" preserveAspectRatio="none" role="img" aria-label="{label}">'
        '<path class="zero" d="M0 {zero}H{w}"/><path class="balance" d="{path}"/></svg>'
    ).format(w=WIDTH, h=HEIGHT, label=escape(chart.alternative), zero=y(0), path=path)
    plot = Markup(
        '<div class="plot"><div class="scale">{}</div><div class="field">{}</div><div class="days">{}</div></div>'
    )
    return plot.format(scale, drawing, days)


def bar(cell: Bar) -> Markup:
    """A bar of that length; one below zero is hollow."""
    length = min(abs(cell.size), Decimal(1)) * 100
    return Markup(
        '<svg class="bar{kind}" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect width="{length}" height="10"/></svg>'
    ).format(kind=" below" if cell.size < 0 else "", length=f"{length:.1f}")


def _apart(low: int, high: int) -> list[int]:
    """Zero and the ends; an end so close to zero that the figures would touch is left out."""
    span = max(high - low, 1)
    return [minor for minor in (high, 0, low) if minor == 0 or abs(minor) * 6 > span]


def _amount(minor: int, chart: StepChart) -> Amount:
    return Amount.of(Money(minor, chart.currency))


def _percent(part: int, whole: int) -> str:
    return f"{Decimal(100 * part) / whole:.1f}"
