"""Dagster's own history vouches for the trail: what each posting run noted must still be in the chain."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from click.testing import CliRunner, Result
from sqlalchemy import delete, insert, select, text, update

from connector.cli import main
from connector_assets.trail_anchors import noted_heads
from connector_resources.store.schema import TRAIL, TRAIL_HEADS
from connector_resources.store.trail import GENESIS, row_hash
from tests.evenings import DAY

DAY_BEFORE = DAY - timedelta(days=1)


def verify(house: Any, *options: str) -> Result:
    home = Path(house.installation.home)
    environment = {"CONNECTOR_HOME": str(home), "DAGSTER_HOME": str(home / "dagster"), "COLUMNS": "200"}
    return CliRunner().invoke(main, ["trail", "verify", "nordic", *options], env=environment)


def rewrite(house: Any, change: Any) -> None:
    """Every row written anew from the first one on, with hashes that fit, and the head with them."""
    store = house.installation.runtime.store
    with store.begin() as transaction:
        found = transaction.execute(select(TRAIL).where(TRAIL.c.connection == "nordic").order_by(TRAIL.c.seq))
        rows = change([dict(row._mapping) for row in found])
        previous = GENESIS
        for number, row in enumerate(rows, start=1):
            row["seq"], row["previous_hash"] = number, previous
            previous = row["hash"] = row_hash(
                "nordic", number, row["at"], row["kind"], row["subject"], row["payload"], previous
            )
        transaction.execute(text("DROP TRIGGER IF EXISTS trail_no_update"))
        transaction.execute(text("DROP TRIGGER IF EXISTS trail_no_delete"))
        transaction.execute(delete(TRAIL).where(TRAIL.c.connection == "nordic"))
        transaction.execute(insert(TRAIL), rows)
        head = update(TRAIL_HEADS).where(TRAIL_HEADS.c.connection == "nordic")
        transaction.execute(head.values(seq=len(rows), hash=previous))


def edited(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows[4]["payload"] = rows[4]["payload"].replace("EV", "EX")
    return rows


def cut(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return rows[:10]


def test_a_chain_rewritten_with_valid_hashes_is_found_by_dagsters_history(kept_house: Any) -> None:
    house = kept_house
    assert house.run(DAY_BEFORE, DAY).success
    heads = noted_heads(house.instance, "nordic")
    assert len(heads) == 2, "one of the documents, one of the journals"
    assert noted_heads(house.instance, "nordic", newest=1), "the check of a run looks at the newest only"
    assert noted_heads(house.instance, "other") == []
    result = verify(house, "--against-dagster")
    assert result.exit_code == 0, result.output
    assert "2 heads in Dagster, verified" in result.output

    for change, says in ((edited, "was rewritten"), (cut, "is not there any more")):
        rewrite(house, change)

        assert verify(house).exit_code == 0, "the chain by itself looks whole"
        result = verify(house, "--against-dagster")
        assert result.exit_code == 1
        assert says in result.output
        assert f"row {heads[0].row} is not" in " ".join(result.output.split())
        assert heads[0].noted_by in result.output

    outcome = house.run(DAY)
    assert house.checks(outcome)["trail_verifies"] is False, "the check of the next run says so as well"


def test_without_a_dagster_home_the_command_says_what_is_missing(house: Any) -> None:
    environment = {"CONNECTOR_HOME": str(house.installation.home), "DAGSTER_HOME": None}
    result = CliRunner().invoke(main, ["trail", "verify", "nordic", "--against-dagster"], env=environment)
    assert result.exit_code == 1
    assert "DAGSTER_HOME is not set" in result.output


def test_an_instance_without_runs_vouches_for_nothing_and_says_so(house: Any) -> None:
    assert noted_heads(dg.DagsterInstance.ephemeral(), "nordic") == []
