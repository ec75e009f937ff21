"""What commands take and what Dagster keeps for ever: no secret, and nobody's name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from connector.cli import main
from connector_resources.customers.directory import CustomerDirectory
from connector_resources.posting.planning import Scope
from tests import sites
from tests.security.test_erasure import EMAIL, NAME, NEEDLES, customer_id, site_of

SECRET = re.compile(r"secret|password|token|api_?key|credential|passphrase", re.IGNORECASE)


def options(command: click.Command, path: str = "connector") -> Iterator[tuple[str, click.Option]]:
    """Every option of every command, with the command it belongs to."""
    yield from ((path, each) for each in command.params if isinstance(each, click.Option))
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from options(inner, f"{path} {name}")


def test_no_option_of_a_command_takes_a_secret() -> None:
    """What is typed stays in the shell's history and stands in the list of processes."""
    found = list(options(main))
    assert len(found) > 30
    assert not [
        f"{path} {each.opts}" for path, each in found if not each.is_flag and SECRET.search(" ".join(each.opts))
    ]


def test_what_linking_tells_dagster_names_no_customer(tmp_path: Path) -> None:
    """A customer whom the ledger does not know is told by the id; the work list shows the name."""
    with site_of("ifs_cloud", tmp_path) as site:
        site.merchant.collected(customer=1)
        site.at.read(Scope(sites.DAY, sites.LAST, False))
        with site.at.runtime.erp(site.at.connection) as connector:
            directory = CustomerDirectory(site.at.runtime.store, site.at.connection, connector)
            report = directory.link_all(site.at.runtime.clock())
        told = f"{report.sentence()} {report.metadata()}"
        assert report.metadata()["not linked"] == 1
        assert customer_id(site) in told
        assert not [each for each in (NAME, EMAIL, *NEEDLES) if each in told]
