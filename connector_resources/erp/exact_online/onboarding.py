"""What a new connection to Exact Online must be told, with a chart to begin with (exact_online.md section 11)."""

from __future__ import annotations

from connector_resources.erp.onboarding import Onboarding, Preset, Question

ONBOARDING = Onboarding(
    questions=(
        Question("region", "Country of the Exact Online site: NL, BE, UK, DE, FR, ES or US", "NL"),
        Question("division", "Code of the division (administration)", "1"),
        Question("general_journal", "General journal, for what has no bank journal", "90"),
        Question("sales_journal", "Sales journal of the credit notes of refunds", "70"),
    ),
    presets=(
        Preset(
            "nl",
            "numbers as Dutch divisions often have them",
            accounts={
                "receivable": "1300",
                "fees": "4500",
                "input_vat": "1510",
                "suspense": "2990",
                "sales_returns": "8090",
                "payout_transit": "2010",
                "fx_transit": "2020",
                "fx_difference": "9500",
                "other_income": "8900",
            },
            by_currency=(
                {"bank_journal": "23", "clearing_account": "1230", "transit_account": "2000"},
                {"bank_journal": "24", "clearing_account": "1231", "transit_account": "2001"},
                {"bank_journal": "25", "clearing_account": "1232", "transit_account": "2002"},
            ),
        ),
    ),
)
