"""XML topic MatchSets: the file that settles posted lines against each other, and Exact's answer to it (section 3.7). Pure.

A line is named by year, period, journal, entry and amount in the division's currency, in the debit view. Nothing is ever
written off: what one side has more than the other stays open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from lxml import etree

from connector_resources.erp.exact_online.odata import CODE_WIDTH
from connector_resources.erp.exact_online.wire import TransactionLine
from connector_resources.transport.answers import read_xml

#: types of messages with which a set was not carried out; the others warn or confirm.
_ERROR, _FATAL = "0", "3"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"


@dataclass(frozen=True, slots=True)
class MatchLine:
    """A posted line as a match set names it. `amount` in the division's currency, a debit is positive."""

    year: int
    period: int
    journal: str
    entry: int
    amount: Decimal

    @classmethod
    def of(cls, row: TransactionLine) -> MatchLine:
        return cls(row.financial_year, row.financial_period, row.journal_code, row.entry_number, row.amount_dc)


@dataclass(frozen=True, slots=True)
class MatchSet:
    """Lines of one customer (by code) on one receivables account that belong together."""

    gl_account: str
    account: str
    lines: tuple[MatchLine, ...]


def document(sets: Sequence[MatchSet]) -> bytes:
    """The file; the same sets always give the same bytes."""
    root = etree.Element("eExact", nsmap={"xsi": _XSI})
    root.set(f"{{{_XSI}}}noNamespaceSchemaLocation", "eExact-XML.xsd")
    parent = etree.SubElement(root, "MatchSets")
    for each in sets:
        element = etree.SubElement(parent, "MatchSet")
        etree.SubElement(element, "GLAccount", code=each.gl_account)
        etree.SubElement(element, "Account", code=f"{each.account:>{CODE_WIDTH}}")
        lines = etree.SubElement(element, "MatchLines")
        for line in each.lines:
            etree.SubElement(
                lines,
                "MatchLine",
                finyear=str(line.year),
                finperiod=str(line.period),
                journal=line.journal,
                entry=str(line.entry),
                amountdc=f"{line.amount:f}",
            )
    return bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True))


def refusals(answer: bytes) -> list[str]:
    """What Exact says of the sets that it did not carry out; no message at all is success.

    Raises `ValueError` for an answer that is not Exact's: a log-in page, or the notice that the interface is gone.
    """
    try:
        root = read_xml(answer)
    except ValueError as problem:
        raise ValueError("the answer is no XML") from problem
    if root.tag != "eExact":
        raise ValueError(f"the answer is {root.tag}, not eExact")
    return [
        " ".join((message.findtext("Description") or "no reason given").split())
        for message in root.iterfind("Messages/Message")
        if message.get("type") in (_ERROR, _FATAL)
    ]
