"""Customer payment proposals (direct debiting orders): which items are to be collected, and what came of each.

The process is documented, the names are not (fact sheet 3.5 D and 7.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sandbox.ifs_cloud import invoices
from sandbox.ifs_cloud.odata.edm import Row
from sandbox.ifs_cloud.refusals import wrong_state

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant


def add(tenant: Tenant, company: str, way: str, items: Sequence[tuple[str, str]], *, acknowledged: bool = True) -> Row:
    """A proposal of open items, named by series and number. Raises `KeyError` for an unknown one."""
    proposal_id = tenant.next_number(f"proposal {company}")
    head = tenant.table("CustPaymentProposal").add(
        {
            "Company": company,
            "ProposalId": proposal_id,
            "WayId": way,
            "ProposalDate": tenant.today(),
            "Objstate": "Created",
        }
    )
    for number, (series, item_id) in enumerate(items, 1):
        item = invoices.ledger_item(tenant, company, series, item_id)
        tenant.table("CustPaymentProposalItem").add(
            {
                "Company": company, "ProposalId": proposal_id, "ItemId": number, "WayId": way,
                "Identity": item["Identity"],
                "PartyType": "Customer", "SeriesId": series, "InvoiceNo": item_id, "Currency": item["Currency"],
                "CurrAmount": invoices.open_of(item), "DueDate": item["DueDate"], "Objstate": "Proposed",
                "ReasonCode": None,
                "Note": None,
            }
        )  # fmt: skip
    if acknowledged:
        acknowledge(tenant, head)
    return head


def acknowledge(tenant: Tenant, head: Row) -> Row:
    """The order goes out: its items may be collected. Raises `Business` in another state."""
    if head["Objstate"] != "Created":
        raise wrong_state("CustPaymentProposal", "Acknowledge", head["Objstate"])
    for row in items_of(tenant, head):
        tenant.table("CustPaymentProposalItem").change(row, Objstate="Ordered")
    return tenant.table("CustPaymentProposal").change(head, Objstate="Acknowledged")


def cancel(tenant: Tenant, head: Row) -> Row:
    """Take the order back. Raises `Business` when it is closed or cancelled already."""
    if head["Objstate"] in ("Closed", "Cancelled"):
        raise wrong_state("CustPaymentProposal", "Cancel", head["Objstate"])
    return tenant.table("CustPaymentProposal").change(head, Objstate="Cancelled")


def items_of(tenant: Tenant, head: Row) -> list[Row]:
    rows = tenant.table("CustPaymentProposalItem").where("ProposalId", head["ProposalId"])
    return [row for row in rows if row["Company"] == head["Company"]]
