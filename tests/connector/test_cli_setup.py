"""Setting a connection up from nothing, and what every kind of mistake is answered with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from connector.cli import main
from tests.erp_sections import visma_section


def test_a_secret_is_read_from_standard_input_and_only_its_name_is_shown(terminal: Any) -> None:
    terminal.ok("init", "first", "--erp", "datev", "--yes", "--cut-over", "2026-06-01")

    said = terminal.ok("credentials", "set", "first", "gocardless_access_token", given="a-secret-token-value\n")

    assert "is stored, encrypted" in said
    assert "a-secret-token-value" not in said
    stored = {row["name"]: row["stored"] for row in terminal.json("credentials", "list", "first")}
    assert stored["gocardless_access_token"] is True
    assert stored["datev_client_id"] is False
    for path in terminal.home.iterdir():
        if path.is_file():
            assert b"a-secret-token-value" not in path.read_bytes()


def test_a_secret_without_a_value_or_under_a_wrong_name_is_refused(terminal: Any) -> None:
    terminal.ok("init", "first", "--erp", "visma", "--yes", "--cut-over", "2026-06-01")
    assert "no value was given" in terminal.fails("credentials", "set", "first", "client_id", given="\n")
    message = terminal.fails("credentials", "set", "first", "password", given="a-secret-value\n")
    assert "client_id, client_secret" in message
    assert "a-secret-value" not in message


def test_the_vault_names_of_the_file_are_those_that_are_asked_for(terminal: Any) -> None:
    directory = terminal.home / "connections"
    directory.mkdir(parents=True)
    erp = {**_erp(), "client_id": "visma_id", "client_secret": "visma_secret"}
    _write(terminal, "first", erp=erp)
    names = [row["name"] for row in terminal.json("credentials", "list", "first")]
    assert {"visma_id", "visma_secret"} <= set(names)
    assert "client_secret" not in names


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "nobody"),
        ("plan", "nobody"),
        ("ping", "nobody"),
        ("status", "nobody"),
        ("held", "nobody"),
        ("report", "nobody"),
        ("trace", "PM1", "--connection", "nobody"),
        ("trail", "verify", "nobody"),
        ("trail", "head", "nobody"),
        ("replay", "nobody", "--failed"),
        ("release", "nobody", "--all"),
        ("withdraw", "nobody", "key", "--note", "x"),
        ("authorize", "nobody", "--no-browser", "--port", "0"),
        ("credentials", "list", "nobody"),
        ("credentials", "set", "nobody", "client_id"),
        ("credentials", "remove", "nobody", "client_id"),
        ("customers", "list", "nobody"),
        ("customers", "link", "nobody", "CU1", "1"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_an_unknown_connection_is_answered_with_the_known_ones(terminal: Any, arguments: tuple[str, ...]) -> None:
    _write(terminal, "first")
    message = terminal.fails(*arguments, given="x\n")
    assert "there is no connection called 'nobody'; configured: first." in message
    assert "Next step:" in message


def test_a_broken_file_is_told_and_the_other_connections_go_on(terminal: Any) -> None:
    _write(terminal, "first")
    _write(terminal, "second", extra=1)

    result = terminal.run("status", "first")
    assert (result.exit_code, "extra: is not a known field" in result.stderr) == (0, True)
    for command in ("status", "connections"):
        result = terminal.run(command)
        assert (result.exit_code, "first" in result.stdout) == (1, True)
        assert "second.yaml:" in result.stderr
    assert "extra: is not a known field" in terminal.fails("status", "second")


def test_every_problem_of_every_broken_file_is_listed(terminal: Any) -> None:
    _write(terminal, "first", books={"time_zone": "Mars/Base"})
    _write(terminal, "second", extra=1)

    message = terminal.fails("status")

    assert "first.yaml:2: books.cut_over: is required" in message
    assert "first.yaml:3: books.time_zone: " in message
    assert "second.yaml:" in message
    assert "extra: is not a known field" in message


@pytest.mark.parametrize("command", ["run", "plan"])
def test_days_outside_the_books_are_refused(terminal: Any, command: str) -> None:
    _write(terminal, "first")
    assert "lies before the cut-over 2026-06-01" in terminal.fails(command, "first", "--day", "2026-05-31")
    assert "lies ahead" in terminal.fails(command, "first", "--day", "2026-06-01", "--to", "2999-01-01")
    assert "lies before" in terminal.fails(command, "first", "--day", "2026-06-03", "--to", "2026-06-02")
    assert terminal.run(command, "first", "--day", "3 June").exit_code == 2


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_missing_credential_is_named_with_the_command_that_sets_it(terminal: Any, command: str) -> None:
    _write(terminal, "first")
    message = terminal.fails(command, "first", "--day", "2026-06-01")
    assert "the vault holds no gocardless_access_token" in message
    assert "connector credentials set first gocardless_access_token" in message


def test_a_home_of_dagster_that_is_none_is_named_with_what_to_do(terminal: Any, tmp_path: Path) -> None:
    _write(terminal, "first")
    environment = {"CONNECTOR_HOME": str(terminal.home), "DAGSTER_HOME": str(tmp_path / "nowhere")}
    result = CliRunner().invoke(main, ["run", "first", "--day", "2026-06-01"], env=environment)
    assert (result.exit_code, "Traceback" in result.output) == (1, False)
    assert f"mkdir -p {tmp_path}/nowhere" in " ".join(result.stderr.split())


def test_a_vault_key_that_others_may_read_is_refused(terminal: Any) -> None:
    _write(terminal, "first")
    terminal.ok("status")
    (terminal.home / "vault.key").chmod(0o644)
    assert "chmod 600" in terminal.fails("status")


def _erp() -> dict[str, Any]:
    from sandbox.visma.company import Company

    return visma_section(Company(), "https://visma.example")


def _write(terminal: Any, name: str, **overrides: Any) -> None:
    directory = terminal.home / "connections"
    directory.mkdir(parents=True, exist_ok=True)
    document = {
        "books": {"time_zone": "Europe/Oslo", "cut_over": "2026-06-01"},
        "erp": _erp(),
        "gocardless": {"environment": "sandbox"},
        **overrides,
    }
    text = yaml.safe_dump(document, sort_keys=True)
    (directory / f"{name}.yaml").write_text(f"# a connection\n{text}", encoding="utf-8")
