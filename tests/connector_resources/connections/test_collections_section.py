"""The section `collections` of a connection file: only for ledgers that collect, and every amount exact."""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from bookkeeping.collection_schemes import SCHEMES, Limits
from connector_resources.connections.collections import CollectionsSection
from connector_resources.connections.load import load_connection
from connector_resources.connections.model import Connection
from connector_resources.connections.template import connection_template
from connector_resources.erp.registry import ERPS
from connector_resources.errors import BrokenConnectionFile


def load(directory: Path, erp: str = "visma", **collections: Any) -> Connection:
    values = yaml.safe_load(connection_template(erp, "first", cut_over=date(2026, 6, 1)))
    path = directory / "first.yaml"
    path.write_text(yaml.safe_dump({**values, "collections": collections}), encoding="utf-8")
    return load_connection(path)


@pytest.mark.parametrize("erp", sorted(name for name, kind in ERPS.items() if not kind.traits.collects))
def test_a_ledger_that_cannot_collect_refuses_the_switch(tmp_path: Path, erp: str) -> None:
    with pytest.raises(BrokenConnectionFile, match="cannot be collected; leave it out"):
        load(tmp_path, erp, enabled=True)

    assert not load(tmp_path, erp, enabled=False).collections.enabled


def test_a_ledger_that_collects_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    visma = ERPS["visma"]
    collecting = dataclasses.replace(visma, traits=dataclasses.replace(visma.traits, collects=True))
    monkeypatch.setitem(ERPS, "visma", collecting)  # type: ignore[arg-type]

    assert load(tmp_path, enabled=True).collections.enabled


def test_amounts_are_major_units_and_become_minor_ones_exactly() -> None:
    section = CollectionsSection.model_validate(
        {
            "smallest": 0.29,
            "largest": "1000.10",
            "limits": {"sepa_core": {"largest": 20_000}, "GBP": {"smallest": Decimal("0.50")}},
        }
    )

    assert (section.rules.smallest, section.rules.largest) == (29, 100_010)
    assert section.rules.limits.of(SCHEMES["sepa_core"]) == Limits(100, 2_000_000)
    assert section.rules.limits.of(SCHEMES["bacs"]) == Limits(50, 500_000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"smallest": "0.295"},
        {"largest": 0},
        {"limits": {"sepa": {"largest": 1}}},
        {"limits": {"CHF": {"largest": 1}}},
        {"mode": "all"},
        {"retry": {"attempts": 0}},
        {"mandate_setup": {"mode": "letter"}},
        {"windowdays": 3},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        CollectionsSection.model_validate(wrong)


def test_the_creditor_of_the_connection_is_asked_for_in_set_ups() -> None:
    section = CollectionsSection.model_validate(
        {"mandate_setup": {"mode": "link", "redirect_uri": "https://m.example"}}
    )

    policy = section.setup_policy("CR123")

    assert (policy.mode, policy.redirect_uri, policy.creditor) == ("link", "https://m.example", "CR123")
