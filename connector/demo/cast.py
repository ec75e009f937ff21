"""Who plays in the demo: each merchant with the ERP that keeps its books, its connection file and its credentials.

A further merchant is a section and a row here, and its stand-ins in `sandbox.stand_ins`. The addresses are those of stand-ins,
so are the credentials: they are local and forget everything when the demo ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.business.ifs_ledger import COMPANIES as IFS_COMPANIES
from sandbox.business.ledger_plan import ATTEMPTS, WAIT_DAYS, WINDOW_DAYS

Json = dict[str, Any]
#: the ERP section of a connection file, from the stand-in's address and what it says of its company.
Section = Callable[[str, Json], Json]

#: what GoCardless's stand-ins accept.
GOCARDLESS_TOKEN = "sandbox_read_write"  # noqa: S105 - the stand-in's published token
#: how the month of a ledger is collected: as its plan counts on.
COLLECTIONS = {
    "enabled": True,
    "window_days": WINDOW_DAYS,
    "retry": {"attempts": ATTEMPTS, "wait_days": WAIT_DAYS},
    "mandate_setup": {
        "mode": "link",
        "redirect_uri": "https://merchant.example/thanks",
        "exit_uri": "https://merchant.example/later",
        "description": "Direct debit for your invoices",
    },
}

#: nine days pass in a minute or two, and what is announced while they do is read before they are over.
OFTEN = {"erp_every_minutes": 2}


@dataclass(frozen=True, slots=True)
class Role:
    """A merchant's part. `redirect_uri` is set where a person's consent is needed; `books` is where the ERP shows its own.

    secrets   vault name -> value, besides GoCardless's
    sections  further sections of the connection file
    topics    what the ERP is to announce to the receiver
    polling   settings of that section, besides the demo's own
    """

    erp: str
    time_zone: str
    section: Section
    secrets: Mapping[str, str]
    redirect_uri: str = ""
    books: str = "/_control/books"
    sections: Mapping[str, Any] = field(default_factory=dict)
    topics: tuple[str, ...] = ()
    polling: Mapping[str, int] = field(default_factory=dict)

    @property
    def collects(self) -> bool:
        """Its ledger starts the money, and the connection collects it."""
        return "collections" in self.sections


def visma_section(base: str, company: Json) -> Json:
    """The stand-in company's chart (`sandbox/visma/chart.py`)."""
    return {
        "kind": "visma",
        **company,
        "base_url": base,
        "token_url": f"{base}/connect/token",
        "payment_method": "GC",
        "currencies": {
            "EUR": {"clearing_cash_account": "1985", "bank_account": "1920"},
            "GBP": {"clearing_cash_account": "1986", "bank_account": "1930"},
        },
        "accounts": {
            "fees": "7770",
            "surcharges": "7770",
            "partner_fees": "7770",
            "input_vat": "2710",
            "suspense": "2990",
            "sales_returns": "3000",
            "payout_transit": "1995",
            "fx_transit": "1990",
            "fx_difference": "8160",
            "rounding": "7798",
            "other_income": "3100",
        },
    }


def datev_section(base: str, _company: Json) -> Json:
    return {
        "kind": "datev",
        "environment": "sandbox",
        "public_app": True,
        # Nine days pass between two runs: longer than a consent without it lasts.
        "offline_access": True,
        "redirect_uri": DATEV_REDIRECT,
        "addresses": {
            "authorize": f"{base}/openidsandbox/authorize",
            "token": f"{base}/openidsandbox/token",
            "revoke": f"{base}/openidsandbox/revoke",
            "userinfo": f"{base}/openidsandbox/userinfo",
            "clients": f"{base}/accounting-clients/platform-sandbox/v2",
            "extf_files": f"{base}/accounting-extf-files/platform-sandbox/v3",
            "documents": f"{base}/accounting-documents/platform-sandbox/v2",
            "dxso_jobs": f"{base}/accounting-dxso-jobs/platform-sandbox/v2",
        },
        "consultant_number": 455148,
        "client_number": 1,
        "chart": "skr03",
    }


def sage300_section(base: str, company: Json) -> Json:
    """The stand-in company's chart (`sandbox/sage300/chart.py`, `sandbox/business/sage_ledger.py`)."""
    return {
        "kind": "sage300",
        "base_url": f"{base}/Sage300WebApi",
        "company": company["company"],
        "post_mode": "post",
        "currencies": {"EUR": {"bank_account": "1030"}},
        "accounts": {
            "receivable": "1100",
            "fees": "6115",
            "input_vat": "2150",
            "suspense": "9999",
            "sales_returns": "4090",
            "payout_transit": "1040",
            "fx_difference": "7100",
            "other_income": "4010-100",
        },
        "refund_offset": "sales_returns",
        "optional_fields": {"bank_account": None},
        "schedules": {"WEEKLY": {"unit": "weekly"}, "MONTHLY": {"unit": "monthly"}},
    }


def exact_online_section(base: str, company: Json) -> Json:
    """The stand-in division's chart (`sandbox/exact_online/chart.py`, `sandbox/business/exact_ledger.py`)."""
    return {
        "kind": "exact_online",
        "region": "NL",
        "base_url": base,
        "token_url": f"{base}/api/oauth2/token",
        "division": company["division"],
        "calls_per_minute": company["calls_per_minute"],
        "currencies": {"EUR": {"bank_journal": "23", "clearing_account": "1230", "transit_account": "2000"}},
        "accounts": {
            "receivable": "1300",
            "fees": "4500",
            "input_vat": "1510",
            "suspense": "2990",
            "sales_returns": "8090",
            "payout_transit": "2020",
            "fx_transit": "2010",
            "fx_difference": "9500",
            "other_income": "8000",
        },
        "general_journal": "90",
        "sales_journal": "71",
        "write_payment_reference": True,
    }


def ifs_cloud_section(base: str, company: Json) -> Json:
    """The stand-in tenant's chart (`sandbox/ifs_cloud/companies.py`, `sandbox/business/ifs_ledger.py`)."""
    return {
        "kind": "ifs_cloud",
        "base_url": base,
        "realm": "acmeprod",
        "token_url": f"{base}/auth/realms/acmeprod/protocol/openid-connect/token",
        "companies": {
            code: {
                "creditor": creditor,
                "user_group": "AC",
                "currencies": {
                    IFS_COMPANIES[code]: {
                        "cash_account": f"GC{IFS_COMPANIES[code]}",
                        "clearing_account": "1940",
                        "bank_account": "1931",
                    }
                },
                "accounts": {
                    "fees": "6570",
                    "input_vat": "2641",
                    "suspense": "2999",
                    "payout_transit": "2990",
                    "other_income": "3010",
                },
            }
            for code, creditor in company["creditors"].items()
        },
        "map": {
            "customers": {
                "fields": {
                    "gocardless_customer": "Cf_Gc_Customer",
                    "mandate": "Cf_Gc_Mandate",
                }
            }
        },
        "write_customer_link": True,
        "marker": {"strategy": "pay_term", "values": ["DD"]},
        "invoice_status": {
            "target": "open_items",
            "state": "Cf_Gc_Status",
            "reason": "Cf_Gc_Reason",
            "payment": "Cf_Gc_Payment",
        },
        "calls_per_minute": company["calls_per_minute"],
    }


DATEV_REDIRECT = "http://localhost:8000/datev/callback"
EXACT_REDIRECT = "http://localhost/callback"

ROLES: Mapping[str, Role] = {
    "nordic": Role(
        "visma",
        "Europe/Helsinki",
        visma_section,
        {"client_id": "isv_sandbox", "client_secret": "sandbox-secret"},
    ),
    "german": Role(
        "datev",
        "Europe/Berlin",
        datev_section,
        {"datev_client_id": "sandbox-public"},
        redirect_uri=DATEV_REDIRECT,
        books="/_control/books?client=455148-1",
    ),
    "dutch": Role(
        "exact_online",
        "Europe/Amsterdam",
        exact_online_section,
        {
            "exact_client_id": "3f0c1c5e-8a51-4a3a-9f0e-0a4d0f5b7a11",
            "exact_client_secret": "sandbox-secret",
            "exact_online_webhook_secret": "exact-webhook-secret",
        },
        redirect_uri=EXACT_REDIRECT,
        sections={"collections": COLLECTIONS},
        topics=("SalesEntries",),
        polling=OFTEN,
    ),
    "irish": Role(
        "sage300",
        "Europe/Dublin",
        sage300_section,
        {"sage300_username": "GCAPI", "sage300_password": "Gocard1ess!"},
        sections={"collections": COLLECTIONS, "subscriptions": {"enabled": True}},
        # It announces nothing.
        polling=OFTEN,
    ),
    "nordsee": Role(
        "ifs_cloud",
        "Europe/Berlin",
        ifs_cloud_section,
        {
            "ifs_client_id": "gc_connector",
            "ifs_client_secret": "sandbox-secret",
            "ifs_hook_secret": "ifs-hook-secret",
        },
        sections={"collections": COLLECTIONS},
        topics=("Invoice",),
        polling=OFTEN,
    ),
}
