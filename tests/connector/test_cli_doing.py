"""Commands that do something: plan promises nothing, run posts once, and held postings find their way."""

from __future__ import annotations

import io
import json
import re
from typing import Any

DAY = ("--day", "2026-06-03")


def _open_customer(shop: Any) -> str:
    (row,) = shop.json("customers", "list", "nordic", "--open")
    return str(row["gocardless"])


def _counts(shop: Any) -> dict[str, int]:
    return dict(shop.installation.states())


def test_plan_shows_what_run_does_and_leaves_no_trace(shop: Any) -> None:
    """Nothing at the ERP, nothing in the store but a token; then the run sends exactly the requests that were shown."""
    store = shop.store
    untouched = (shop.books(), _counts(shop), store.inbox.highest_seq())
    before, _ = store.trail.head("nordic")

    planned = shop.json("plan", "nordic", *DAY)
    text = shop.ok("plan", "nordic", *DAY, "--requests")

    assert (shop.books(), _counts(shop), store.inbox.highest_seq()) == untouched
    exported = io.StringIO()
    store.trail.export("nordic", exported)
    added = [json.loads(line) for line in exported.getvalue().splitlines()][before:]
    assert {row["kind"] for row in added} <= {"credential_written"}, "a token that was fetched is kept for the run"
    assert [method for method, path in shop.installation.erp.faults.requests if method != "GET"] == ["POST"], (
        "the first plan fetches a token, the second has it; nothing is written"
    )
    kinds = [posting["kind"] for posting in planned["postings"]]
    assert (kinds.count("receipt"), kinds.count("payout"), len(planned["held"])) == (6, 1, 2)
    for posting in planned["postings"]:
        sides = {
            side: sum(x["amount_minor"] for x in posting["lines"] if x["side"] == side) for side in ("debit", "credit")
        }
        assert sides["debit"] == sides["credit"]
    assert "Nothing was sent." in text
    _, erp = planned["forecast"]["systems"]
    assert erp["calls"] == erp["reading"] + erp["writing"]
    assert re.search(
        r"A run now would need about \d+ calls to GoCardless and about \d+ calls to Visma.net ERP, of which \d+ write and "
        r"check: finished at about \d{4}-\d\d-\d\d \d\d:\d\d UTC \(in \d+ s\)",
        text,
    )

    shop.ok("run", "nordic", *DAY)
    for request in planned["requests"]:
        if request["step"] == "create" and "receipt" in request["postings"][0]:
            sent = store.submissions.of_posting("nordic", request["postings"][0])
            assert request["sha256"] in [row.planned.sha256 for row in sent]


def test_run_says_what_changed(shop: Any) -> None:
    text = shop.ok("run", "nordic", *DAY)
    assert "receipt posted: +4" in text
    assert "receipt held: +2" in text
    assert "payout posted: +1" in text
    assert "check" in text, "held postings show as checks that need a look"


def test_a_link_by_hand_releases_what_waited_and_the_next_run_posts_it(shop: Any) -> None:
    shop.ok("run", "nordic", *DAY)
    customer = _open_customer(shop)

    said = shop.ok("customers", "link", "nordic", customer, "10002", "--note", "same person")

    assert "2 held postings released" in said
    assert shop.held() == []
    assert "receipt posted: +2" in shop.ok("run", "nordic", *DAY)
    links = {row["gocardless"]: row for row in shop.json("customers", "list", "nordic")}
    assert (links[customer]["erp_customer"], links[customer]["found_by"]) == ("10002", "by hand")


def test_a_customer_the_erp_does_not_have_cannot_be_linked(shop: Any) -> None:
    shop.ok("run", "nordic", *DAY)
    assert "no customer 99999" in shop.fails("customers", "link", "nordic", _open_customer(shop), "99999")
    assert "not a known GoCardless customer" in shop.fails("customers", "link", "nordic", "CU0", "10001")
    assert len(shop.held()) == 2


def test_a_link_is_only_changed_on_purpose(shop: Any) -> None:
    shop.ok("run", "nordic", *DAY)
    linked = next(r["gocardless"] for r in shop.json("customers", "list", "nordic") if r["erp_customer"] == "10001")

    assert "is linked to 10001" in shop.fails("customers", "link", "nordic", linked, "10002")
    shop.ok("customers", "link", "nordic", linked, "10002", "--replace", "--note", "merged")

    (row,) = [r for r in shop.json("customers", "list", "nordic") if r["gocardless"] == linked]
    assert row["erp_customer"] == "10002"


def test_replay_of_failed_postings_posts_those_whose_reason_is_gone(shop: Any) -> None:
    shop.ok("run", "nordic", *DAY)
    before = len(shop.installation.erp.company.payments)
    assert "0 of 2 replayed postings are settled" in shop.ok("replay", "nordic", "--failed")

    shop.installation.erp.company.add_customer("10003", "Load Customer 3", email="load3@example.com")
    assert "2 of 2 replayed postings are settled" in shop.ok("replay", "nordic", "--failed")

    assert len(shop.installation.erp.company.payments) == before + 2
    assert "nothing is held" in shop.ok("replay", "nordic", "--failed")


def test_replay_of_one_posting_and_of_a_day(shop: Any) -> None:
    shop.ok("run", "nordic", *DAY)
    shop.installation.erp.company.add_customer("10003", "Load Customer 3", email="load3@example.com")
    first = shop.held()[0]

    assert "1 of 1 replayed postings are settled" in shop.ok("replay", "nordic", "--posting", first)
    assert "is posted, so there is nothing to replay" in shop.fails("replay", "nordic", "--posting", first)
    assert "there is no posting nonsense" in shop.fails("replay", "nordic", "--posting", "nonsense")
    assert "choose one" in shop.fails("replay", "nordic", "--posting", first, "--failed")

    books = shop.books()
    assert "were read again" in shop.ok("replay", "nordic", *DAY)
    assert shop.books() == books


def test_release_by_name_by_code_and_all(shop: Any) -> None:
    shop.ok("run", "nordic", *DAY)
    first, second = shop.held()

    assert "1 postings released" in shop.ok("release", "nordic", first, "--note", "looked at")
    assert shop.held() == [second]
    assert "0 postings released" in shop.ok("release", "nordic", "--code", "period_closed")
    assert "1 postings released" in shop.ok("release", "nordic", "--code", "customer_unmapped")
    assert shop.held() == []
    assert "is not held on nordic" in shop.fails("release", "nordic", first)
    assert "name the postings" in shop.fails("release", "nordic")


def test_a_withdrawn_posting_is_never_posted(shop: Any) -> None:
    shop.ok("run", "nordic", *DAY)
    first, _ = shop.held()

    assert shop.run("withdraw", "nordic", first).exit_code == 2, "a note is asked for"
    shop.ok("withdraw", "nordic", first, "--note", "booked by hand")
    shop.installation.erp.company.add_customer("10003", "Load Customer 3", email="load3@example.com")
    shop.ok("run", "nordic", *DAY)

    assert _counts(shop)["receipt withdrawn"] == 1
    assert _counts(shop)["receipt posted"] == 5
    assert "is not held" in shop.fails("withdraw", "nordic", first, "--note", "again")
    trail = shop.json("trace", first)[0]["trail"]
    assert "withdrawn" in {row["kind"] for row in trail}


def test_a_row_that_was_tampered_with_is_named_and_the_exit_code_is_one(shop: Any) -> None:
    shop.ok("run", "nordic", *DAY)
    with shop.store.begin() as transaction:
        transaction.exec_driver_sql("DROP TRIGGER IF EXISTS trail_no_update")
        transaction.exec_driver_sql("UPDATE trail SET payload = replace(payload, 'posted', 'pasted') WHERE seq = 7")
        transaction.exec_driver_sql("UPDATE trail SET subject = 'somebody else' WHERE seq = 7")

    result = shop.run("trail", "verify", "nordic")

    assert result.exit_code == 1
    assert "broken at row 7" in result.stdout
    assert shop.run("trail", "verify", "--json").exit_code == 1


def test_a_new_vault_key_opens_everything_and_the_old_one_nothing(shop: Any) -> None:
    key = (shop.home / "vault.key").read_text()
    secret = shop.store.vault.read("nordic", "client_secret")

    assert "are sealed with the new key" in shop.ok("credentials", "rotate-key")

    assert (shop.home / "vault.key").read_text() != key
    assert [line for line in shop.json("ping", "nordic")["nordic"] if not line["ok"]] == []
    (shop.home / "vault.key").write_text(key)
    message = shop.fails("run", "nordic", *DAY)
    assert "cannot be opened" in message
    assert secret not in message


def test_a_removed_credential_is_missed_by_name(shop: Any) -> None:
    shop.ok("credentials", "remove", "nordic", "client_secret")
    assert "has no stored client_secret" in shop.fails("credentials", "remove", "nordic", "client_secret")
    result = shop.run("ping", "nordic")
    assert result.exit_code == 1
    assert "connector credentials set nordic client_secret" in " ".join(result.stdout.split())
