"""`connector init`: the interview on a real terminal and without one, its file, secrets, consent, checklist and plan."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from connector_resources.connections.load import load_connection
from connector_resources.connections.schema import SCHEMA_FILE
from sandbox.datev.datacentre import Registration
from sandbox.serve import free_port, running
from sandbox.stand_ins import StandIns, director

TOKEN = "sandbox_read_write"
#: what a person waits for at a question: all but the colour of its end.
QUESTION = re.compile(r"(?:\]|\)|Ledger): $")
PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Town:
    """All stand-ins after some days of June, and the address of their director."""

    stand_ins: StandIns
    addresses: dict[str, str]
    director: str


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    stand_ins = StandIns(customers=40, payments=90)
    stand_ins.advance(12)
    with contextlib.ExitStack() as stack:
        addresses = {name: stack.enter_context(running(app)) for name, app in stand_ins.apps.items()}
        address = stack.enter_context(running(director(stand_ins, addresses)))
        yield Town(stand_ins, addresses, address)


@dataclass(slots=True)
class Screen:
    """A process on a pseudo-terminal, and everything it has shown."""

    home: Path
    shown: str = ""
    exit_code: int = -1

    def play(self, arguments: Sequence[str], answers: dict[str, str]) -> None:
        """Run the command. `answers` by a part of the question; Enter to all others. A consent page is opened by HTTP."""
        ours, theirs = pty.openpty()
        environment = {**os.environ, "CONNECTOR_HOME": str(self.home), "COLUMNS": "160", "TERM": "dumb"}
        process = subprocess.Popen(
            [sys.executable, "-m", "connector", *arguments],
            stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        try:
            self._talk(ours, answers, time.monotonic() + PATIENCE_S)
            self.exit_code = process.wait(timeout=30)
        finally:
            process.kill()
            os.close(ours)

    def _talk(self, terminal: int, answers: dict[str, str], deadline: float) -> None:
        answered, consented = 0, False
        while time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.2)[0]:
                try:
                    read = os.read(terminal, 65_536)
                except OSError:
                    return
                self.shown += read.decode("utf-8", "replace")
            page = re.search(r"Open this address and log in:\s+(http\S+)\r?\n", self.shown)
            if page and not consented:
                consented = True
                assert "You can close this window" in requests.get(page[1], timeout=10).text
            question = self.shown[answered:]
            if QUESTION.search(question):
                line = question.splitlines()[-1]
                given = next((text for part, text in answers.items() if part in line), "")
                answered = len(self.shown)
                os.write(terminal, f"{given}\n".encode())
        raise AssertionError(f"the command did not end: {self.shown[-2000:]}")


def _files(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_the_whole_interview_on_a_terminal_ends_with_what_would_be_posted(town: Town, tmp_path: Path) -> None:
    company = town.stand_ins.companies["visma"]
    visma, gocardless = town.addresses["visma"], town.addresses["gocardless_nordic"]
    screen = Screen(tmp_path / "home")
    chart = {
        "fees": "7770", "input_vat": "2710", "suspense": "2990", "sales_returns": "3000", "payout_transit": "1995",
        "fx_transit": "1990", "fx_difference": "8160", "rounding": "7798", "other_income": "3100",
        "EUR.bank_account": "1920", "GBP.clearing_cash_account": "1986", "GBP.bank_account": "1930",
    }  # fmt: skip
    answers = {
        "Ledger": "visma",
        "Currencies": "eur, gbp",
        "Time zone": "Europe/Helsinki",
        "cut-over": "2026-06-01",
        "Tenant id": company["tenant_id"],
        "company's name": company["company_name"],
        "Are these the numbers": "n",
        **{f"Account for {key} [": number for key, number in chart.items()},
        "GoCardless access token": TOKEN,
        "client id": "isv_sandbox",
        "client secret": "sandbox-secret",
    }
    addresses = [f"gocardless.base_url={gocardless}", f"erp.base_url={visma}", f"erp.token_url={visma}/connect/token"]

    screen.play(["init", "nordic", *(word for each in addresses for word in ("--set", each))], answers)

    assert screen.exit_code == 0, screen.shown
    assert f"✓ company: {company['company_name']}" in screen.shown
    assert "✓ account fees: 7770 is usable" in screen.shown
    assert "✗" not in screen.shown
    assert "This is what would be posted for" in screen.shown
    assert TOKEN not in screen.shown
    assert "sandbox-secret" not in screen.shown
    assert TOKEN.encode() not in _files(screen.home)
    assert b"sandbox-secret" not in _files(screen.home)
    erp: Any = load_connection(screen.home / "connections" / "nordic.yaml").erp
    assert {role.value: number for role, number in erp.accounts.items()} == {
        k: v for k, v in chart.items() if "." not in k
    }
    assert (erp.currencies["GBP"].clearing_cash_account, erp.currencies["EUR"].bank_account) == ("1986", "1920")
    assert not (screen.home / "interviews" / "nordic.json").exists()


def test_the_consent_of_datev_is_given_in_the_middle_of_the_interview(town: Town, tmp_path: Path) -> None:
    port = free_port()
    callbacks = (f"http://localhost:{port}/callback",)
    town.stand_ins.datacentre.register(Registration("sandbox-public", None, callbacks))
    screen = Screen(tmp_path / "home")
    arguments = ["init", "german", "--erp", "datev", "--stand-ins", town.director, "--no-browser", "--port", str(port)]

    screen.play(arguments, {})

    assert screen.exit_code == 0, screen.shown
    assert "DATEV has given consent" in screen.shown
    assert "✓ Client 455148/1: Muster GmbH" in screen.shown
    assert "This is what would be posted for" in screen.shown
    assert "receipt" in screen.shown
    assert TOKEN not in screen.shown


def test_the_consent_of_exact_online_leads_to_what_would_be_collected(town: Town, tmp_path: Path) -> None:
    screen = Screen(tmp_path / "home")
    arguments = ["init", "dutch", "--erp", "exact_online", "--stand-ins", town.director, "--no-browser"]

    screen.play([*arguments, "--port", str(free_port())], {})

    assert screen.exit_code == 0, screen.shown
    assert "Exact Online has given consent" in screen.shown
    assert "✓ period: " in screen.shown
    assert "Would be collected" in screen.shown


@pytest.mark.parametrize(
    ("erp", "checked"),
    [
        ("sage300", "✓ company: LIFFEY"),
        ("ifs_cloud", "✓ company 20 account fees"),
        ("visma", "✓ company: Nordlys Drift AS"),
    ],
)
def test_it_runs_unattended_from_options_to_the_plan(town: Town, terminal: Any, erp: str, checked: str) -> None:
    said = terminal.ok("init", "first", "--erp", erp, "--stand-ins", town.director, "--yes")

    assert checked in said
    assert "✗" not in said
    assert "Nothing was sent." in said
    assert TOKEN not in said
    assert TOKEN.encode() not in _files(terminal.home)


def test_called_again_it_goes_on_with_what_is_missing_and_changes_nothing(town: Town, terminal: Any) -> None:
    terminal.ok("init", "irish", "--erp", "sage300", "--yes", "--set", "gocardless.base_url=http://127.0.0.1:1")
    path = terminal.home / "connections" / "irish.yaml"
    base = town.addresses["sage300"]
    text = path.read_text() + "# mine\n"
    text = text.replace("http://127.0.0.1:1", town.addresses["gocardless_irish"])
    path.write_text(text.replace("https://erp.example.com/Sage300WebApi", f"{base}/Sage300WebApi"))
    before = path.read_bytes()

    first = terminal.ok("init", "irish", "--yes", "--company", "OTHER")
    assert "Not looked at, because the file says it: --company" in first
    assert "Next step: connector credentials set irish gocardless_access_token" in first
    # Three secrets, and Enter for the webhook's.
    result = terminal.run("init", "irish", given=f"{TOKEN}\n\nGCAPI\nGocard1ess!\n")

    assert path.read_bytes() == before
    # The made-up company is not the stand-in's: what is wrong is marked, and the command ends with 1.
    assert "✓ GoCardless answers: creditors: " in result.stdout
    assert re.search(r"✗ .*\n\s+Next step: .*company", result.stdout)
    assert "there is no plan yet: " in result.stderr
    assert (result.exit_code, isinstance(result.exception, SystemExit)) == (1, True)
    assert TOKEN not in result.output


def test_broken_off_it_offers_the_answers_again(terminal: Any) -> None:
    message = terminal.fails("init", "first", given="datev\nsandbox\nEurope/Vienna\n2026-07-01\n4711\n")
    assert "what was answered is kept. Next step: connector init first" in message
    assert list((terminal.home / "connections").glob("*")) == []

    said = terminal.ok("init", "first", given="\n" * 20)

    assert "Time zone of the company [Europe/Vienna]" in said
    connection = load_connection(terminal.home / "connections" / "first.yaml")
    assert (connection.erp.kind, connection.books.time_zone) == ("datev", "Europe/Vienna")
    assert connection.erp.consultant_number == 4711  # type: ignore[attr-defined]


@pytest.mark.parametrize("erp", ["visma", "datev", "exact_online", "sage300", "ifs_cloud"])
def test_without_anybody_to_ask_it_writes_a_file_and_a_key_and_says_what_comes_next(terminal: Any, erp: str) -> None:
    said = terminal.ok("init", "first", "--erp", erp, "--yes", "--time-zone", "Europe/Oslo", "--cut-over", "2026-06-01")

    path = terminal.home / "connections" / "first.yaml"
    assert yaml.safe_load(path.read_text())["erp"]["kind"] == erp
    assert stat.S_IMODE((terminal.home / "vault.key").stat().st_mode) == 0o600
    assert "connector credentials set first gocardless_access_token" in said
    assert "connector init first" in said
    assert [row["name"] for row in terminal.json("connections")] == ["first"]
    schema = path.read_text().splitlines()[0].partition("$schema=")[2]
    assert (path.parent / schema).samefile(path.parent / SCHEMA_FILE)
    assert (path.parent / SCHEMA_FILE).read_text() == terminal.ok("schema")


def test_options_choose_currencies_accounts_and_any_setting(terminal: Any) -> None:
    terminal.ok(
        *("init", "first", "--erp", "visma", "--yes", "--currencies", "EUR,SEK", "--chart", "bas"),
        *("--account", "fees=6571", "--account", "SEK.bank_account=1935", "--account", "surcharges=6572"),
        *("--set", "erp.branch=HQ", "--set", "polling.sweep_days=5"),
    )
    connection = load_connection(terminal.home / "connections" / "first.yaml")
    erp: Any = connection.erp
    assert {role.value: number for role, number in erp.accounts.items()}["fees"] == "6571"
    assert {role.value: number for role, number in erp.accounts.items()}["surcharges"] == "6572"
    assert (erp.currencies["EUR"].bank_account, erp.currencies["SEK"].bank_account) == ("1930", "1935")
    assert (erp.branch, connection.polling.sweep_days) == ("HQ", 5)


def test_a_key_once_made_stays(terminal: Any) -> None:
    terminal.ok("init", "first", "--erp", "visma", "--yes")
    key = (terminal.home / "vault.key").read_bytes()
    assert "A vault key was made" not in terminal.ok("init", "second", "--erp", "visma", "--yes")
    assert (terminal.home / "vault.key").read_bytes() == key


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("First", "--erp", "visma"), "lower-case"),
        (("1st", "--erp", "visma"), "lower-case"),
        (("first", "--erp", "datev", "--consultant-number", "7"), "greater than or equal to 1001"),
        (("first", "--erp", "visma", "--account", "feees=1"), "there is no such account; there are fees"),
        (
            ("first", "--erp", "visma", "--set", "erp.chargeback_mode=debit_note"),
            "needs the account chargeback_receivable",
        ),
        (("first", "--erp", "visma", "--set", "name.x=1"), "name is no section"),
        (("first", "--erp", "visma", "--stand-ins", "http://127.0.0.1:1"), "connector sandbox up --play-all"),
        (("first", "--erp", "visma", "--stand-ins", "https://example.com"), "is not on this machine"),
        (("first",), "--erp is needed: visma, datev"),
        (("first", "--erp", "sap"), "'sap' is not one of visma, datev"),
        (("first", "--erp", "visma", "--time-zone", "Mars/Base"), "is not an IANA time zone"),
        (("first", "--erp", "visma", "--cut-over", "June"), "is not a day such as"),
        (("first", "--erp", "visma", "--currencies", "EUR,XXX"), "XXX is no currency GoCardless collects"),
        (("first", "--erp", "visma", "--account", "fees"), "write it as NAME=VALUE"),
    ],
)
def test_a_wrong_option_is_told_with_what_is_right_and_leaves_no_connection(
    terminal: Any, arguments: tuple[str, ...], expected: str
) -> None:
    result = terminal.run("init", *arguments, "--yes")
    assert result.exit_code in (1, 2)
    assert expected in " ".join(result.stderr.split())
    assert "Traceback" not in result.output
    assert terminal.json("connections") == []


def test_a_wrong_answer_is_asked_for_again(terminal: Any) -> None:
    given = "dativ\ndatev\n\nMars/Base\nEurope/Berlin\n" + "\n" * 20
    said = terminal.ok("init", "first", given=given)
    assert "'dativ' is not one of visma, datev" in said
    assert "'Mars/Base' is not an IANA time zone" in said
    assert load_connection(terminal.home / "connections" / "first.yaml").books.time_zone == "Europe/Berlin"


def test_a_broken_file_of_that_name_is_explained_and_left_alone(terminal: Any) -> None:
    path = terminal.home / "connections" / "first.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("gocardless: {}\n")
    assert "first.yaml:1: gocardless.environment: is required" in terminal.fails("init", "first", "--yes")
    assert path.read_text() == "gocardless: {}\n"
