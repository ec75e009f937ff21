"""How commands speak: tables for people, JSON for programs, and errors that say what to do next."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from connector_resources.connections.load import broken_files_error
from connector_resources.errors import ConnectorError
from connector_resources.runtime import Runtime

console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


class ConnectorCommand(click.Command):
    """A command whose expected errors end in one clear message and exit code 1, never in a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConnectorError as error:
            fail(str(error))


def fail(message: str) -> NoReturn:
    """Say what is wrong on standard error and stop with exit code 1."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]Error[/]: {escape(message)}")
    raise SystemExit(1)


@contextmanager
def runtime() -> Iterator[Runtime]:
    """This process's store and connections. Broken connection files are told on standard error; the others go on.

    Raises `BrokenConnectionFile` when no connection is in order.
    """
    with Runtime.open() as opened:
        if opened.broken and not opened.connections:
            raise broken_files_error(opened.broken)
        yield opened
        if opened.broken:
            warn(str(broken_files_error(opened.broken)))


def warn(message: str) -> None:
    """Say on standard error what a person should know; the command goes on."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold yellow]Warning[/]: {escape(message)}")


def show_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table; nothing to show is said in words."""
    if not rows:
        console.print(f"{title}: nothing.")
        return
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape("" if cell is None else str(cell)) for cell in row))
    console.print(table)


def show_checklist(lines: Sequence[tuple[str, bool, str, str]]) -> None:
    """Lines of (what, ok, detail, next step) as a readable checklist."""
    for what, ok, detail, next_step in lines:
        mark = "[green]✓[/]" if ok else "[red]✗[/]"
        console.print(f"{mark} {escape(what)}" + (f": {escape(detail)}" if detail else ""))
        if not ok and next_step:
            console.print(f"    Next step: {escape(next_step)}")


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
