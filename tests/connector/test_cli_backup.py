"""`connector backup`, `restore`, `upgrade` and `metrics`, as a user runs them."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from tests.installations import Installation


def test_a_store_is_backed_up_lost_restored_and_nothing_is_booked_twice(shop: Any, tmp_path: Path) -> None:
    backup = tmp_path / "shop.backup"
    shop.ok("backup", str(backup))
    shop.ok("run", "nordic", "--day", "2026-06-03")
    books = shop.books()
    installation: Installation = shop.installation
    installation.runtime.close()
    for file in shop.home.glob("connector.sqlite*"):
        file.unlink()

    said = shop.ok("restore", str(backup))

    assert "trails verify" in said
    assert "connector authorize" in said
    shop.run("run", "nordic", "--day", "2026-06-03")
    assert shop.books() == books
    (status,) = shop.json("status")
    assert {state for _, state, _ in status["postings"]} <= {"posted", "held"}


def test_a_restore_over_a_store_fails_with_the_next_step(shop: Any, tmp_path: Path) -> None:
    shop.ok("backup", str(tmp_path / "b"))
    assert "move it away" in shop.fails("restore", str(tmp_path / "b"))
    assert "never overwritten" in shop.fails("backup", str(tmp_path / "b"))
    assert "opens with vault key" in shop.ok("restore", "--look", str(tmp_path / "b"))


def test_an_upgrade_says_what_it_found_and_refuses_a_later_store(terminal: Any) -> None:
    first = terminal.json("upgrade", "--check")
    assert first["found"] is None
    assert first["steps"][0] == "0001"
    assert terminal.json("upgrade")["done"] is True
    assert terminal.json("upgrade", "--check")["steps"] == []
    with sqlite3.connect(terminal.home / "connector.sqlite") as database:
        database.execute("UPDATE store_schema_version SET version_num = '9999'")
    assert "a later program made it" in terminal.fails("upgrade", "--check")
    assert "a later program made it" in terminal.fails("status")


def test_metrics_are_printed_and_written_whole(ran: Any, tmp_path: Path) -> None:
    printed = ran.ok("metrics")
    ran.ok("metrics", "--textfile", str(tmp_path / "connector.prom"))
    written = (tmp_path / "connector.prom").read_text(encoding="utf-8")
    assert 'connector_postings{connection="nordic",state="posted"}' in printed
    assert 'connector_last_run_timestamp_seconds{connection="nordic"}' in written
    assert [path.name for path in tmp_path.iterdir()] == ["connector.prom"]


def test_customer_numbers_go_on_where_a_person_says(shop: Any) -> None:
    assert "hands out its customer numbers itself" in shop.fails("customers", "continue-at", "nordic", "10100")
