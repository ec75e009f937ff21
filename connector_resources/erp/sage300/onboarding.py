"""What a new connection to Sage 300 must be told, with a chart to begin with (sage300.md section 11)."""

from __future__ import annotations

from connector_resources.erp.onboarding import Onboarding, Preset, Question

ONBOARDING = Onboarding(
    questions=(
        Question("base_url", "Address of the Web API, as in the browser", "https://erp.example.com/Sage300WebApi"),
        Question("company", "Company id of the sign-on screen", "SAMLTD"),
        Question("mode", "payout_gl or ar_receipts; never changed after the first posting", "payout_gl"),
        Question("post_mode", "Batches stay open, are set ready, or are posted: open, ready or post", "open"),
    ),
    presets=(
        Preset(
            "sample",
            "numbers in the manner of Sage's sample company",
            accounts={
                "receivable": "1100",
                "fees": "6115",
                "input_vat": "2150",
                "suspense": "9999",
                "sales_returns": "4090",
                "payout_transit": "1098",
                "fx_difference": "7100",
                "other_income": "4900",
                "revenue": "4000",
            },
            by_currency=(
                {"bank_account": "1020", "bank_code": "GC{currency}", "clearing_account": "1099"},
                {"bank_account": "1025", "bank_code": "GC{currency}", "clearing_account": "1097"},
                {"bank_account": "1026", "bank_code": "GC{currency}", "clearing_account": "1096"},
            ),
        ),
    ),
    decisions={"credential_case": "upper"},
)
