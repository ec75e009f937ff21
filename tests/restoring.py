"""A site whose store is lost, and an older backup of which takes its place."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import requests

from connector_resources.connections.consent import erp_authorisation
from connector_resources.runtime import Runtime
from connector_resources.store.backup import restore
from tests.sites import Site

CONSENT_REDIRECT = "http://localhost:8000/callback"


def back_in_time(site: Site, backup: Path) -> None:
    """The store is lost and an older backup takes its place, an hour later; a new process opens it."""
    at = site.at
    site.merchant.tick(timedelta(hours=1))
    at.runtime.close()
    settings, clock, sleep = at.runtime.settings, at.runtime.clock, at.runtime.sleep
    for file in settings.root.glob("connector.sqlite*"):
        file.unlink()
    restore(settings.store_url, backup, clock=clock)
    at.runtime = Runtime.open(settings, clock=clock)
    at.runtime.sleep = at.runtime.store.database.sleep = sleep
    at.connection = at.runtime.connection(site.name)
    consent_again(site)


def consent_again(site: Site) -> None:
    """Tokens that can be used once were used by the store that was lost: a person logs in again, where one must."""
    begun = erp_authorisation(site.at.runtime, site.at.connection, CONSENT_REDIRECT)
    if begun is not None:
        page = requests.get(begun.url, allow_redirects=False, timeout=10)
        begun.complete(page.headers["location"])
