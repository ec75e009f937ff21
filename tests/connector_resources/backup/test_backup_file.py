"""A backup is one consistent state of a store in use; it comes back whole into an empty place, or not at all."""

from __future__ import annotations

import io
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from sqlalchemy import inspect, text

from bookkeeping.postings import PostingKind
from connector_resources.errors import StoreError, TrailBroken
from connector_resources.store.backup import Manifest, back_up, read_manifest, restore
from connector_resources.store.engine import Database
from connector_resources.store.forgotten import restored
from connector_resources.store.migration import RESTORING, VERSION_TABLE
from connector_resources.store.store import Store
from connector_resources.store.trail import TrailEntry
from connector_resources.store.vault_key import VaultKey
from tests.postgres import PostgresServer

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=2)
SECRET = "a-secret-that-stays-sealed"


def clock() -> datetime:
    return NOW


@pytest.fixture(params=["sqlite", "postgresql"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """`places()`: the URL of a new, empty place of one kind."""
    if request.param == "sqlite":
        numbers = iter(range(100))
        yield lambda: f"sqlite:///{tmp_path / f'place{next(numbers)}.sqlite'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    yield lambda: server.url(server.create())


@pytest.fixture
def store(places: Callable[[], str]) -> Iterator[Store]:
    with Store.open(places(), clock=clock, vault_key=VaultKey.generate()[0]) as opened:
        opened.migrate()
        opened.vault.write("nordic", "gocardless_access_token", SECRET)
        opened.trail.append("nordic", [TrailEntry("noted", f"PM{n}", {"n": n}) for n in range(50)])
        yield opened


def content(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as tar:
        return {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]


def packed(file: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(file, "w") as tar:
        for name, data in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            tar.addfile(about, io.BytesIO(data))
    return file


def changed(file: Path, changed_file: Path, **fields: object) -> Path:
    members = content(file)
    members["manifest.json"] = orjson.dumps({**orjson.loads(members["manifest.json"]), **fields})
    return packed(changed_file, members)


def test_a_restored_store_has_everything_and_knows_what_it_may_have_forgotten(
    store: Store, places: Callable[[], str], tmp_path: Path
) -> None:
    head = store.trail.head("nordic")
    manifest = back_up(store.database, tmp_path / "backup")
    place = places()

    restore(place, tmp_path / "backup", clock=lambda: LATER)

    with Store.open(place, clock=clock, vault_key=store.vault._key) as again:
        assert again.trail.head("nordic") == head
        assert again.trail.verify("nordic").ok
        assert again.vault.read("nordic", "gocardless_access_token") == SECRET
        assert again.schema_version() == store.schema_version()
        with again.database.read() as reading:
            horizon = restored(reading)
    assert horizon is not None
    assert (horizon.taken_at, horizon.restored_at) == (manifest.taken_at, LATER)
    assert horizon.doubts(PostingKind.RECEIPT.value, NOW + timedelta(days=1), LATER)
    assert not horizon.doubts(PostingKind.RECEIPT.value, LATER + timedelta(hours=2), LATER)
    assert horizon.doubts(PostingKind.COLLECTION.value, LATER + timedelta(days=3), LATER + timedelta(days=3))
    assert not horizon.doubts(PostingKind.COLLECTION.value, LATER, LATER + timedelta(days=40))


def test_a_backup_tells_the_heads_of_the_trails_and_which_key_opens_it(store: Store, tmp_path: Path) -> None:
    manifest = back_up(store.database, tmp_path / "backup")

    seq, digest = store.trail.head("nordic")
    assert manifest.trail_heads == {"nordic": f"{seq}:{digest}"}
    assert manifest.vault_key_ids == (store.vault.names("nordic")[0].key_id,)
    assert read_manifest(tmp_path / "backup") == manifest
    assert os.stat(tmp_path / "backup").st_mode & 0o077 == 0
    assert SECRET.encode() not in (tmp_path / "backup").read_bytes()


def test_a_backup_is_one_state_while_others_write(store: Store, places: Callable[[], str], tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            with store.begin() as transaction:
                store.trail.append("nordic", [TrailEntry("a", "PM1", {})], within=transaction)
                store.trail.append("berlin", [TrailEntry("a", "PM1", {})], within=transaction)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            manifest = back_up(store.database, tmp_path / f"backup{number}")
    finally:
        stop.set()
        writer.join()

    place = places()
    restore(place, tmp_path / "backup2", clock=clock)
    with Store.open(place, clock=clock) as again:
        nordic, berlin = again.trail.head("nordic")[0], again.trail.head("berlin")[0]
    # The vault's row and fifty more stood in one trail before both were written to together.
    assert nordic - 51 == berlin > 0
    assert manifest.trail_heads["berlin"].startswith(f"{berlin}:")


def test_a_store_that_is_there_is_never_overwritten(store: Store, tmp_path: Path) -> None:
    back_up(store.database, tmp_path / "backup")
    head = store.trail.head("nordic")

    with pytest.raises(StoreError, match=r"there is a store at .* already"):
        restore(store.database.url.render_as_string(hide_password=False), tmp_path / "backup", clock=clock)
    with pytest.raises(StoreError, match="exists already"):
        back_up(store.database, tmp_path / "backup")

    assert store.trail.head("nordic") == head


@pytest.mark.parametrize(
    "harm", ["cut", "bit", "no manifest", "later schema", "later format", "other kind", "other head"]
)
def test_a_backup_that_is_not_whole_leaves_the_place_empty(
    store: Store, places: Callable[[], str], tmp_path: Path, harm: str
) -> None:
    file, bad = tmp_path / "backup", tmp_path / "bad"
    manifest = back_up(store.database, file)
    members = content(file)
    if harm == "cut":
        bad.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    elif harm == "bit":
        data = bytearray(members["store"])
        data[len(data) // 2] ^= 1
        packed(bad, {**members, "store": bytes(data)})
    elif harm == "no manifest":
        packed(bad, {"store": members["store"]})
    else:
        other_kind = "postgresql" if manifest.database == "sqlite" else "sqlite"
        fields = {
            "later schema": {"schema_version": "9999"},
            "later format": {"format": 99},
            "other kind": {"database": other_kind},
            "other head": {"trail_heads": {"nordic": "51:" + "0" * 64}},
        }
        changed(file, bad, **fields[harm])
    place = places()

    with pytest.raises((StoreError, TrailBroken)) as caught:
        restore(place, bad, clock=clock)

    assert caught.value.next_step
    if manifest.database == "sqlite":
        assert not Path(place.removeprefix("sqlite:///")).exists()
    else:
        with Store.open(place, clock=clock) as unfinished:
            assert unfinished.schema_version() in (None, RESTORING)
    restore(place, file, clock=clock)


def test_an_interrupted_restore_is_refused_by_programs_and_begun_again(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    with Store.open(postgres.url(postgres.create()), clock=clock) as store:
        store.migrate()
        back_up(store.database, tmp_path / "backup")
    place = postgres.url(postgres.create())
    restore(place, tmp_path / "backup", clock=clock)
    database = Database(place, clock=clock)
    with database.write() as transaction:
        transaction.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '{RESTORING}'"))  # noqa: S608 - constants
    with Store.open(place, clock=clock) as unfinished, pytest.raises(StoreError, match="run it again"):
        unfinished.migrate()

    restore(place, tmp_path / "backup", clock=clock)

    with Store.open(place, clock=clock) as whole:
        whole.migrate()


def test_dagsters_tables_in_the_same_database_are_left_alone(postgres: PostgresServer, tmp_path: Path) -> None:
    with Store.open(postgres.url(postgres.create()), clock=clock) as store:
        store.migrate()
        with store.begin() as transaction:
            transaction.execute(text("CREATE TABLE runs (id INTEGER)"))
        back_up(store.database, tmp_path / "backup")
    place = postgres.url(postgres.create())

    restore(place, tmp_path / "backup", clock=clock)

    assert not inspect(Database(place, clock=clock).engine).has_table("runs")


def test_postgresql_without_its_tools_says_what_to_install(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with Store.open(postgres.url(postgres.create()), clock=clock) as store:
        store.migrate()
        with pytest.raises(StoreError, match=r"pg_dump is not on the PATH.*client programs"):
            back_up(store.database, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_a_manifest_of_today_is_read_tomorrow() -> None:
    old = {
        "format": 1,
        "taken_at": "2026-06-10T12:00:00Z",
        "database": "sqlite",
        "schema_version": "0004",
        "sha256": "00",
        "trail_heads": {"nordic": "1:aa"},
        "vault_key_ids": ["k1"],
        "of_a_later_program": True,
    }
    assert Manifest.model_validate(old).taken_at == datetime(2026, 6, 10, 12, tzinfo=UTC)
