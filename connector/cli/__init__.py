"""The `connector` command: set up connections, look at what would be posted, run it, and prove it.

Every reading command has `--json`. Secrets come from a prompt or standard input only. State lives in `CONNECTOR_HOME`.
"""

from __future__ import annotations

import importlib

import click

from connector.cli.output import ConnectorCommand

#: command name -> module and function; a command's module is imported only when it is used, to keep the start fast.
COMMANDS = {
    "authorize": "connector.cli.authorize:authorize",
    "backup": "connector.cli.backup:backup",
    "code-server": "connector.cli.code_server:code_server",
    "collections": "connector.cli.collections:collections",
    "connections": "connector.cli.connections:connections",
    "correct": "connector.cli.correct:correct",
    "credentials": "connector.cli.credentials:credentials",
    "customers": "connector.cli.customers:customers",
    "demo": "connector.cli.demo:demo",
    "forget": "connector.cli.forget:forget",
    "held": "connector.cli.held:held",
    "init": "connector.cli.init:init",
    "metrics": "connector.cli.metrics:metrics",
    "ping": "connector.cli.ping:ping",
    "plan": "connector.cli.plan:plan",
    "prune": "connector.cli.forget:prune",
    "release": "connector.cli.held:release",
    "replay": "connector.cli.replay:replay",
    "report": "connector.cli.report:report",
    "restore": "connector.cli.backup:restore",
    "run": "connector.cli.run:run",
    "sandbox": "connector.cli.sandbox:sandbox",
    "schema": "connector.cli.schema:schema",
    "serve": "connector.cli.serve:serve",
    "status": "connector.cli.status:status",
    "subscriptions": "connector.cli.subscriptions:subscriptions",
    "trace": "connector.cli.trace:trace",
    "trail": "connector.cli.trail:trail",
    "upgrade": "connector.cli.upgrade:upgrade",
    "webhooks": "connector.cli.webhooks:webhooks",
    "withdraw": "connector.cli.held:withdraw",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, function = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), function)
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ml-connector")
def main() -> None:
    """Books GoCardless into your ledger, exactly once, every payout proven to the penny."""


__all__ = ["ConnectorCommand", "main"]
