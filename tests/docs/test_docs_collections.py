"""The page on collections names every reason that the rules give, and its example is what the rules make of it."""

from __future__ import annotations

import ast
import re
from datetime import UTC, date, datetime
from pathlib import Path

import yaml

from bookkeeping.collecting import Books, propose
from bookkeeping.eligibility import CollectionSettings, Payer, Receivable
from bookkeeping.entities import Mandate
from bookkeeping.money import Money
from connector_resources.connections.collections import CollectionsSection

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "how-an-invoice-becomes-a-collection.md").read_text(encoding="utf-8")
RULES = [ROOT / "bookkeeping" / name for name in ("eligibility.py", "collecting.py")]
TODAY = date(2026, 6, 3)


def codes_of_the_rules() -> set[str]:
    """Codes of refusals, and of stops: the first of a returned pair of texts."""
    found: set[str] = set()
    for path in RULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="no"), args=[ast.Constant(value=str(code)), *_]):
                    found.add(code)
                case ast.Call(func=ast.Name(id="NoMandate"), args=[ast.Constant(value=str(code)), *_]):
                    found.add(code)
                case ast.Call(func=ast.Name(id="NotEligible"), args=[_, ast.Constant(value=str(code)), *_]):
                    found.add(code)
                case ast.Return(value=ast.Tuple(elts=[ast.Constant(value=str(code)), _])) if code:
                    found.add(code)
    return found


def test_the_page_explains_every_reason_and_no_other() -> None:
    shown = set(re.findall(r"^\| `([a-z_]+)` \|", TEXT, flags=re.MULTILINE))

    assert {"in_flight", "charged_back", "open_twice", "paid_otherwise", "charge_date_passed"} <= codes_of_the_rules()
    assert shown == codes_of_the_rules()


def test_the_settings_on_the_page_are_valid() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)

    section = CollectionsSection.model_validate(yaml.safe_load(block)["collections"])

    assert section.enabled
    assert section.rules.largest == 250_000


def test_the_example_of_credit_and_grouping_is_what_the_rules_make_of_it() -> None:
    rows = re.findall(r"^\| (invoice|credit note) (\d+)[^|]*\| (-?[\d.]+) \|$", TEXT, flags=re.MULTILINE)
    items = [
        Receivable(
            number, "10001", Money(int(amount.replace(".", "")), "EUR"), TODAY, document_type=kind.replace(" ", "_")
        )
        for kind, number, amount in rows
    ]
    mandate = Mandate("MD1", datetime(2026, 1, 1, tzinfo=UTC), "active", "sepa_core", customer_id="CU1")
    payer = Payer("10001", gocardless_customers=("CU1",), mandates=(mandate,))

    proposal = propose(items, Books(TODAY, {"10001": payer}), CollectionSettings(grouped=True))

    (order,) = proposal.orders
    table = re.search(
        r"^\| payment of ([\d.]+) \| part \|\n\| --- \| ---: \|\n((?:\|.*\|\n)+)", TEXT, flags=re.MULTILINE
    )
    assert table is not None
    assert table[1] == str(order.amount.major)
    parts = re.findall(r"^\| (\d+) \| ([\d.]+) \|$", table[2], flags=re.MULTILINE)
    assert parts == [(part.item, str(part.amount.major)) for part in order.parts]
