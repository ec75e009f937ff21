"""Every ERP this project knows, in one table: a new ERP is its folder and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from connector_resources.erp.authorisation import Authorisation
from connector_resources.erp.building import BuildContext
from connector_resources.erp.contract import ErpConnector, Traits
from connector_resources.erp.datev import authorisation as datev_authorisation
from connector_resources.erp.datev import resource as datev
from connector_resources.erp.datev.settings import DatevSettings
from connector_resources.erp.datev.traits import TRAITS as DATEV_TRAITS
from connector_resources.erp.visma import resource as visma
from connector_resources.erp.visma import webhook as visma_webhook
from connector_resources.erp.visma.settings import VismaSettings
from connector_resources.erp.visma.traits import TRAITS as VISMA_TRAITS

ErpSettings = Annotated[VismaSettings | DatevSettings, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True)
class NotificationKind:
    """How an ERP's own webhooks are trusted. They only make the next poll happen now."""

    secret_names: tuple[str, ...]
    verify: Callable[[Any, bytes, Mapping[str, str], Sequence[str]], bool]
    identity: Callable[[bytes, Mapping[str, str]], str]


@dataclass(frozen=True, slots=True)
class ErpKind:
    """What the rest of the project needs of an ERP: its traits, its settings schema, how to build its connector.

    credentials  the vault names that a connection with these settings reads
    authorise    how a person's consent begins, where the ERP asks for one
    """

    traits: Traits
    settings: type[Any]
    build: Callable[[Any, BuildContext], ErpConnector]
    credentials: Callable[[Any], tuple[str, ...]]
    notification: NotificationKind | None = None
    authorise: Callable[[Any, BuildContext, str], Authorisation] | None = None


ERPS: Mapping[str, ErpKind] = {
    "visma": ErpKind(
        VISMA_TRAITS,
        VismaSettings,
        visma.build_connector,
        visma.credential_names,
        NotificationKind(visma_webhook.SECRET_NAMES, visma_webhook.verify, visma_webhook.identity),
    ),
    "datev": ErpKind(
        DATEV_TRAITS,
        DatevSettings,
        datev.build_connector,
        datev.credential_names,
        authorise=datev_authorisation.authorise,
    ),
}


def erp_kind(name: str) -> ErpKind:
    """The ERP called `name` in connection files."""
    return ERPS[name]
