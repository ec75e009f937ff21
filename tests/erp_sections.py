"""The `erp` section of a connection file for each stand-in, as its standard chart and settings need it."""

from __future__ import annotations

from typing import Any

from sandbox.visma.company import Company


def visma_section(company: Company, address: str) -> dict[str, Any]:
    """The ERP section of a connection to the stand-in's company with its standard chart."""
    return {
        "kind": "visma",
        "tenant_id": company.tenant_id,
        "company_name": company.name,
        "base_url": address,
        "token_url": f"{address}/connect/token",
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
            "payout_transit": "1990",
            "fx_transit": "1990",
            "fx_difference": "8160",
            "rounding": "7798",
            "other_income": "3100",
        },
    }


def datev_section(address: str) -> dict[str, Any]:
    """The ERP section of a connection to the first client of the stand-in's tax adviser."""
    files, clients = "accounting-extf-files/platform/v3", "accounting-clients/platform/v2"
    return {
        "kind": "datev",
        "consultant_number": 455148,
        "client_number": 1,
        "chart": "skr03",
        "public_app": True,
        "redirect_uri": "https://connector.example/datev/callback",
        "time_zone": "Europe/Berlin",
        "exchange_rates": {"GBP": {"2026-06": "0.85"}},
        "addresses": {
            "authorize": f"{address}/openid/authorize",
            "token": f"{address}/token",
            "revoke": f"{address}/revoke",
            "userinfo": f"{address}/userinfo",
            "clients": f"{address}/{clients}",
            "extf_files": f"{address}/{files}",
            "documents": f"{address}/accounting-documents/platform/v2",
            "dxso_jobs": f"{address}/accounting-dxso-jobs/platform/v2",
        },
    }


def exact_online_section(address: str) -> dict[str, Any]:
    """The ERP section of a connection to the stand-in's division with its standard chart."""
    return {
        "kind": "exact_online",
        "base_url": address,
        "token_url": f"{address}/api/oauth2/token",
        "currencies": {
            "EUR": {"bank_journal": "23", "clearing_account": "1230", "transit_account": "2000"},
            "GBP": {"bank_journal": "24", "clearing_account": "1231", "transit_account": "2000"},
        },
        "accounts": {
            "receivable": "1300",
            "fees": "4500",
            "surcharges": "4500",
            "partner_fees": "4500",
            "input_vat": "1510",
            "suspense": "2990",
            "sales_returns": "8000",
            "payout_transit": "2990",
            "fx_transit": "2010",
            "fx_difference": "9500",
            "rounding": "9510",
            "other_income": "8000",
        },
        "general_journal": "90",
        "sales_journal": "70",
    }


def ifs_cloud_section(address: str, creditor: str) -> dict[str, Any]:
    """The ERP section of a connection to company 10 of the stand-in's tenant with its standard chart."""
    return {
        "kind": "ifs_cloud",
        "base_url": address,
        "token_url": f"{address}/auth/realms/acmeprod/protocol/openid-connect/token",
        "realm": "acmeprod",
        "companies": {
            "10": {
                "creditor": creditor,
                "user_group": "AC",
                "currencies": {
                    "EUR": {"cash_account": "GCEUR", "clearing_account": "1940", "bank_account": "1930"},
                    "GBP": {"cash_account": "GCGBP", "clearing_account": "1941", "bank_account": "1930"},
                },
                "accounts": {
                    "fees": "6570",
                    "input_vat": "2641",
                    "suspense": "2999",
                    "payout_transit": "2990",
                    "fx_difference": "3960",
                    "other_income": "3010",
                },
            }
        },
    }


def sage300_section(address: str) -> dict[str, Any]:
    """The ERP section of a connection to the stand-in's company, which posts its batches itself."""
    return {
        "kind": "sage300",
        "base_url": f"{address}/Sage300WebApi",
        "company": "SAMLTD",
        "mode": "ar_receipts",
        "post_mode": "post",
        "currencies": {
            "EUR": {"bank_code": "GCEUR", "clearing_account": "1099", "bank_account": "1020"},
            "GBP": {"bank_code": "GCGBP", "clearing_account": "1098", "bank_account": "1025"},
        },
        "accounts": {
            "receivable": "1100",
            "fees": "6115",
            "input_vat": "2150",
            "suspense": "9999",
            "sales_returns": "4090",
            "payout_transit": "9999",
            "fx_difference": "7100",
            "other_income": "4010-100",
            "revenue": "4010-100",
        },
        "no_tax_group": "NOTAX",
        "refund_tax_group": "NOTAX",
        "invoice_tax_group": "NOTAX",
        "optional_fields": {"bank_account": None},
    }
