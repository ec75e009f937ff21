"""`connector replay` for DATEV: one posting, all that failed, and a whole day, without a row reaching the adviser twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sites import Site, datev_site

UPLOAD = r"/extf-files/import$"
REFUSED = {
    "type": "https://apps.datev.de/help-center/documents/1008834",
    "title": "Fehler",
    "detail": "Der Auftrag wurde mit 1008834 abgelehnt.",
}


@pytest.fixture
def refused(tmp_path: Path) -> Iterator[Site]:
    """Two receipts in one file, which DATEV has refused; that of their debtors it took."""
    with datev_site(tmp_path / "home") as site:
        site.merchant.collected(10_000, customer=1)
        site.merchant.collected(20_000, customer=2)
        site.break_next("error_before", UPLOAD, status=400, body=json.dumps(REFUSED), containing="Buchungsstapel")
        site.run()
        site.at.erp.faults.clear()
        yield site


def test_one_posting_all_that_failed_and_a_day_are_replayed_to_a_delivery_each(refused: Site, terminal: Any) -> None:
    keys = sorted(row.posting.key for row in refused.at.runtime.store.ledger.held("kanzlei"))
    assert len(keys) == 2
    assert set(refused.held().values()) == {"1008834"}

    one = terminal.ok("replay", "kanzlei", "--posting", keys[0])
    assert "1 of 1 replayed postings are settled" in one
    assert "is delivered, so there is nothing to replay" in terminal.fails("replay", "kanzlei", "--posting", keys[0])
    rest = terminal.ok("replay", "kanzlei", "--failed")
    assert "1 of 1 replayed postings are settled" in rest
    assert "nothing is held" in terminal.ok("replay", "kanzlei", "--failed")

    documents, uploads = refused.documents(), [path for _, path in refused.writes() if path.endswith("/import")]
    assert (refused.unfinished(), refused.clearing()) == ({}, 30_000)
    assert max(documents.values()) == 1
    assert "were read again" in terminal.ok("replay", "kanzlei", "--day", "2026-06-03")
    assert refused.documents() == documents
    assert [path for _, path in refused.writes() if path.endswith("/import")] == uploads
    assert refused.trail_is_whole()
