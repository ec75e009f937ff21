"""The project's folder, and homes of a deployment: an empty one, and one in which postings are held."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Line, Party, Posting, PostingKind, Side
from connector.cli import main
from connector_resources.erp.contract import Complete, Document, ErpCustomer, Hold, PlannedSubmission
from connector_resources.runtime import Runtime
from connector_resources.store.store import Store
from connector_resources.store.submissions import SettledPosted

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
        arguments = ["init", name, "--erp", erp, "--yes", "--time-zone", "Europe/Oslo", "--cut-over", "2026-06-01"]
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    (home / "dagster").mkdir(exist_ok=True)
    known = {"created_at": "2026-06-01T08:00:00Z", "given_name": "Ada", "family_name": "Berg"}
    customers = [{"id": identity, **known} for identity in ("CU000123", "CU000555")]
    with Runtime.open() as opened:
        opened.store.entities.put("nordic", "customers", customers, day_of=lambda moment: moment.date())
        opened.store.customers.put_erp("nordic", [ErpCustomer("10042", "Ada Berg")])
        opened.store.ledger.plan("nordic", [_posting(*row[:3]) for row in HELD])
        holds = [Hold(f"{event}:{kind}", code, "as an example", "look at it") for event, kind, _, code in HELD]
        opened.store.ledger.hold("nordic", holds)
        opened.store.entities.put("nordic", "payouts", [PAYOUT], day_of=lambda moment: moment.date())
        opened.store.entities.put_payout_items("nordic", PAYOUT["id"], PAYOUT_ITEMS)
        _post_on_another(opened.store, "10041")
        _hold_a_debtor(opened.store)
    return home


def _post_on_another(store: Store, number: str) -> None:
    """The receipt EV000555 of customer CU000555, booked on ERP customer `number`."""
    posting = _posting("EV000555", PostingKind.RECEIPT, "PM000555", Party("CU000555"))
    store.customers.put("nordic", "CU000555", number, "by e-mail")
    store.ledger.plan("nordic", [posting])
    request = PlannedSubmission(
        f"{posting.key}/create", "create", "POST", "/v1/customerPayment", b"{}", "application/json", (posting.key,)
    )
    with store.leases.hold("posting:nordic", ttl_s=60, wait_s=0) as lease:
        told = {posting.key: number}
        (row,) = store.submissions.claim("nordic", lease.fence, [request], erp="visma", customers=told)
        store.submissions.settle("nordic", lease.fence, [(row.id, SettledPosted(Document("Payment", "000812")))])
    store.ledger.complete("nordic", [Complete(posting.key)], settled_state="posted")


def _hold_a_debtor(store: Store) -> None:
    """The posting that would make customer CU000123 a debtor of berlin."""
    key = "customer:CU000123:2d4f90e7a120"
    shown = _posting(key, PostingKind.CUSTOMER, "CU000123")
    store.ledger.plan("berlin", [replace(shown, key=key, connection="berlin", lines=())])
    store.ledger.hold("berlin", [Hold(key, "1008834", "as an example", "look at it")])


PAYER = Party("CU000123")
PAYOUT: dict[str, Any] = {
    "id": "PO000123", "created_at": "2026-06-01T08:00:00Z", "amount": 12500, "deducted_fees": 0, "currency": "EUR",
    "status": "paid", "reference": "ACME-8G7Q8", "arrival_date": "2026-06-05",
}  # fmt: skip
PAYOUT_ITEMS = [{"type": "payment_paid_out", "amount": "12500.0", "links": {"payment": "PM000111"}}]
HELD = (
    ("EV000111", PostingKind.RECEIPT, "PM000111", "customer_unmapped"),
    ("EV000222", PostingKind.PAYOUT, "PO000123", "period_closed"),
    ("EV000333", PostingKind.RECEIPT, "PM000123", "cannot_tell"),
    ("EV000444", PostingKind.REFUND, "RF000123", "refund_by_hand"),
)


def _posting(event: str, kind: PostingKind, subject: str, payer: Party = PAYER) -> Posting:
    amount = Money(12500, "EUR")
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
