"""Every ERP this project knows, in one table: a new ERP is its folder and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, Union

from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema

from connector_resources.erp.authorisation import Authorisation, ConsentState
from connector_resources.erp.building import BuildContext
from connector_resources.erp.contract import ErpConnector, Traits
from connector_resources.erp.datev import authorisation as datev_authorisation
from connector_resources.erp.datev import resource as datev
from connector_resources.erp.datev.calls import call_table as datev_calls
from connector_resources.erp.datev.onboarding import ONBOARDING as DATEV_ONBOARDING
from connector_resources.erp.datev.settings import DatevSettings
from connector_resources.erp.datev.traits import TRAITS as DATEV_TRAITS
from connector_resources.erp.exact_online import authorisation as exact_online_authorisation
from connector_resources.erp.exact_online import resource as exact_online
from connector_resources.erp.exact_online import subscribing as exact_online_subscribing
from connector_resources.erp.exact_online import webhook as exact_online_webhook
from connector_resources.erp.exact_online.calls import call_table as exact_online_calls
from connector_resources.erp.exact_online.onboarding import ONBOARDING as EXACT_ONLINE_ONBOARDING
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.exact_online.traits import TRAITS as EXACT_ONLINE_TRAITS
from connector_resources.erp.ifs_cloud import resource as ifs_cloud
from connector_resources.erp.ifs_cloud import webhook as ifs_cloud_webhook
from connector_resources.erp.ifs_cloud.calls import call_table as ifs_cloud_calls
from connector_resources.erp.ifs_cloud.onboarding import ONBOARDING as IFS_CLOUD_ONBOARDING
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings
from connector_resources.erp.ifs_cloud.traits import TRAITS as IFS_CLOUD_TRAITS
from connector_resources.erp.notices import NoticeDesk
from connector_resources.erp.onboarding import Onboarding
from connector_resources.erp.request_calls import CallTable
from connector_resources.erp.sage300 import resource as sage300
from connector_resources.erp.sage300.calls import call_table as sage300_calls
from connector_resources.erp.sage300.onboarding import ONBOARDING as SAGE300_ONBOARDING
from connector_resources.erp.sage300.settings import Sage300Settings
from connector_resources.erp.sage300.traits import TRAITS as SAGE300_TRAITS
from connector_resources.erp.visma import resource as visma
from connector_resources.erp.visma import webhook as visma_webhook
from connector_resources.erp.visma.calls import call_table as visma_calls
from connector_resources.erp.visma.onboarding import ONBOARDING as VISMA_ONBOARDING
from connector_resources.erp.visma.settings import VismaSettings
from connector_resources.erp.visma.traits import TRAITS as VISMA_TRAITS


class ErpSection(Protocol):
    """What the `erp` section of every connection file has."""

    @property
    def kind(self) -> str:
        """The name in `ERPS`."""
        ...


@dataclass(frozen=True, slots=True)
class NotificationKind:
    """How an ERP's own webhooks are trusted. They only make the next poll happen now.

    answered_with  the HTTP status that the ERP takes for "received"
    """

    secret_names: tuple[str, ...]
    verify: Callable[[Any, bytes, Mapping[str, str], Sequence[str]], bool]
    identity: Callable[[bytes, Mapping[str, str]], str]
    answered_with: int = 204


@dataclass(frozen=True, slots=True)
class ErpKind:
    """What the rest of the project needs of an ERP: its traits, its settings schema, how to build its connector.

    credentials  the vault names that a connection with these settings reads
    onboarding   what a new connection must be told by a person
    authorise    how a person's consent begins, where the ERP asks for one
    has_consent  whether a consent is stored that still stands, as far as can be told without asking the ERP
    notices      how its webhooks are subscribed to, where the connector can do that
    end_consent  revokes what the vault holds under a name, if that is a consent's; False when it is none
    keep_consent  uses a consent before it ends for lack of use, and tells how it stands; raises nothing
    calls        what its requests cost in calls with these settings, for forecasts; one each unless told
    """

    traits: Traits
    settings: type[Any]
    build: Callable[[Any, BuildContext], ErpConnector]
    credentials: Callable[[Any], tuple[str, ...]]
    onboarding: Onboarding
    notification: NotificationKind | None = None
    authorise: Callable[[Any, BuildContext, str], Authorisation] | None = None
    notices: Callable[[Any, BuildContext], NoticeDesk] | None = None
    keep_consent: Callable[[Any, BuildContext], ConsentState] | None = None
    has_consent: Callable[[Any, BuildContext], bool] | None = None
    end_consent: Callable[[Any, BuildContext, str], bool] | None = None
    calls: Callable[[Any], CallTable] = lambda _settings: CallTable()


ERPS: Mapping[str, ErpKind] = {
    "visma": ErpKind(
        VISMA_TRAITS,
        VismaSettings,
        visma.build_connector,
        visma.credential_names,
        VISMA_ONBOARDING,
        NotificationKind(visma_webhook.SECRET_NAMES, visma_webhook.verify, visma_webhook.identity),
        calls=visma_calls,
    ),
    "datev": ErpKind(
        DATEV_TRAITS,
        DatevSettings,
        datev.build_connector,
        datev.credential_names,
        DATEV_ONBOARDING,
        authorise=datev_authorisation.authorise,
        has_consent=datev_authorisation.has_consent,
        end_consent=datev_authorisation.end_consent,
        calls=datev_calls,
    ),
    "exact_online": ErpKind(
        EXACT_ONLINE_TRAITS,
        ExactOnlineSettings,
        exact_online.build_connector,
        exact_online.credential_names,
        EXACT_ONLINE_ONBOARDING,
        NotificationKind(
            exact_online_webhook.SECRET_NAMES,
            exact_online_webhook.verify,
            exact_online_webhook.identity,
            # Anything but 200 or 201 is sent again, up to ten times (exact_online.md sections 7.1 and 7.4).
            answered_with=200,
        ),
        exact_online_authorisation.authorise,
        exact_online_subscribing.build_notices,
        exact_online_authorisation.keep_consent,
        exact_online_authorisation.has_consent,
        calls=exact_online_calls,
    ),
    "sage300": ErpKind(
        SAGE300_TRAITS,
        Sage300Settings,
        sage300.build_connector,
        sage300.credential_names,
        SAGE300_ONBOARDING,
        calls=sage300_calls,
    ),
    "ifs_cloud": ErpKind(
        IFS_CLOUD_TRAITS,
        IfsCloudSettings,
        ifs_cloud.build_connector,
        ifs_cloud.credential_names,
        IFS_CLOUD_ONBOARDING,
        NotificationKind(ifs_cloud_webhook.SECRET_NAMES, ifs_cloud_webhook.verify, ifs_cloud_webhook.identity),
        calls=ifs_cloud_calls,
    ),
}


class OneOfTheErps:
    """The settings of whichever ERP `kind` names. Read from the table when the schema is built, so that a line there is all."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        sections = tuple(kind.settings for kind in ERPS.values())
        return handler.generate_schema(Annotated[Union[sections], Field(discriminator="kind")])  # noqa: UP007


#: any section of `ERPS`; whoever needs more than `kind` of it belongs into the ERP's own folder.
ErpSettings = Annotated[ErpSection, OneOfTheErps]


def erp_kind(name: str) -> ErpKind:
    """The ERP called `name` in connection files."""
    return ERPS[name]
