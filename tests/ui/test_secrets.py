"""No secret on any page, in any answer of Dagster, or in anything a run wrote, after a working day was done in the UI."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.ui.house import CANARIES, House
from tests.ui.visitor import JOB, Visitor

pytestmark = pytest.mark.ui

PAGES = (
    "/overview",
    "/runs",
    "/assets",
    "/jobs",
    "/automation",
    "/asset-groups",
    "/deployment",
    "/config",
    "/deployment/daemons",
    "/locations/ml-connector/resources",
    "/locations/ml-connector/resources/runtime",
    f"{JOB}/nordic_day",
    f"{JOB}/kanzlei_erp",
    f"{JOB}/release_held/playground",
    f"{JOB}/withdraw_held",
    "/assets/nordic/erp/customers",
    "/assets/nordic/gocardless/payments?view=events",
    "/assets/nordic/reports/reconciliation",
    "/assets/kanzlei/gocardless/events",
)


def secrets(house: House) -> set[str]:
    """Every planted credential, the vault's key, and the tokens that were issued on the way."""
    found = {value for planted in CANARIES.values() for value in planted.values()}
    found.add((house.home / "vault.key").read_text(encoding="ascii").strip())
    for installation, token in ((house.nordic, "visma_token"), (house.kanzlei, "datev_token")):
        vault = installation.runtime.store.vault
        name = installation.connection.name
        if vault.has(name, token):
            held = json.loads(vault.read(name, token))
            found |= {str(held[part]) for part in ("access_token", "refresh_token") if held.get(part)}
    return found


def test_no_page_and_no_answer_holds_a_secret(house: House, visitor: Visitor) -> None:
    for path in PAGES:
        visitor.open(path)
        visitor.page.wait_for_load_state("networkidle")
    for run in house.runs():
        visitor.open(f"/runs/{run['runId']}")
        visitor.page.wait_for_load_state("networkidle")
    visitor.keep()

    planted = secrets(house)
    assert len(planted) >= 7
    assert len(visitor.seen) > 5 * len(PAGES)
    everything = "\n".join(visitor.seen)
    assert "customer_unmapped" in everything, "what was shown was not kept"
    assert [secret for secret in planted if secret in everything] == []


def test_nothing_a_run_wrote_holds_a_secret(house: House) -> None:
    written = [path for path in (house.home / "dagster").rglob("*") if path.is_file()]
    logs = [*house.home.glob("*.log"), *(house.home / "reports").glob("*")]
    assert any(b"nordic" in path.read_bytes() for path in written)
    planted = secrets(house)
    leaks = [
        (path.relative_to(house.home), secret)
        for path in [*written, *logs]
        for secret in planted
        if secret.encode() in path.read_bytes()
    ]
    assert leaks == []


def test_the_ui_asks_nobody_else(visitor: Visitor) -> None:
    assert visitor.foreign == []


def test_the_pictures_are_small(visitor: Visitor) -> None:
    pictures: list[Path] = sorted(visitor.pictures.glob("*.png")) if visitor.pictures else []
    assert [path.name for path in pictures if path.stat().st_size > 300_000] == []
