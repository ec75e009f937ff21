"""What a connection to the stand-ins of `connector sandbox up` is told: addresses, company, chart, published credentials."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import requests

from connector.demo.cast import GOCARDLESS_TOKEN, ROLES
from connector_resources.errors import ConfigurationError
from connector_resources.transport.addresses import LOOPBACK

#: the month that the stand-ins play begins here; nobody has booked anything before.
FIRST_DAY = date(2026, 6, 1)


@dataclass(frozen=True, slots=True)
class Known:
    """What need not be asked, because a stand-in tells it. Without stand-ins nothing is known.

    erp          the `erp` section; its answers are the interview's defaults, its accounts are taken as they are
    sections     further sections of the file, taken when the person wants due invoices collected
    credentials  vault name -> value, published with the stand-in
    last_day     the last day that happened there; None: today
    """

    erp: Mapping[str, Any] = field(default_factory=dict)
    gocardless: Mapping[str, Any] = field(default_factory=dict)
    sections: Mapping[str, Any] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    time_zone: str = ""
    cut_over: date | None = None
    last_day: date | None = None


def known_of(director: str, erp: str) -> Known:
    """Ask the stand-ins' director at `director` about the merchant whose ledger is `erp`.

    Raises `ConfigurationError` when nobody answers there, or when the address is not on this machine.
    """
    if urlsplit(director).hostname not in LOOPBACK:
        raise ConfigurationError(f"{director} is not on this machine; stand-ins are", next_step="connector sandbox up")
    try:
        answer = requests.get(f"{director.rstrip('/')}/", timeout=30)
        answer.raise_for_status()
        told = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise ConfigurationError(
            f"no director of stand-ins answers at {director}",
            next_step="connector sandbox up --play-all, in another terminal; it prints the director's address",
        ) from error
    merchant = next((name for name, role in ROLES.items() if role.erp == erp), None)
    if merchant is None:
        raise ConfigurationError(f"there is no stand-in for {erp}", next_step=f"choose {_erps()}")
    role, addresses = ROLES[merchant], told["addresses"]
    section = deepcopy(dict(role.section(addresses[erp], told["companies"].get(erp, {}))))
    # The consent comes back to this machine, to the address of `connector authorize`.
    section.pop("redirect_uri", None)
    return Known(
        erp=section,
        gocardless={"base_url": addresses[f"gocardless_{merchant}"]},
        sections=deepcopy(dict(role.sections)),
        credentials={"gocardless_access_token": GOCARDLESS_TOKEN, **role.secrets},
        time_zone=role.time_zone,
        cut_over=FIRST_DAY,
        last_day=max(date.fromisoformat(told["played_to"]), FIRST_DAY),
    )


def _erps() -> str:
    return ", ".join(sorted(role.erp for role in ROLES.values()))
