"""Jobs by which a person decides about held postings in the launchpad: `release_held` and `withdraw_held`.

A release lets the next run try the postings again; a sensor starts that run. Nothing is sent to a remote system here, and what
is not held is never touched. `connector release` and `connector withdraw` do the same in a terminal.
"""

# No `from __future__ import annotations`: Dagster reads the types of `context` and `config` when the function is decorated.
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import dagster as dg
from pydantic import Field

from bookkeeping.money import Money, total
from connector_assets.metadata import SHOWN_ROWS, held_table
from connector_assets.names import CONNECTION_TAG, LEDGER_TAG, RELEASE_JOB, WITHDRAW_JOB
from connector_resources.connections.model import Connection
from connector_resources.errors import UnknownConnection
from connector_resources.runtime import Runtime
from connector_resources.store.ledger_reading import LedgerRow

#: on a run of `release_held`: the first and last activity day of what it released.
FIRST_DAY_TAG = "connector/released_from"
LAST_DAY_TAG = "connector/released_to"

Decision = Literal["released", "withdrawn"]
DEFAULT_BY = "a person in Dagster"


class HeldChoice(dg.Config):
    """Which held postings, and why. Name the postings, or a code, or say `everything: true`."""

    connection: str = Field(description="Name of the connection, such as nordic.")
    postings: list[str] = Field(
        default_factory=list, description="Posting keys, such as EV000222:payout, as the table `held` shows them."
    )
    code: str = Field(default="", description="Every posting held for this reason code, such as period_closed.")
    everything: bool = Field(default=False, description="Every held posting of the connection.")
    note: str = Field(default="", description="What was done about it, or why; kept in the trail.")
    by: str = Field(default=DEFAULT_BY, description="Who decides; kept in the trail.")


@dataclass(frozen=True, slots=True)
class _Deciding:
    job: str
    op: str
    decision: Decision
    description: str
    needs_note: bool


RELEASE = _Deciding(
    RELEASE_JOB,
    "release",
    "released",
    "Lets held postings be tried again, after the reason was mended. Open the Launchpad, name the connection and the "
    "postings (or a reason code), launch; the run of their days follows by itself. Always safe: what could have reached "
    "the ledger is looked up before anything is sent. Launched with nothing chosen, it lists what is held.",
    needs_note=False,
)
WITHDRAW = _Deciding(
    WITHDRAW_JOB,
    "withdraw",
    "withdrawn",
    "Decides that held postings are never posted, because a person has booked or dismissed them. Needs a note, which "
    "stays in the trail; it cannot be taken back. Launched with nothing chosen, it lists what is held.",
    needs_note=True,
)


def held_jobs(connections: Sequence[Connection]) -> tuple[dg.JobDefinition, dg.JobDefinition]:
    """`release_held` and `withdraw_held`, for all `connections`, of which there is one at least."""
    return _job(RELEASE, connections), _job(WITHDRAW, connections)


def _job(deciding: _Deciding, connections: Sequence[Connection]) -> dg.JobDefinition:
    @dg.op(
        name=deciding.op,
        description=deciding.description,
        required_resource_keys={"runtime"},
        out=dg.Out(dg.Nothing),
        tags={"kind": "ledger"},
    )
    def decide(context: dg.OpExecutionContext, config: HeldChoice) -> None:
        runtime: Runtime = context.resources.runtime
        connection = _connection(runtime, config.connection)
        context.instance.add_run_tags(
            context.run_id, {CONNECTION_TAG: connection.name, LEDGER_TAG: connection.erp.kind}
        )
        chosen = _chosen(runtime, connection, config, deciding)
        keys = [row.posting.key for row in chosen]
        ledger = runtime.store.ledger
        if deciding is RELEASE:
            ledger.release(connection.name, keys, by=config.by, note=config.note)
            context.instance.add_run_tags(context.run_id, _days_to_run(chosen, connection, runtime.clock()))
        else:
            ledger.withdraw(connection.name, keys, by=config.by, note=config.note)
        sentence = f"{connection.name}: {len(keys)} postings {deciding.decision}: {_sums(chosen)}."
        context.log.info(sentence)
        context.log_event(
            dg.AssetObservation(
                asset_key=dg.AssetKey([connection.name, "erp", "documents"]),
                description=f"{sentence} {config.note}".strip(),
                metadata={deciding.decision: dg.MetadataValue.md(held_table(chosen[:SHOWN_ROWS], connection))},
            )
        )

    example = {"connection": connections[0].name, "postings": [], "code": "", "note": ""}

    @dg.job(
        name=deciding.job,
        description=deciding.description,
        executor_def=dg.in_process_executor,
        config={"ops": {deciding.op: {"config": example}}},
    )
    def made() -> None:
        decide()

    return made


def _connection(runtime: Runtime, name: str) -> Connection:
    try:
        return runtime.connection(name)
    except UnknownConnection as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


def _chosen(runtime: Runtime, connection: Connection, choice: HeldChoice, deciding: _Deciding) -> list[LedgerRow]:
    """The held postings that are meant. Raises `dagster.Failure` that lists what is held when none or others are named."""
    held = runtime.store.ledger.held(connection.name)
    known = {row.posting.key: row for row in held}
    unknown = sorted(set(choice.postings) - set(known))
    if unknown:
        raise _refused(
            f"{', '.join(unknown)}: not held on {connection.name}, so nothing was changed.", held, connection
        )
    if deciding.needs_note and not choice.note.strip():
        raise _refused("A note is needed: it says in the trail why they are never posted.", held, connection)
    chosen = [
        row
        for key, row in known.items()
        if key in choice.postings or (choice.code and row.held_code == choice.code) or choice.everything
    ]
    if not chosen:
        meant = f"is held for {choice.code}" if choice.code else "was chosen"
        raise _refused(f"Nothing {meant}, so nothing was changed.", held, connection)
    return chosen


def _refused(message: str, held: Sequence[LedgerRow], connection: Connection) -> dg.Failure:
    waiting = f"{len(held)} postings of {connection.name} are held" if held else f"nothing of {connection.name} is held"
    return dg.Failure(
        description=f"{message} At present {waiting}; the event's metadata lists them.",
        metadata={"held": dg.MetadataValue.md(held_table(held[:SHOWN_ROWS], connection))} if held else None,
        allow_retries=False,
    )


def _days_to_run(chosen: Sequence[LedgerRow], connection: Connection, now: datetime) -> dict[str, str]:
    """The activity days whose run posts what was released; a partition exists from the cut-over to today only."""
    today = now.astimezone(connection.zone).date()
    days = [min(max(row.activity_day, connection.books.cut_over), today) for row in chosen]
    first: date = min(days)
    return {FIRST_DAY_TAG: first.isoformat(), LAST_DAY_TAG: max(days).isoformat()}


def _sums(rows: Sequence[LedgerRow]) -> str:
    amounts: dict[str, list[Money]] = {}
    for row in rows:
        if (amount := row.posting.activity_amount) is not None:
            amounts.setdefault(amount.currency, []).append(amount)
    return ", ".join(str(total(own, currency)) for currency, own in sorted(amounts.items())) or "no amounts"
