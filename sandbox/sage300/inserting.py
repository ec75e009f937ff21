"""Inserts, updates and deletions of whole records, with what a refused insert leaves behind (sections 2.0, 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.sage300 import batches
from sandbox.sage300.refusals import RecordDuplicate, RecordInvalid, Refusal
from sandbox.sage300.resources import RESOURCES, RULES, Resource
from sandbox.sage300.schema import Row, read
from sandbox.sage300.tables import Key, Table, clone
from sandbox.sage300.writing import Work, fill

if TYPE_CHECKING:
    from sandbox.sage300.company import Company


def insert(company: Company, name: str, body: Any, warnings: list[Row] | None = None) -> Row:
    """A new record of a resource from a JSON body; what the business layer warns of is added to `warnings`.

    Raises a `Refusal`; what is left then is told by the switches.
    """
    resource = RESOURCES[name]
    given = read(body, resource.kind, company.switches)
    table = company.tables[name]
    row = resource.kind.blank()
    row["_new"] = True
    work = Work(company, RULES, entries_left=_cut(company, name))
    inserted = False

    def place() -> None:
        nonlocal inserted
        _check_key(resource, table, row)
        table.add(row)
        inserted = True

    if name in batches.STATES:
        work.inserted = place
    try:
        fill(work, resource.kind, row, given, new=True)
        if not inserted:
            place()
    except Refusal as refusal:
        batches.settle_partial(company, table, row, refusal, inserted=inserted)
        raise
    finally:
        row.pop("_new", None)
    if warnings is not None:
        warnings += work.warnings
    return row


def _cut(company: Company, name: str) -> int | None:
    """A half write that was asked for takes effect once."""
    for each in company.half_writes:
        if each.resource == name:
            company.half_writes.remove(each)
            return each.entries
    return None


def _check_key(resource: Resource, table: Table, row: Row) -> None:
    if resource.header_check:
        resource.header_check(row)
    key = resource.kind.key_of(row)
    if any(part in ("", None) for part in key):
        raise RecordInvalid(f"{resource.kind.key[0]} cannot be blank.")
    if key in table:
        raise RecordDuplicate(f"Record '{', '.join(map(str, key))}' already exists.")


def update(company: Company, name: str, key: Key, body: Any, *, replace: bool) -> Row:
    """PATCH, or PUT when `replace`. The record is unchanged when a `Refusal` is raised."""
    resource, table = RESOURCES[name], company.tables[name]
    row = table[key]
    if name in batches.STATES:
        batches.check_editable(company, name, key, row)
    given = read(body, resource.kind, company.switches)
    changed = clone(row)
    if replace and name not in batches.STATES:
        changed |= _reset(resource)
    work = Work(company, RULES)
    fill(work, resource.kind, changed, given, new=False, replace=replace)
    table.replace(changed)
    return changed


def _reset(resource: Resource) -> Row:
    """What PUT starts from: every property it may name, at its default."""
    return {
        name: known.default
        for name, known in resource.kind.fields.items()
        if name not in resource.kind.key and not known.read_only
    }


def delete(company: Company, name: str, key: Key) -> None:
    """Raises `RecordInvalid` for a customer that has documents."""
    table = company.tables[name]
    if name == "ARCustomers" and any(row["CustomerNumber"] == key[0] for row in company.tables["ARPostedDocuments"]):
        raise RecordInvalid(f"Customer {key[0]} has transactions and cannot be deleted.")
    table.remove(*key)
