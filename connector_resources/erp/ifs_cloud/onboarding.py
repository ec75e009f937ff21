"""What a new connection to IFS Cloud must be told, with a chart to begin with (ifs_cloud.md section 11.1)."""

from __future__ import annotations

from connector_resources.erp.onboarding import Onboarding, Preset, Question

ONBOARDING = Onboarding(
    questions=(
        Question("base_url", "Address of the tenant, the host alone", "https://acme.ifs.cloud"),
        Question("realm", "Realm (NAMESPACE) of the tenant", "acmeprod"),
        Question("company", "Code of the company; further ones are added to the file", "10", setting=""),
        Question("user_group", "User group of the service user", "AC", setting="companies.{company}.user_group"),
        Question("voucher_type", "Voucher type of function group M", "M", setting="companies.{company}.voucher_type"),
        Question("settlement", "A receipt becomes: mixed_payment, camt_file or suspense", "mixed_payment"),
    ),
    presets=(
        Preset(
            "bas",
            "numbers in the manner of the Swedish BAS chart",
            accounts={
                "fees": "6570",
                "input_vat": "2641",
                "suspense": "2999",
                "payout_transit": "2995",
                "fx_difference": "3960",
                "other_income": "3990",
            },
            by_currency=(
                {"cash_account": "GC{currency}", "clearing_account": "1940", "bank_account": "1930"},
                {"cash_account": "GC{currency}", "clearing_account": "1941", "bank_account": "1931"},
                {"cash_account": "GC{currency}", "clearing_account": "1942", "bank_account": "1932"},
            ),
        ),
    ),
    accounts="companies.{company}.accounts",
    currencies="companies.{company}.currencies",
    creditor="companies.{company}.creditor",
    decisions={"marker": {"strategy": "pay_term", "values": ["GC"]}},
)
