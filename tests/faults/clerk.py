"""A clerk who works in the ledger while the connector does: receipts of his own, edits of customers, closed periods.

What he books is a part of the undisturbed run as well; only the moment differs. A period that he closes he opens again, and
what was refused meanwhile waits for a person with its reason. He then does what the reason asks for.
"""

from __future__ import annotations

from datetime import timedelta

from sandbox.datev.app import DatevApp
from sandbox.exact_online.app import ExactOnlineSandbox
from sandbox.ifs_cloud.app import IfsCloudSandbox
from sandbox.sage300.app import Sage300Sandbox
from sandbox.sage300.batches import STATES
from tests.evenings import DAY
from tests.sites import Site

#: the invoices that he enters himself begin here.
BY_HAND = 90_001
AMOUNT = 3_300
DATED = DAY - timedelta(days=14)

#: what a person in the books cannot do, and why.
CANNOT: dict[str, str] = {
    "datev": "the adviser's own bookings can be neither read nor refused on account of ours; no API shows them",
}


def receives(site: Site, place: int) -> bool:
    """Enter an invoice of customer 10001 and settle it with money that came some other way.

    False where he cannot. At Sage 300 he also leaves a batch of receipts open that nobody but him may post.
    """
    number = BY_HAND + place
    match site.at.erp:
        case DatevApp():
            return False
        case ExactOnlineSandbox():
            site.division.add_invoice(number, "10001", AMOUNT, dated=DATED, due=DAY)
            site.division.clerk.pay_invoice(number, AMOUNT)
        case Sage300Sandbox():
            site.sage300.add_invoice("10001", f"BH{number}", AMOUNT, dated=DATED, due=DAY)
            site.sage300.clerk.receive("10001", f"BH{number}", AMOUNT, check=f"BY HAND {number}")
            site.sage300.clerk.receive("10001", "", AMOUNT, check=f"NOT YET {number}", post=False)
        case IfsCloudSandbox():
            site.tenant.add_invoice("10", "10001", AMOUNT, invoice_no=str(number), due=DAY)
            site.tenant.clerk.pay("10", str(number))
        case _:
            site.company.add_invoice(str(number), "10001", AMOUNT, dated=DATED, due=DAY)
            site.company.clerk.pay_invoice(str(number), AMOUNT)
    return True


def edits(site: Site, place: int) -> bool:
    """Change something of customer 10001 that is none of the connector's business: only its version moves.

    False where he cannot.
    """
    match site.at.erp:
        case DatevApp():
            return False
        case ExactOnlineSandbox():
            site.division.clerk.edit_account("10001", Phone=f"555-{place}")
        case Sage300Sandbox():
            site.sage300.clerk.edit_customer("10001", PhoneNumber=f"555{place}")
        case IfsCloudSandbox():
            site.tenant.clerk.change_customer("10001", Name=f"Load Customer 1, floor {place}")
        case _:
            site.company.clerk.edit_customer("10001", f"Load Customer 1, floor {place}")
    return True


def closes(site: Site) -> bool:
    """Close the period in which everything is booked. False where he cannot."""
    match site.at.erp:
        case DatevApp():
            return False
        case ExactOnlineSandbox():
            site.division.clerk.close_period(DAY.year, DAY.month)
        case Sage300Sandbox():
            site.sage300.clerk.lock_period(DAY.year, DAY.month)
        case IfsCloudSandbox():
            site.tenant.clerk.close_period("10", DAY.year, DAY.month)
        case _:
            site.company.close_period(f"{DAY:%Y%m}")
    return True


def reopens(site: Site) -> None:
    match site.at.erp:
        case DatevApp():
            return
        case ExactOnlineSandbox():
            site.division.clerk.reopen_period(DAY.year, DAY.month)
        case Sage300Sandbox():
            site.sage300.clerk.unlock_period(DAY.year, DAY.month)
        case IfsCloudSandbox():
            site.tenant.clerk.open_period("10", DAY.year, DAY.month)
        case _:
            site.company.reopen_period(f"{DAY:%Y%m}")


def does_what_is_asked(site: Site) -> None:
    """What the next steps of held postings ask for beyond a release.

    In Sage 300 batches of errors are posted, and what a refused request left behind is deleted.
    """
    if not isinstance(site.at.erp, Sage300Sandbox):
        return
    steps = [row.held_next_step for row in site.at.runtime.store.ledger.held(site.name)]
    left_behind = " ".join(step for step in steps if "Delete the batch" in step)
    moved_to = _batches_of_errors(site)
    for resource, (status, _) in STATES.items():
        for batch in list(site.sage300.tables[resource]):
            if batch[status] != "Open":
                continue
            number, record_type = batch["BatchNumber"], batch.get("BatchRecordType", "CA")
            text = batch["BatchDescription" if resource == "ARRefundBatches" else "Description"]
            if (resource, int(number)) in moved_to:
                site.sage300.clerk.post(resource, number, record_type)
            elif text and text in left_behind:
                site.sage300.clerk.delete_batch(resource, number, record_type)


def _batches_of_errors(site: Site) -> set[tuple[str, int]]:
    """To which entries in error were moved: kind and number."""
    return {
        (resource, entry["ErrorBatch"])
        for resource, (_, entries) in STATES.items()
        for batch in site.sage300.tables[resource]
        for entry in batch[entries]
    }
