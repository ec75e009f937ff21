"""The contract of an ERP connector, for every one there is: `connector_resources/erp/contract.py` says it in words.

An ERP takes part by its line in `SITES`. What a fault or a death does at each of its own writes is tried in its own tests.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from connector_resources.connections.load import load_connection
from connector_resources.connections.ping import ping_connection
from connector_resources.connections.template import connection_template
from connector_resources.credentials import expected_credentials
from connector_resources.erp.contract import (
    Absent,
    Accepted,
    Found,
    FoundJob,
    Hold,
    OpenSubmission,
    Planned,
    PlannedSubmission,
    Posted,
    PostingWork,
)
from connector_resources.erp.registry import ERPS, erp_kind
from connector_resources.posting.parties import with_erp_customers
from connector_resources.posting.planning import Scope
from tests.contract.conftest import SITES
from tests.evenings import DAY
from tests.sites import LAST, Site

CUT_OFF = datetime(2026, 6, 3, 12, tzinfo=UTC)
LONG_ENOUGH = timedelta(hours=1)
NO_TOKEN_CALL = r"^(?!.*/token$)"
#: runs after a fault that must be enough to end all of it.
RUNS_TO_RECOVER = 4


def _work(site: Site) -> list[PostingWork]:
    """Read and plan what is new, without posting it; what waits to be sent to this ERP."""
    scope = Scope(DAY, LAST, only_new=False)
    site.at.read(scope)
    site.at.link()
    site.at.plan(scope)
    store, traits = site.at.runtime.store, erp_kind(site.at.connection.erp.kind).traits
    rows = store.ledger.of_day(site.name, date.min, date.max)
    waiting = [row.posting for row in rows if row.state == "pending" and row.posting.kind in traits.kinds]
    return with_erp_customers(store, site.name, [PostingWork(posting) for posting in waiting])


def _planned(site: Site, work: list[PostingWork]) -> list[Planned]:
    """What a connector that was just built plans."""
    with site.at.runtime.erp(site.at.connection) as connector:
        connector.prepare([each.posting for each in work])
        return connector.plan(work, CUT_OFF)


def _keys(planned: Planned) -> tuple[str, ...]:
    return planned.posting_keys if isinstance(planned, PlannedSubmission) else (planned.posting_key,)


def test_every_erp_takes_part(paper_ledger: None) -> None:
    assert set(SITES) == set(ERPS)


def test_the_page_on_adding_one_shows_the_line_that_registers_the_paper_ledger() -> None:
    line = "ErpKind(TRAITS, PaperLedgerSettings, build_connector, lambda settings: (settings.key,), ONBOARDING)"
    root = Path(__file__).parents[2]
    for path in (root / "docs" / "add-an-erp.md", root / "tests" / "contract" / "paper_ledger.py"):
        assert line in path.read_text(encoding="utf-8"), path


def test_its_traits_are_its_own(site: Site) -> None:
    kind = site.at.connection.erp.kind
    traits = erp_kind(kind).traits
    assert traits.erp == kind
    assert traits.settled_state in ("posted", "delivered")
    assert min(traits.max_postings_per_submission, traits.claim_group) >= 1
    assert traits.label
    assert all(limit.endswith(".") for limit in traits.limits)


def test_a_new_file_for_it_can_be_loaded_and_names_its_credentials(site: Site, tmp_path: Path) -> None:
    kind = site.at.connection.erp.kind
    path = tmp_path / "first.yaml"
    path.write_text(connection_template(kind, "first", cut_over=DAY), encoding="utf-8")

    connection = load_connection(path)

    assert connection.erp.kind == kind
    assert set(erp_kind(kind).credentials(connection.erp)) <= set(expected_credentials(connection))
    assert len({question.key for question in erp_kind(kind).onboarding.questions}) > 0


def test_its_checklist_is_in_order_on_its_stand_in(site: Site) -> None:
    lines = ping_connection(site.at.runtime, site.at.connection)
    wrong = [line for line in lines if not line.ok and "period" not in line.what]
    assert wrong == []


def test_without_its_credentials_the_checklist_names_the_next_step(site: Site) -> None:
    vault, name = site.at.runtime.store.vault, site.name
    needed = erp_kind(site.at.connection.erp.kind).credentials(site.at.connection.erp)
    values = {each: vault.read(name, each) for each in needed}
    for each in needed:
        vault.remove(name, each)
    try:
        wrong = [line for line in ping_connection(site.at.runtime, site.at.connection) if not line.ok]
    finally:
        for each, value in values.items():
            vault.write(name, each, value)
    assert wrong
    assert all(line.next_step for line in wrong)


def test_a_day_is_posted_and_a_second_run_sends_nothing(site: Site) -> None:
    payments = [site.merchant.collected(10_000 * n, customer=n) for n in (1, 2, 3)]
    site.merchant.pay_out()

    report = site.run()

    assert (report.stopped, report.held, site.unfinished(), site.clearing()) == ("", [], {}, 0)
    states = site.at.states()
    traits = erp_kind(site.at.connection.erp.kind).traits
    settled = traits.settled_state
    assert (states[f"receipt {settled}"], states[f"payout {settled}"]) == (len(payments), 1)
    if traits.reads_customers or traits.allocates_customer_numbers:
        assert report.settled == len(payments) + 1 + 3 + 3, "receipts, payout, customers, mandates"
    sent, documents = site.writes(), site.documents()
    for again in (site.run, site.run_new, site.at.post):
        assert (again().submissions, site.writes(), site.documents()) == (0, sent, documents)
    assert site.trail_is_whole()


def test_planning_writes_nothing_and_gives_the_same_bytes_each_time(site: Site) -> None:
    site.merchant.collected(4_000, customer=1)
    work, before = _work(site), site.writes()

    first, second = _planned(site, work), _planned(site, work)

    assert first == second
    assert [each.sha256 for each in first if isinstance(each, PlannedSubmission)]
    named = [key for answer in first for key in _keys(answer)]
    assert sorted(named) == sorted(each.posting.key for each in work)
    assert not [answer for answer in first if isinstance(answer, Hold)]
    assert site.writes() == before


def test_a_write_whose_answer_is_lost_takes_effect_once(site: Site) -> None:
    site.run()
    before = site.clearing()
    site.merchant.collected(7_000, customer=3)
    site.break_next("drop_after", NO_TOKEN_CALL)

    for _ in range(RUNS_TO_RECOVER):
        site.run_new()
        site.merchant.tick(LONG_ENOUGH)

    assert site.at.erp.faults.queued == []
    assert (site.unfinished(), site.clearing() - before) == ({}, 7_000)
    assert site.trail_is_whole()


def test_what_was_never_sent_is_absent_and_what_was_sent_is_found(site: Site) -> None:
    """The last one: it sends behind the back of the protocol, which would send the same once more."""
    site.merchant.collected(5_000, customer=2)
    work = _work(site)
    submission = next(each for each in _planned(site, work) if isinstance(each, PlannedSubmission))
    carried = tuple(each for each in work if each.posting.key in submission.posting_keys)
    asked = OpenSubmission(submission, site.at.runtime.clock(), postings=carried)
    site.merchant.tick(LONG_ENOUGH)
    with site.at.runtime.erp(site.at.connection) as connector:
        connector.prepare([each.posting for each in work])
        assert connector.find([asked]) == [Absent()]
        outcome = connector.submit(submission)
        assert isinstance(outcome, Posted | Accepted)
        site.merchant.tick(LONG_ENOUGH)
    with site.at.runtime.erp(site.at.connection) as another:
        (finding,) = another.find([asked])
    assert isinstance(finding, Found | FoundJob)
    if isinstance(finding, Found) and isinstance(outcome, Posted):
        assert finding.document.number == outcome.document.number
