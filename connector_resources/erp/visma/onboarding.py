"""What a new connection to Visma.net ERP must be told, with charts to begin with (visma.md section 11.1)."""

from __future__ import annotations

from connector_resources.erp.onboarding import Onboarding, Preset, Question

ONBOARDING = Onboarding(
    questions=(
        Question(
            "tenant_id",
            "Tenant id of the company (not the contract's), from Visma App Store",
            "00000000-0000-0000-0000-000000000000",
        ),
        Question("company_name", "The company's name as Visma shows it", "Your company AS"),
        Question("payment_method", "Payment method allowed for the clearing cash accounts", "GC"),
    ),
    presets=(
        Preset(
            "ns4102",
            "numbers in the manner of the Norwegian standard chart NS 4102",
            accounts={
                "fees": "7770",
                "input_vat": "2710",
                "suspense": "1999",
                "sales_returns": "3090",
                "payout_transit": "1986",
                "fx_transit": "1987",
                "fx_difference": "8160",
                "rounding": "7740",
                "other_income": "3900",
            },
            by_currency=(
                {"clearing_cash_account": "1985", "bank_account": "1920"},
                {"clearing_cash_account": "1984", "bank_account": "1921"},
                {"clearing_cash_account": "1983", "bank_account": "1922"},
            ),
        ),
        Preset(
            "bas",
            "numbers in the manner of the Swedish BAS chart",
            accounts={
                "fees": "6570",
                "input_vat": "2641",
                "suspense": "2999",
                "sales_returns": "3730",
                "payout_transit": "1948",
                "fx_transit": "1949",
                "fx_difference": "3960",
                "rounding": "3740",
                "other_income": "3990",
            },
            by_currency=(
                {"clearing_cash_account": "1941", "bank_account": "1930"},
                {"clearing_cash_account": "1942", "bank_account": "1931"},
                {"clearing_cash_account": "1943", "bank_account": "1932"},
            ),
        ),
    ),
)
