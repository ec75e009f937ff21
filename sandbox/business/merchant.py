"""A merchant at GoCardless before its month begins: its world, and the customers it brought along with their mandates."""

from __future__ import annotations

from sandbox.business.names import Identity
from sandbox.business.plan import SETUP, PlannedCustomer
from sandbox.business.profiles import Profile
from sandbox.clock import SandboxClock
from sandbox.gocardless.records import Record
from sandbox.gocardless.world import Settings, World

#: An agreed overdraft, so that a refund never depends on the balance of the hour.
OVERDRAFT_MINOR = 2_000_000
_LATE_EVENTS_PER_THOUSAND = 12


def open_world(profile: Profile, seed: int) -> World:
    """A world that stands at the start of the set-up, with this merchant as its creditor, and its branch as another."""
    settings = Settings(
        negative_balance_limit_minor=OVERDRAFT_MINOR, late_events_per_thousand=_LATE_EVENTS_PER_THOUSAND
    )
    world = World(SandboxClock(SETUP), seed, settings, default_creditor=False)
    world.builder.creditor(
        profile.merchant,
        profile.creditor_country,
        accounts=profile.payout_accounts,
        fx_payout_currency=profile.fx_payout_currency,
        prefix=profile.bank_reference_prefix,
        prices=profile.prices,
    )
    branch = profile.branch
    if branch is not None:
        world.builder.creditor(
            branch.merchant,
            branch.creditor_country,
            accounts=(branch.currency,),
            prefix=branch.bank_reference_prefix,
            prices=branch.prices,
        )
    return world


def creditor_of(world: World, profile: Profile, currency: str) -> str:
    """Who collects that currency."""
    own, *others = (creditor.id for creditor in world.creditors.ordered)
    is_branch = profile.branch is not None and profile.branch.currency == currency
    return others[0] if is_branch else own


def sign_up(world: World, profile: Profile, customer: PlannedCustomer) -> Record:
    """A customer with bank account and mandate, as the merchant brought them along; gives the mandate."""
    identity = customer.identity
    metadata = {"erp_customer": customer.number} if customer.known_by == "metadata" else {}
    record = world.builder.customer(_customer_fields(identity), metadata)
    account = world.builder.bank_account(
        record.id, identity.name[:60], f"{identity.country_code}:{customer.number}",
        country_code=identity.country_code, currency=customer.currency, ending=customer.number[-2:],
    )  # fmt: skip
    creditor = creditor_of(world, profile, customer.currency)
    return world.builder.mandate(account, creditor, scheme=profile.scheme_of[customer.currency])


def _customer_fields(identity: Identity) -> dict[str, str | None]:
    return {
        "company_name": identity.company_name, "given_name": identity.given_name, "family_name": identity.family_name,
        "email": identity.email, "address_line1": identity.address_line1, "city": identity.city,
        "postal_code": identity.postal_code, "country_code": identity.country_code, "language": identity.language,
    }  # fmt: skip
