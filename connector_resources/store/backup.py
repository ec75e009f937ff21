"""Backups of the store: one file with everything of it, taken while it is in use, and its way back into an empty place.

A backup is a tar file of a manifest and the database: a copy of the SQLite file, or an archive that `pg_dump` wrote. Both
are one consistent state. The vault key is not in it and must be kept apart: the credentials inside are sealed with it.
Connection files and Dagster's own history are not in it either.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Connection, select

from connector_resources.errors import StoreError, TrailBroken
from connector_resources.store import postgres_backup
from connector_resources.store.engine import Database
from connector_resources.store.forgotten import mark_restored
from connector_resources.store.migration import RESTORING, migrate, require_known, schema_of
from connector_resources.store.schema import CREDENTIALS, TRAIL_HEADS
from connector_resources.store.trail import verify_within

FORMAT = 1
MANIFEST, CONTENT = "manifest.json", "store"
_BLOCK = 1 << 20


class Manifest(BaseModel):
    """What a backup says of itself. `trail_heads` are `<row>:<hash>` by connection; keep them elsewhere as well."""

    model_config = ConfigDict(frozen=True)

    format: int
    taken_at: datetime
    database: str
    schema_version: str
    sha256: str
    trail_heads: dict[str, str]
    vault_key_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Content:
    """What is in the store at one moment."""

    schema_version: str
    trail_heads: dict[str, str]
    vault_key_ids: tuple[str, ...]


def back_up(database: Database, file: Path) -> Manifest:
    """Write a backup to `file`, which must not exist yet; only its owner may read it. Others go on working meanwhile.

    Raises `StoreError` when the file exists or `pg_dump` fails.
    """
    if file.exists():
        raise StoreError(f"{file} exists already", next_step="name another file; backups are never overwritten")
    if not file.parent.is_dir():
        raise StoreError(f"{file.parent} is no directory", next_step="make it, or name another file")
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".backup-") as room:
        copy, taken_at = Path(room) / CONTENT, database.now()
        content = _copy_sqlite(database, copy) if database.is_sqlite else _dump_postgres(database, copy)
        manifest = Manifest(
            format=FORMAT,
            taken_at=taken_at,
            database="sqlite" if database.is_sqlite else "postgresql",
            schema_version=content.schema_version,
            sha256=_sha256(copy),
            trail_heads=content.trail_heads,
            vault_key_ids=content.vault_key_ids,
        )
        described = Path(room) / MANIFEST
        described.write_text(manifest.model_dump_json(indent=2), encoding="utf-8")
        whole = Path(room) / "whole"
        with open(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            with tarfile.open(fileobj=out, mode="w") as tar:
                tar.add(described, MANIFEST)
                tar.add(copy, CONTENT)
            out.flush()
            os.fsync(out.fileno())
        os.link(whole, file)
    return manifest


def read_manifest(file: Path) -> Manifest:
    """What `file` says of itself. Raises `StoreError` when it is no backup, or one of a later program."""
    with _opened(file) as tar:
        return _manifest(tar, file)


def restore(url: str, file: Path, *, clock: Callable[[], datetime]) -> Manifest:
    """Bring the backup `file` into the empty database at `url`, prove it, and migrate it.

    The restored store knows that it may have forgotten what was done since (`forgotten`). Nothing is there before all is:
    an interrupted restore leaves the place empty. Raises `StoreError` when the place is not empty, the backup is of the other
    kind of database, of a later program, damaged or cut, and `TrailBroken` when its trail does not verify.
    """
    database = Database(url, clock=clock)
    try:
        with _opened(file) as tar:
            manifest = _manifest(tar, file)
            _require_fitting(manifest, database, file)
            _require_empty(database)
            room_in = Path(database.url.database or "").parent if database.is_sqlite else None
            with tempfile.TemporaryDirectory(dir=room_in, prefix=".restore-") as room:
                copy = Path(room) / CONTENT
                _unpack(tar, copy, manifest, file)
                if database.is_sqlite:
                    _place_sqlite(copy, database, manifest)
                else:
                    postgres_backup.load(database, copy)
                    _finish(database, manifest)
        return manifest
    finally:
        database.close()


# --- taking ----------------------------------------------------------------------------------------------------------


def _copy_sqlite(database: Database, copy: Path) -> _Content:
    """By SQLite's own online copy: one state, whatever is written meanwhile."""
    source = sqlite3.connect(str(database.url.database))
    try:
        target = sqlite3.connect(copy)
        try:
            source.backup(target)
            # One file without a write-ahead log beside it.
            target.execute("PRAGMA journal_mode = DELETE")
        finally:
            target.close()
    finally:
        source.close()
    with contextlib.closing(Database(f"sqlite:///{copy}", clock=database.now)) as copied:
        with copied.read() as reading:
            content = _content(reading)
        with copied.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = DELETE")
    return content


def _dump_postgres(database: Database, copy: Path) -> _Content:
    with database.snapshot() as reading:
        content = _content(reading)
        postgres_backup.dump(database, postgres_backup.exported_snapshot(reading), copy)
    return content


def _content(reading: Connection) -> _Content:
    heads = reading.execute(select(TRAIL_HEADS.c.connection, TRAIL_HEADS.c.seq, TRAIL_HEADS.c.hash)).all()
    key_ids = reading.scalars(select(CREDENTIALS.c.key_id).distinct().order_by(CREDENTIALS.c.key_id)).all()
    return _Content(
        schema_of(reading) or "", {row.connection: f"{row.seq}:{row.hash}" for row in heads}, tuple(key_ids)
    )


# --- bringing back ---------------------------------------------------------------------------------------------------


def _place_sqlite(copy: Path, database: Database, manifest: Manifest) -> None:
    """Prove and migrate the copy beside its place, then put it there in one step that fails where something is."""
    place = Path(str(database.url.database))
    with contextlib.closing(Database(f"sqlite:///{copy}", clock=database.now)) as restored:
        _finish(restored, manifest)
        with restored.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    os.chmod(copy, 0o600)
    try:
        os.link(copy, place)
    except FileExistsError as error:
        raise _not_empty(database) from error


def _finish(database: Database, manifest: Manifest) -> None:
    """What was restored is what was backed up: mark it, and bring it to the newest schema."""
    with database.snapshot() as reading:
        _prove(reading, manifest)
    with database.write() as transaction:
        mark_restored(transaction, manifest.taken_at, database.now())
        if not database.is_sqlite:
            postgres_backup.open_again(transaction, manifest.schema_version)
    migrate(database)


def _prove(reading: Connection, manifest: Manifest) -> None:
    if reading.dialect.name == "sqlite":
        problem = reading.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if problem != "ok":
            raise StoreError(f"the backup's database is damaged: {problem}", next_step="take an older backup")
    if _content(reading).trail_heads != manifest.trail_heads:
        raise TrailBroken(
            "the trails in the backup do not end where its manifest says", next_step="take an older backup"
        )
    for connection, head in manifest.trail_heads.items():
        report = verify_within(reading, connection, head.rpartition(":")[2])
        if not report.ok:
            raise TrailBroken(
                f"the trail in the backup does not verify: {report.problem}",
                connection=connection,
                next_step="take an older backup",
            )


def _require_fitting(manifest: Manifest, database: Database, file: Path) -> None:
    kind = "sqlite" if database.is_sqlite else "postgresql"
    if manifest.database != kind:
        raise StoreError(
            f"{file} is a backup of {manifest.database}, and CONNECTOR_DATABASE_URL names {kind}",
            next_step="restore it into an empty database of its own kind",
        )
    require_known(manifest.schema_version, str(file))


def _require_empty(database: Database) -> None:
    if database.is_sqlite:
        if Path(str(database.url.database)).exists():
            raise _not_empty(database)
        return
    with database.read() as reading:
        version = schema_of(reading)
    if version == RESTORING:
        postgres_backup.drop_unfinished(database)
    elif version is not None:
        raise _not_empty(database)


def _not_empty(database: Database) -> StoreError:
    return StoreError(
        f"there is a store at {database.name} already; nothing was changed",
        next_step="stop every process, move it away (it may be needed), then restore again",
    )


def _unpack(tar: tarfile.TarFile, copy: Path, manifest: Manifest, file: Path) -> None:
    with _member(tar, CONTENT, file) as packed, copy.open("wb") as out:
        try:
            while block := packed.read(_BLOCK):
                out.write(block)
        except (OSError, tarfile.TarError) as error:
            raise _damaged(file, str(error)) from error
    if _sha256(copy) != manifest.sha256:
        raise _damaged(file, "its database is not the one its manifest names")


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        tar = tarfile.open(file, mode="r:")  # noqa: SIM115 - closed below, and errors are told apart
    except FileNotFoundError as error:
        raise StoreError(f"there is no file {file}", next_step="name the file of a backup") from error
    except (OSError, tarfile.TarError) as error:
        raise _damaged(file, str(error)) from error
    with tar:
        yield tar


def _manifest(tar: tarfile.TarFile, file: Path) -> Manifest:
    with _member(tar, MANIFEST, file) as packed:
        try:
            manifest = Manifest.model_validate_json(packed.read(_BLOCK))
        except ValidationError as error:
            raise _damaged(file, "its manifest cannot be read") from error
    if manifest.format > FORMAT:
        raise StoreError(f"{file} was made by a later program", next_step="install that version, then restore")
    return manifest


def _member(tar: tarfile.TarFile, name: str, file: Path) -> IO[bytes]:
    try:
        packed = tar.extractfile(name)
    except (KeyError, OSError, tarfile.TarError) as error:
        raise _damaged(file, f"it has no {name}") from error
    if packed is None:
        raise _damaged(file, f"its {name} is no file")
    return packed


def _damaged(file: Path, why: str) -> StoreError:
    return StoreError(f"{file} is no whole backup: {why}", next_step="take an older backup; nothing was changed")


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
