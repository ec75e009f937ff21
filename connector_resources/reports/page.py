"""A report as one HTML page that opens anywhere without a network: no script, no outside file, one stylesheet.

It can be read on a phone (tables become cards) and on paper (A4, heads repeated on each sheet, pages numbered).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from bookkeeping.money import exponent
from connector_resources.reports.chart import bar, step_chart
from connector_resources.reports.figures import amount_text, count_text, day_text, moment_text, plain, share_text
from connector_resources.reports.model import Amount, Bar, Cell, Column, Kind, Mark, Ref, Report, Share, State, Table

SIGNS = {Mark.GOOD: "✓", Mark.BAD: "✗", Mark.WAITS: "○"}
#: longer codes may be broken into lines.
WHOLE_CODE = 24
#: wider tables become cards on a phone; narrower ones stay tables.
NARROW_COLUMNS = 3
_COMMAND = re.compile("`([^`]+)`")


def render_page(report: Report) -> str:
    """The page of one report."""
    return _environment().get_template("page.html").render(report=report, stylesheet=Markup(stylesheet()))  # noqa: S704


@cache
def stylesheet() -> str:
    """The one stylesheet of all reports."""
    return files("connector_resources.reports").joinpath("templates/report.css").read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("connector_resources.reports", "templates"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "cell": cell_markup, "sentence": sentence, "moment": moment_text, "count": count_text, "step_chart": step_chart,
    }  # fmt: skip
    environment.globals |= {"columns_of": _columns_of, "is_narrow": _is_narrow, "css": _css, "Mark": Mark}
    return environment


def cell_markup(cell: Cell) -> Markup:
    """A cell's content, everything from outside escaped."""
    match cell:
        case None:
            return Markup("")
        case Amount():
            return _amount(cell)
        case State():
            return Markup('<span class="state %s"><span class="sign" aria-hidden="true">%s</span> %s</span>') % (
                cell.mark.value, SIGNS[cell.mark], plain(cell.word),
            )  # fmt: skip
        case Share():
            return escape(share_text(cell))
        case Bar():
            return bar(cell)
        case Ref():
            return _reference(cell)
        case str():
            return sentence(cell)
        case int():
            return escape(count_text(cell))
        case _:
            return escape(day_text(cell))


def sentence(text: str) -> Markup:
    """A text with what stands between backticks as a command."""
    pieces = _COMMAND.split(plain(text))
    return Markup("").join(
        Markup("<code>%s</code>") % piece if place % 2 else escape(piece) for place, piece in enumerate(pieces)
    )


def _amount(cell: Amount) -> Markup:
    """The digits of a fraction of a minor unit are set apart, so that 10.007 is not taken for ten thousand."""
    text, places = amount_text(cell), exponent(cell.currency)
    extra = len(text.partition(".")[2]) - places
    whole, fraction = (text[:-extra], text[-extra:]) if extra > 0 else (text, "")
    small = Markup('<span class="fraction">%s</span>') % fraction if fraction else Markup("")
    return Markup('%s%s <span class="currency">%s</span>') % (whole, small, cell.currency)


def _reference(cell: Ref) -> Markup:
    text = plain(cell.text)
    if not cell.url.startswith(("https://", "http://")):
        return escape(text)
    return Markup('<a href="%s" rel="noopener noreferrer">%s</a>') % (cell.url, text)


def _columns_of(table: Table) -> list[tuple[int, Column]]:
    """The columns that the page shows, with their places."""
    shown = table.rows[: table.page_rows]
    return [
        (place, column)
        for place, column in enumerate(table.columns)
        if not column.optional or any(row[place] not in (None, "", Ref("")) for row in shown)
    ]


def _is_narrow(table: Table) -> bool:
    return len(_columns_of(table)) <= NARROW_COLUMNS


def _css(column: Column, cell: Cell) -> str:
    """The classes of a cell."""
    return " ".join(_classes(column, cell))


def _classes(column: Column, cell: Cell) -> Iterator[str]:
    yield column.kind.value
    text = cell.text if isinstance(cell, Ref) else cell
    if text in (None, ""):
        yield "void"
    elif column.kind is Kind.CODE and isinstance(text, str) and len(text) <= WHOLE_CODE:
        yield "whole"
