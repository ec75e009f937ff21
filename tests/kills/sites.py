"""The site of a campaign: one connection, its ledger and its GoCardless, on a clock that goes on and can be moved ahead."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from sandbox.business.played_clock import PlayedClock
from sandbox.gocardless.world import Settings as GoCardlessSettings
from sandbox.gocardless.world import World
from tests.evenings import MORNING
from tests.kills.business import COLLECTING, CUSTOMERS
from tests.merchant import Merchant
from tests.sites import Site, datev_site, exact_online_site, ifs_cloud_site, sage300_site, visma_site

_SITES: dict[str, Callable[..., contextlib.AbstractContextManager[Site]]] = {
    "visma": visma_site,
    "exact_online": exact_online_site,
    "sage300": sage300_site,
    "datev": datev_site,
    "ifs_cloud": ifs_cloud_site,
}
ERPS = tuple(sorted(_SITES))
#: minutes of played time in which the open invoices and the customers are read again.
ERP_EVERY_MINUTES = 120
MANY_CALLS = 100_000


@contextlib.contextmanager
def open_site(
    erp: str, home: Path, *, clock_file: Path | None = None, database_url: str | None = None
) -> Iterator[Site]:
    """The stand-ins over HTTP, and a home with connection, credentials and consent. `clock_file` tells others the time."""
    clock = PlayedClock(MORNING, clock_file)
    merchant = Merchant(World(clock, seed=1, settings=GoCardlessSettings(rate_limit=MANY_CALLS)))
    given: dict[str, Any] = {
        "merchant": merchant,
        "database_url": database_url,
        "polling": {"events_every_s": 5, "erp_every_minutes": ERP_EVERY_MINUTES},
    }
    if erp != "datev":
        given["customers"] = CUSTOMERS
    if erp in COLLECTING:
        # A second attempt would fall into whichever act its day is in.
        given["collections"] = {"enabled": True, "retry": {"attempts": 1}}
    if erp == "exact_online":
        given["erp_settings"] = {"calls_per_minute": MANY_CALLS}
    if erp == "ifs_cloud":
        given["erp_settings"] = {"marker": {"strategy": "pay_term", "values": ["DD"]}}
    if erp == "datev":
        # Acts lie hours apart: longer than a consent without it lasts.
        given["erp_settings"] = {"offline_access": True}
    with _SITES[erp](home, **given) as site:
        if erp == "exact_online":
            site.division.switches.calls_per_minute = MANY_CALLS
        _name_every_address(home / "connections" / f"{site.name}.yaml")
        yield site


def _name_every_address(path: Path) -> None:
    """A played clock is allowed only where no address is left to its default, which would be a real system's."""
    document = yaml.safe_load(path.read_text("utf-8"))
    erp = document["erp"]
    base = erp.get("base_url", "")
    match erp["kind"]:
        case "exact_online":
            erp["token_url"] = f"{base}/api/oauth2/token"
        case "ifs_cloud":
            erp["token_url"] = f"{base}/auth/realms/{erp['realm']}/protocol/openid-connect/token"
        case "datev":
            home = erp["addresses"]["token"].removesuffix("/token")
            erp["addresses"]["documents"] = f"{home}/accounting-documents/platform/v2"
            erp["addresses"]["dxso_jobs"] = f"{home}/accounting-dxso-jobs/platform/v2"
    path.write_text(yaml.safe_dump(document), "utf-8")
