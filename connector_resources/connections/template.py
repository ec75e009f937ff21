"""New connection files: commented templates, one per ERP, to be filled in by a person."""

from __future__ import annotations

from datetime import date

from jinja2 import Environment, PackageLoader, StrictUndefined


def connection_template(
    erp: str, name: str, *, cut_over: date, time_zone: str = "Europe/Berlin", environment: str = "sandbox"
) -> str:
    """The text of a connection file called `name` for the ERP `erp`; valid as it is, but with made-up numbers."""
    templates = Environment(
        loader=PackageLoader("connector_resources.connections", "templates"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - YAML, not HTML
        keep_trailing_newline=True,
    )
    return templates.get_template(f"{erp}.yaml").render(
        name=name, cut_over=cut_over.isoformat(), time_zone=time_zone, environment=environment
    )
