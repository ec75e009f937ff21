"""How one code of the runbook is exercised: brought about, seen, acted upon as the page says, and judged by the ledger's books.

The commands are the real ones, in this process; the person who acts in the ERP is the stand-in's control. Exercises of one
ledger share a site, so that each costs little: every one leaves nothing held behind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from click.testing import CliRunner

from bookkeeping.postings import GOCARDLESS_KINDS
from connector.cli import main
from connector_resources.store.ledger_reading import LedgerRow
from sandbox.faults import Fault
from tests.sites import Site

AMOUNT = 10_000
GOCARDLESS = "gocardless"
WITHDRAWN = "withdrawn"
SETTLED = ("posted", "delivered")


def nothing(_site: Site) -> None:
    """What stood in the way is gone by itself, or the stand-in's fault was used up: the person only releases."""


def a_payment(site: Site) -> None:
    site.merchant.collected(AMOUNT, customer=1)


@dataclass(frozen=True, slots=True)
class Exercise:
    """`cause` leads to a posting held with `code`; `remedy` is what the person does; `ends` is what becomes of it.

    `moves` is what it does to the clearing account of the ERP's own books in the end, minor units: neither nothing nor
    twice. None: the account has nothing on it afterwards. `settings` are those of the ERP section that the code needs.
    `names` are texts that the reason must hold beside the code's own subject: a field, a number, the ERP's words.
    """

    ledger: str
    code: str
    cause: Callable[[Site], None] = a_payment
    remedy: Callable[[Site], None] = nothing
    ends: str = "booked"
    names: tuple[str, ...] = ()
    moves: int | None = AMOUNT
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.ledger}-{self.code}"


def answered(
    ledger: str, code: str, path: str, status: int, body: Any, *, method: str = "POST|PUT", names: tuple[str, ...] = (),
    cause: Callable[[Site], None] = a_payment, ends: str = "booked", times: int = 1, moves: int | None = AMOUNT,
    settings: Mapping[str, Any] | None = None,
) -> Exercise:  # fmt: skip
    """The ERP refuses the next request to `path` with `body`, as its fact sheet gives it; once the cause is mended, not."""

    def refused(site: Site) -> None:
        cause(site)
        fault = Fault("error_before", method=method, path=path, status=status, body=json.dumps(body), times=times)
        target = site.at.gocardless if ledger == GOCARDLESS else site.at.erp
        target.faults.add(fault)

    return Exercise(ledger, code, refused, names=names, ends=ends, moves=moves, settings=settings or {})


@dataclass(slots=True)
class Person:
    """Types commands in the site's home."""

    site: Site

    def types(self, *words: str) -> str:
        environment = {"CONNECTOR_HOME": str(self.site.at.home), "DAGSTER_HOME": None, "COLUMNS": "200"}
        result = CliRunner().invoke(main, list(words), env=environment)
        assert result.exit_code == 0, (words, result.output, result.exception)
        return str(result.stdout)

    def held(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads(self.types("held", self.site.name, "--json"))
        return found


def perform(site: Site, exercise: Exercise) -> None:
    """The whole way of one code, with every promise of the page checked."""
    person, ledger = Person(site), site.at.runtime.store.ledger
    assert site.held() == {}, "an exercise before this one left something behind"
    clearing, collected = site.clearing(), payments(site)
    exercise.cause(site)
    site.run_new()
    post(site)
    site.at.erp.faults.clear()
    site.at.gocardless.faults.clear()

    waiting = person.held()
    assert waiting, (exercise.code, site.unfinished())
    assert {row["code"] for row in waiting} == {exercise.code}, waiting
    keys = [row["posting"] for row in waiting]
    for row in waiting:
        _is_explained(row, exercise, ledger.get(site.name, row["posting"]))
    documents = site.documents()
    post(site)
    assert (site.documents(), sorted(ledger.by_key(site.name, keys))) == (documents, sorted(keys))
    assert set(site.held().values()) == {exercise.code}, "a run does not touch what waits for a person"

    exercise.remedy(site)
    if exercise.ends == WITHDRAWN:
        person.types("withdraw", site.name, *keys, "--note", "done by hand")
    elif site.held():
        person.types("release", site.name, "--code", exercise.code, "--note", "done as the page says")
    post(site)
    _is_settled(site, exercise, keys)
    moved = site.clearing() - clearing if exercise.moves is not None else site.clearing()
    assert moved == (exercise.moves or 0), "the books show it once, or not at all"
    if exercise.ledger == GOCARDLESS and exercise.ends == WITHDRAWN:
        assert payments(site) == collected, "nothing was collected"
    documents, sent = site.documents(), len(site.writes())
    post(site)
    assert (site.documents(), len(site.writes())) == (documents, sent), "once is once"


def post(site: Site) -> None:
    """What waits for the ERP, and what waits for GoCardless."""
    site.at.post()
    runtime, connection = site.at.runtime, site.at.connection
    if runtime.store.ledger.next_work(connection.name, GOCARDLESS_KINDS, limit=1):
        with runtime.gocardless_target(connection) as target:
            runtime.protocol(connection, target).run(GOCARDLESS_KINDS)


def payments(site: Site) -> int:
    world = site.merchant.world
    with world.lock:
        return len(world.payments.ordered)


def _is_explained(row: dict[str, str], exercise: Exercise, kept: LedgerRow | None) -> None:
    assert kept is not None
    assert row["connection"] == kept.posting.connection
    assert len(row["reason"].split()) >= 4, row
    assert len(row["next_step"].split()) >= 3, row
    assert row["next_step"].rstrip().endswith("."), row
    for name in exercise.names:
        assert name in row["reason"], (name, row["reason"])


def _is_settled(site: Site, exercise: Exercise, keys: list[str]) -> None:
    ledger = site.at.runtime.store.ledger
    rows = [ledger.get(site.name, key) for key in keys]
    assert all(row is not None for row in rows)
    states = {row.state for row in rows if row is not None}
    if exercise.ends == WITHDRAWN:
        assert states == {"withdrawn"}, states
    else:
        assert states <= set(SETTLED), [(row.state, row.held_code, row.held_reason) for row in rows if row is not None]
    assert site.unfinished() == {}, "nothing is left waiting"
