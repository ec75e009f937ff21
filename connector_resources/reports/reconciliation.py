"""The reconciliation report: payout by payout, proven and booked, as HTML and as a workbook."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from bookkeeping.money import Money, exponent
from connector_resources.connections.model import Connection
from connector_resources.erp.registry import erp_kind
from connector_resources.reports.chart import clearing_chart
from connector_resources.reports.content import ReportContent, gather
from connector_resources.reports.workbook import write_workbook
from connector_resources.store.store import Store


@dataclass(frozen=True, slots=True)
class Written:
    """Where the report is, and its headline figures."""

    html: Path
    xlsx: Path
    payouts: int
    proven: int
    held: int


def write_reconciliation(
    store: Store, connection: Connection, first_day: date, directory: Path, now: datetime
) -> Written:
    """Write the report of the month that begins with `first_day`. An older report of that month is replaced at once."""
    label = erp_kind(connection.erp.kind).traits.label
    content = gather(store, connection, label, first_day, now)
    directory.mkdir(parents=True, exist_ok=True)
    stem = f"reconciliation-{connection.name}-{first_day:%Y-%m}"
    html, xlsx = directory / f"{stem}.html", directory / f"{stem}.xlsx"
    _replace(html, render_html(content).encode("utf-8"))
    partial = xlsx.with_suffix(".part")
    write_workbook(content, partial)
    os.replace(partial, xlsx)
    return Written(html, xlsx, len(content.payouts), content.proven, len(content.held))


def render_html(content: ReportContent) -> str:
    """One self-contained page."""
    environment = Environment(
        loader=PackageLoader("connector_resources.reports", "templates"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["major"] = major
    return environment.get_template("reconciliation.html").render(report=content, chart=clearing_chart, Money=Money)


def major(units: Decimal | int, currency: str) -> str:
    """Minor units, with halves if there are any, in major units for people: `Decimal("1234.5")` EUR is `12.345`."""
    places = exponent(currency)
    value = Decimal(units).scaleb(-places)
    whole = value == value.quantize(Decimal(1).scaleb(-places))
    return f"{value:,.{places if whole else places + 1}f}"


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_suffix(".part")
    partial.write_bytes(content)
    os.replace(partial, path)
