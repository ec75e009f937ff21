"""The project's folder, and homes of a deployment: an empty one, and one in which postings are held."""

from __future__ import annotations

import importlib.util
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Line, Party, Posting, PostingKind, Side
from connector.cli import main
from connector_resources.erp.contract import ErpCustomer, Hold
from connector_resources.runtime import Runtime

ROOT = Path(__file__).parents[2]


@pytest.fixture
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def reference() -> ModuleType:
    """The script that writes the reference pages."""
    spec = importlib.util.spec_from_file_location("generate_reference", ROOT / "docs" / "generate_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which nothing is set up; the environment points to it and to nothing else."""
    for name in ("CONNECTOR_DATABASE_URL", "CONNECTOR_VAULT_KEY", "CONNECTOR_VAULT_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CONNECTOR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home" / "dagster"))
    return tmp_path / "home"


@pytest.fixture
def home_with_work(home: Path) -> Path:
    """The connections nordic and berlin, and the customer and held postings that the pages show."""
    for name, erp in (("nordic", "visma"), ("berlin", "datev")):
        arguments = ["init", name, "--erp", erp, "--time-zone", "Europe/Oslo", "--cut-over", "2026-06-01"]
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    customer = {"id": "CU000123", "created_at": "2026-06-01T08:00:00Z", "given_name": "Ada", "family_name": "Berg"}
    with Runtime.open() as opened:
        opened.store.entities.put("nordic", "customers", [customer], day_of=lambda moment: moment.date())
        opened.store.customers.put_erp("nordic", [ErpCustomer("10042", "Ada Berg")])
        opened.store.ledger.plan("nordic", [_posting(*row[:3]) for row in HELD])
        holds = [Hold(f"{event}:{kind}", code, "as an example", "look at it") for event, kind, _, code in HELD]
        opened.store.ledger.hold("nordic", holds)
    return home


HELD = (
    ("EV000111", PostingKind.RECEIPT, "PM000111", "customer_unmapped"),
    ("EV000222", PostingKind.PAYOUT, "PO000123", "period_closed"),
    ("EV000333", PostingKind.RECEIPT, "PM000123", "cannot_tell"),
    ("EV000444", PostingKind.REFUND, "RF000123", "refund_by_hand"),
)


def _posting(event: str, kind: PostingKind, subject: str) -> Posting:
    amount, payer = Money(12500, "EUR"), Party("CU000123")
    details: dict[str, Any] = {"party": payer} if kind is not PostingKind.PAYOUT else {}
    return Posting(
        key=f"{event}:{kind}",
        connection="nordic",
        kind=kind,
        event_id=event,
        subject=subject,
        occurred_at=datetime(2026, 6, 1, 9, tzinfo=UTC),
        booking_date=date(2026, 6, 1),
        reference=f"GC{event}",
        text=f"GoCardless {kind} {subject}",
        lines=(Line(AccountRole.CLEARING, Side.DEBIT, amount), Line(AccountRole.SUSPENSE, Side.CREDIT, amount)),
        **details,
    )
