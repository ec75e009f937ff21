"""Writes a report as HTML and XLSX; an older one of the same name is replaced at once, never half."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from connector_resources.reports.model import Report
from connector_resources.reports.page import render_page
from connector_resources.reports.workbook import write_workbook


@dataclass(frozen=True, slots=True)
class Files:
    """Where a report is."""

    html: Path
    xlsx: Path


def write_report(report: Report, directory: Path, stem: str) -> Files:
    """Write `<stem>.html` and `<stem>.xlsx`."""
    directory.mkdir(parents=True, exist_ok=True)
    html, xlsx = directory / f"{stem}.html", directory / f"{stem}.xlsx"
    partial = directory / f"{stem}.html.{os.getpid()}.part"
    partial.write_text(render_page(report), encoding="utf-8")
    os.replace(partial, html)
    partial = directory / f"{stem}.xlsx.{os.getpid()}.part"
    write_workbook(report, partial)
    os.replace(partial, xlsx)
    return Files(html, xlsx)
