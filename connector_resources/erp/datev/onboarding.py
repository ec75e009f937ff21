"""What a new connection to DATEV must be told; the charts are those of the settings (datev.md section 11.1)."""

from __future__ import annotations

from connector_resources.erp.datev.settings import PRESETS
from connector_resources.erp.onboarding import Onboarding, Preset, Question

ONBOARDING = Onboarding(
    questions=(
        Question("consultant_number", "Beraternummer, seven digits at most", "1001"),
        Question("client_number", "Mandantennummer, five digits at most", "1"),
        Question("account_length", "Sachkontenlänge (account length) of the client", "4"),
        Question("fiscal_year_start", "First day of the fiscal year, month-day", "01-01"),
        Question("fee_vat_mode", "VAT on fees, to ask the adviser: none, reverse_charge_eu or domestic_vat", "none"),
        Question("bank_leg", "Who books the bank line of a payout: post, statement or processor_account", "post"),
        Question("platform", "DATEV platform: production or sandbox", "production", setting="environment"),
    ),
    presets=tuple(
        Preset(
            chart,
            f"DATEV's standard chart {chart.upper()}",
            accounts={role.value: number for role, number in PRESETS[chart].items()},
            settings={"chart": chart},
            implied=True,
        )
        for chart in ("skr03", "skr04")
    ),
    currencies="",
)
