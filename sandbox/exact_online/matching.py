"""Settling items against each other: automatically when unambiguous, by a match set, or undone (section 3.7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.exact_online import receivables
from sandbox.exact_online.schema import Row

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division


@dataclass(frozen=True, slots=True)
class Settlement:
    """Two settled items (or the settled parts of them)."""

    debit: str
    credit: str


def automatic(division: Division, item: Row) -> bool:
    """Settle a new item with the one open item of its customer, number and opposite sign; whether it was."""
    mode = division.switches.auto_match
    if mode == "off" or item["InvoiceNumber"] is None:
        return False
    found = [
        each
        for each in division.tables["Terms"].where("Account", item["Account"])
        if not each["IsFullyPaid"]
        and each["InvoiceNumber"] == item["InvoiceNumber"]
        and each["Currency"] == item["Currency"]
        and each["minor"] * item["minor"] < 0
        and (mode == "our_ref" or each["minor"] == -item["minor"])
    ]
    if len(found) != 1:
        return False
    settle(division, found[0], item)
    return True


def settle(division: Division, first: Row, second: Row) -> Settlement:
    """Settle as much as both have open; what is left of either stays open. Their signs must differ."""
    assert first["minor"] * second["minor"] < 0, (first["ID"], second["ID"])
    minor = min(abs(first["minor"]), abs(second["minor"]))
    debit, credit = (first, second) if first["minor"] > 0 else (second, first)
    entries = (credit["TransactionEntryID"], debit["TransactionEntryID"])
    parts = [_settled_part(division, each, minor, by) for each, by in zip((debit, credit), entries, strict=True)]
    settlement = Settlement(parts[0], parts[1])
    for part in parts:
        division.settlements[part] = settlement
    if debit["IsFullyPaid"]:
        division.tables["TransactionLines"].change(debit["TransactionID"], OffsetID=credit["TransactionID"])
    return settlement


def _settled_part(division: Division, item: Row, minor: int, other_entry: str) -> str:
    """Close the item, or split off the settled part as a row of its own whose EntryID is the other side's."""
    terms = division.tables["Terms"]
    closed = receivables.closed_values(division, division.midnight())
    if abs(item["minor"]) == minor:
        terms.change(item["ID"], **closed)
        return str(item["ID"])
    sign = 1 if item["minor"] > 0 else -1
    base = item["base_minor"] * minor // abs(item["minor"])
    part = {**item, **closed, "ID": division.new_id(), "HID": division.next_number("term"), "EntryID": other_entry}
    part.update(minor=sign * minor, base_minor=base)
    terms.change(item["ID"], minor=item["minor"] - sign * minor, base_minor=item["base_minor"] - base)
    terms.add(part)
    return str(part["ID"])


def undo(division: Division, item_id: str) -> None:
    """Open both sides of a settlement again. Raises `KeyError` when the item is not settled."""
    settlement = division.settlements[item_id]
    for each in (settlement.debit, settlement.credit):
        del division.settlements[each]
        row = division.tables["Terms"].change(each, **receivables.REOPENED)
        line = division.tables["TransactionLines"].get(row["TransactionID"])
        if each == settlement.debit and line is not None:
            division.tables["TransactionLines"].change(line["ID"], OffsetID=None)


def drop_entry(division: Division, entry_id: str) -> None:
    """Remove the items of a deleted entry; what they had settled is open again."""
    terms = division.tables["Terms"]
    for item in terms.where("TransactionEntryID", entry_id):
        if item["ID"] in division.settlements:
            undo(division, item["ID"])
    for item in terms.where("TransactionEntryID", entry_id):
        terms.remove(item["ID"])
