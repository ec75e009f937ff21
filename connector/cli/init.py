"""`connector init`: an interview that ends with a working connection, and with what it would post."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from connector.cli.output import ConnectorCommand, console, fail, runtime, warn
from connector.setup.first_look import FirstLook
from connector.setup.interview import Given, Interview, one_of
from connector.setup.kept_answers import KeptAnswers
from connector.setup.stand_ins import Known, known_of
from connector_resources.connections.load import load_connection
from connector_resources.connections.model import CONNECTION_NAME
from connector_resources.connections.schema import SCHEMA_FILE, connection_schema
from connector_resources.connections.template import connection_file
from connector_resources.erp.registry import ERPS, erp_kind
from connector_resources.errors import BrokenConnectionFile, ConnectorError
from connector_resources.settings import Settings
from connector_resources.store.vault_key import load_vault_key

#: questions of every ledger; each ledger's own are added from its folder.
COMMON = {
    "environment": "GoCardless environment: live or sandbox.",
    "currencies": "Currencies you collect, with commas, such as EUR,GBP.",
    "creditor": "GoCardless creditor (CR…): of the company, or when the account holds several.",
    "time_zone": "IANA time zone of the company.",
    "cut_over": "First day that is posted.",
    "chart": "Account numbers to begin with; the interview lists them.",
    "collections": "Collect due invoices, where the ledger has them: yes or no.",
}


def question_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """An option for every question of the interview, whichever ledger asks it."""
    helps = dict(COMMON)
    for kind in ERPS.values():
        for question in kind.onboarding.questions:
            mine = f"{kind.traits.label}: {question.text}."
            helps[question.key] = f"{helps[question.key]} {mine}" if question.key in helps else mine
    for key, text in reversed(helps.items()):
        function = click.option(f"--{key.replace('_', '-')}", key, help=text)(function)
    return function


@click.command(cls=ConnectorCommand)
@click.argument("name")
@click.option("--erp", help=f"The ledger: {', '.join(ERPS)}.")
@question_options
@click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="WHAT=NUMBER",
    help="Another account number than the chart's: fees=7770, or EUR.bank_account=1920.",
)
@click.option("--set", "settings", multiple=True, metavar="SETTING=VALUE", help="Any setting of the file, by its path.")
@click.option("--stand-ins", metavar="ADDRESS", help="Connect to the local stand-ins whose director answers there.")
@click.option("--yes", is_flag=True, help="Ask nothing: take the defaults, name what a person must still give.")
@click.option("--no-browser", is_flag=True, help="Where a consent is needed, only print the address to open.")
@click.option("--port", default=8485, show_default=True, help="Loopback port that a consent comes back to.")
def init(
    name: str,
    erp: str | None,
    accounts: tuple[str, ...],
    settings: tuple[str, ...],
    stand_ins: str | None,
    yes: bool,
    no_browser: bool,
    port: int,
    **answers: str | None,
) -> None:
    """Set the connection NAME up: ask what is needed, write its commented file, store secrets, check both sides, and show
    what the last days would be posted as. Called again, it goes on with what is missing and changes nothing that is there.
    """
    if not re.fullmatch(CONNECTION_NAME, name):
        fail(f"{name!r}: a connection's name is lower-case letters, digits and _, starting with a letter")
    home = Settings()
    _make_key(home)
    path = home.connections_dir / f"{name}.yaml"
    if path.exists():
        console.print(f"{path} exists already: it stays as it is, and what is missing comes next.", markup=False)
        _ignored(erp, accounts, settings, answers)
        known = known_of(stand_ins, load_connection(path).erp.kind) if stand_ins else Known()
    else:
        kept = KeptAnswers(home.root / "interviews" / f"{name}.json")
        given = Given({k: v for k, v in answers.items() if v is not None}, _pairs(accounts), _pairs(settings))
        known = _ask_and_write(name, path, erp, given, stand_ins, kept, asks=not yes)
    _write_schema(home.connections_dir)
    with runtime() as opened:
        look = FirstLook(opened, opened.connection(name), known, asks=not yes)
        if not look.secrets() or not look.consent(port=port, browser=not no_browser):
            console.print(f"Then: connector init {name}, which goes on from here.", markup=False)
            return
        in_order = look.checks()
        try:
            look.plan()
        except ConnectorError as error:
            in_order = False
            warn(f"there is no plan yet: {error}")
    _what_next(name, in_order=in_order)


def _ask_and_write(
    name: str, path: Path, erp: str | None, given: Given, stand_ins: str | None, kept: KeptAnswers, *, asks: bool
) -> Known:
    """Interview, then the file: written when it can be read back, and only then."""
    if kept.any and asks:
        console.print("What was answered before is offered again as default.")
    try:
        chosen = _choose_erp(erp, kept, asks=asks)
        known = known_of(stand_ins, chosen) if stand_ins else Known()
        interview = Interview(given, known, kept, asks=asks)
        document = interview.document(name, chosen, erp_kind(chosen), datetime.now(UTC).date())
    except click.Abort:
        fail(f"stopped; what was answered is kept. Next step: connector init {name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not .yaml: nobody takes it for a connection before it is known to be one.
    draft = path.with_suffix(".draft")
    draft.write_text(connection_file(document), encoding="utf-8")
    try:
        load_connection(draft)
    except BrokenConnectionFile as error:
        fail(f"{error}\nThe draft stays in {draft}, the answers are kept: connector init {name} asks again")
    draft.replace(path)
    kept.forget()
    console.print(f"{path} is written; every further setting stands in it as a comment.", markup=False)
    return known


def _choose_erp(erp: str | None, kept: KeptAnswers, *, asks: bool) -> str:
    if erp is None and not asks:
        raise click.UsageError(f"--erp is needed: {', '.join(ERPS)}")
    check = one_of(*ERPS)
    if erp is None:
        for key, kind in ERPS.items():
            console.print(f"  {key}: {kind.traits.label}", markup=False)
        erp = click.prompt("Ledger", default=kept.get("erp"), value_proc=check)
    try:
        kept.keep("erp", check(erp))
    except click.UsageError as error:
        raise click.UsageError(f"--erp: {error.message}") from error
    return erp


def _make_key(home: Settings) -> None:
    had_key = home.vault_key or home.vault_key_command or home.key_file.exists()
    home.root.mkdir(parents=True, exist_ok=True)
    load_vault_key(home)
    if not had_key:
        console.print(f"A vault key was made: {home.key_file}. Back it up apart from the database.", markup=False)


def _write_schema(directory: Path) -> None:
    """The schema that the first line of every file names, as this version of the connector has it."""
    (directory / SCHEMA_FILE).write_text(json.dumps(connection_schema(), indent=1) + "\n", encoding="utf-8")


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise click.UsageError(f"{text!r}: write it as NAME=VALUE")
        pairs[key] = value
    return pairs


def _ignored(
    erp: str | None, accounts: tuple[str, ...], settings: tuple[str, ...], answers: dict[str, str | None]
) -> None:
    given = [f"--{key.replace('_', '-')}" for key, value in {"erp": erp, **answers}.items() if value is not None]
    given += ["--account"] * bool(accounts) + ["--set"] * bool(settings)
    if given:
        console.print(
            f"Not looked at, because the file says it: {', '.join(given)}. To change it, edit the file.", markup=False
        )


def _what_next(name: str, *, in_order: bool) -> None:
    if not in_order:
        fail(f"not everything is in order yet; correct what is marked, then: connector init {name}")
    console.print(f"To post it: connector run {name} --day DAY, or `dagster dev` for every day.", markup=False)
