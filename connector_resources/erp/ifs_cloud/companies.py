"""Which company something belongs to, and the numbers under which customers and invoices leave this connector. Pure.

One tenant holds many companies, and an identity or an invoice number means something else in each. So a customer is
`10:CUST1` and an invoice `10:CI-10001` everywhere outside: company, colon, number. A posting belongs to the company whose
creditor its money went to (ifs_cloud.md section 3.2).
"""

from __future__ import annotations

from bookkeeping.postings import Posting
from connector_resources.erp.ifs_cloud.settings import SEPARATOR, IfsCloudSettings
from connector_resources.erp.refusal import CannotBook


def customer_number(company: str, identity: str) -> str:
    return f"{company}{SEPARATOR}{identity}"


def invoice_number(company: str, series: str, number: str) -> str:
    return f"{company}{SEPARATOR}{series}-{number}" if series else f"{company}{SEPARATOR}{number}"


def identity_of(customer: str) -> str:
    """The identity in IFS; it is the same customer in every company, because customers belong to the tenant."""
    return customer.partition(SEPARATOR)[2]


def split_invoice(number: str) -> tuple[str, str, str]:
    """(company, series, number); the series is empty where there is none."""
    company, _, rest = number.partition(SEPARATOR)
    series, found, own = rest.partition("-")
    return (company, series, own) if found else (company, "", rest)


def company_of(posting: Posting, settings: IfsCloudSettings) -> str:
    """The company of a posting: by its creditor, else by its customer. Raises `CannotBook`."""
    creditor = posting.facts.get("creditor", "")
    if creditor:
        company = settings.company_of(creditor)
        if company is None:
            raise CannotBook(
                "creditor_unmapped",
                f"its money went to creditor {creditor}, which is no company's",
                f"add the company of creditor {creditor} to the connection file",
            )
        return company
    customer = (posting.party.erp_customer if posting.party else None) or ""
    company = customer.partition(SEPARATOR)[0]
    if company in settings.companies:
        return company
    if len(settings.companies) == 1:
        return next(iter(settings.companies))
    raise CannotBook(
        "creditor_unmapped",
        "neither its creditor nor its customer tells which company it belongs to",
        "link the GoCardless customer to a customer number with its company, such as 10:CUST1",
    )


def customer_of(posting: Posting) -> str:
    """The identity of the customer. Raises `CannotBook` when the GoCardless customer is not linked."""
    customer = posting.party.erp_customer if posting.party else None
    if customer:
        return identity_of(customer)
    who = (posting.party.gocardless_customer if posting.party else None) or "without an id"
    raise CannotBook(
        "customer_unmapped",
        f"GoCardless customer {who} is not linked to a customer in IFS Cloud",
        f"run `connector customers link {posting.connection} {who} COMPANY:CUSTOMER`",
    )
