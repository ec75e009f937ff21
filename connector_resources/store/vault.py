"""The vault: credentials sealed with AES-256-GCM, each bound to its connection and name. No key is in the database.

A value leaves only through `read`. Every change is one trail row that names the credential and the key, never the
value.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, delete, select, update

from connector_resources.errors import MissingCredential, VaultKeyError
from connector_resources.store.engine import Database
from connector_resources.store.rows import put_rows
from connector_resources.store.schema import CREDENTIALS
from connector_resources.store.trail import Trail, TrailEntry
from connector_resources.store.vault_key import VaultKey

_credentials = CREDENTIALS.c

_SEALED = select(_credentials.key_id, _credentials.nonce, _credentials.sealed).where(
    _credentials.connection == bindparam("wanted_connection"), _credentials.name == bindparam("wanted_name")
)
_SEALED_OF_MANY = select(_credentials.name, _credentials.key_id, _credentials.nonce, _credentials.sealed).where(
    _credentials.connection == bindparam("wanted_connection"),
    _credentials.name.in_(bindparam("wanted_names", expanding=True)),
)
_INFO = select(_credentials.connection, _credentials.name, _credentials.updated_at, _credentials.key_id).order_by(
    _credentials.connection, _credentials.name
)
_INFO_OF_ONE = _INFO.where(_credentials.connection == bindparam("wanted_connection"))


@dataclass(frozen=True, slots=True)
class CredentialInfo:
    """That a credential is stored, since when, and which key sealed it."""

    connection: str
    name: str
    updated_at: datetime
    key_id: str


class Vault:
    def __init__(self, database: Database, trail: Trail, key: VaultKey | None) -> None:
        self._database = database
        self._trail = trail
        self._key = key

    def __repr__(self) -> str:
        return f"Vault({self._database.name}, {self._key!r})"

    def write(self, connection: str, name: str, value: str, *, within: Connection | None = None) -> None:
        """Seal `value`, in place of an earlier one. Raises `VaultKeyError` without a key."""
        key = self._required_key()
        nonce, sealed = key.seal(value.encode(), _associated(connection, name))
        row = {
            "connection": connection,
            "name": name,
            "key_id": key.sealing_id,
            "nonce": nonce,
            "sealed": sealed,
            "updated_at": self._database.now(),
        }
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            put_rows(transaction, CREDENTIALS, [row])
            self._record(transaction, "credential_written", connection, name, key.sealing_id)

    def read(self, connection: str, name: str) -> str:
        """Raises `MissingCredential` when there is none, `VaultKeyError` when the key does not open it."""
        with self._database.read() as reading:
            row = reading.execute(_SEALED, {"wanted_connection": connection, "wanted_name": name}).one_or_none()
        if row is None:
            raise MissingCredential(
                f"the vault holds no {name}",
                connection=connection,
                subject=name,
                next_step=f"`connector credentials set {connection} {name}`",
            )
        return self._open(self._required_key(), connection, name, row.key_id, row.nonce, row.sealed).decode()

    def read_held(self, connection: str, names: Collection[str]) -> dict[str, str]:
        """The values of those `names` that the vault holds. Raises `VaultKeyError` when the key does not open one."""
        told = {"wanted_connection": connection, "wanted_names": list(names)}
        with self._database.read() as reading:
            rows = reading.execute(_SEALED_OF_MANY, told).all()
        return {
            row.name: self._open(self._required_key(), connection, row.name, row.key_id, row.nonce, row.sealed).decode()
            for row in rows
        }

    def has(self, connection: str, name: str) -> bool:
        with self._database.read() as reading:
            return reading.scalar(select(_credentials.name).where(*_is(connection, name))) is not None

    def names(self, connection: str | None = None) -> list[CredentialInfo]:
        """What is stored for one connection, or for all; never a value."""
        wanted, told = (_INFO, {}) if connection is None else (_INFO_OF_ONE, {"wanted_connection": connection})
        with self._database.read() as reading:
            return [CredentialInfo(*row) for row in reading.execute(wanted, told)]

    def remove(self, connection: str, name: str, *, within: Connection | None = None) -> bool:
        """Forget a credential; False when there was none."""
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            removed = transaction.execute(
                delete(CREDENTIALS).where(*_is(connection, name)).returning(_credentials.key_id)
            ).scalar_one_or_none()
            if removed is not None:
                self._record(transaction, "credential_removed", connection, name, removed)
        return removed is not None

    def rotate(self, new_key: VaultKey) -> int:
        """Seal every credential with `new_key`, each in a transaction of its own; returns how many were sealed again.

        What already is sealed with it is skipped, so that a rotation cut short is finished by another call. Raises
        `VaultKeyError` at the first credential that neither the present key nor `new_key` opens.
        """
        ring = new_key if self._key is None else new_key.joined_with(self._key)
        count = 0
        for info in self.names():
            count += self._seal_again(ring, info)
        self._key = new_key
        return count

    def _seal_again(self, ring: VaultKey, info: CredentialInfo) -> int:
        where = _is(info.connection, info.name)
        with self._database.write() as transaction:
            self._trail.lock(info.connection, within=transaction)
            # Read again under the lock: a token refresh may have written a new value meanwhile.
            row = transaction.execute(select(CREDENTIALS).where(*where).with_for_update()).one_or_none()
            if row is None or row.key_id == ring.sealing_id:
                return 0
            value = self._open(ring, info.connection, info.name, row.key_id, row.nonce, row.sealed)
            nonce, sealed = ring.seal(value, _associated(info.connection, info.name))
            changed = {"key_id": ring.sealing_id, "nonce": nonce, "sealed": sealed}
            transaction.execute(update(CREDENTIALS).where(*where).values(changed))
            self._record(transaction, "credential_resealed", info.connection, info.name, ring.sealing_id)
        return 1

    def _open(self, key: VaultKey, connection: str, name: str, key_id: str, nonce: bytes, sealed: bytes) -> bytes:
        try:
            return key.open(key_id, bytes(nonce), bytes(sealed), _associated(connection, name))
        except VaultKeyError as error:
            raise VaultKeyError(
                f"{name} cannot be opened: {error.args[0].partition(' Next step: ')[0]}",
                connection=connection,
                subject=name,
                next_step=error.next_step,
            ) from None

    def _required_key(self) -> VaultKey:
        if self._key is None:
            raise VaultKeyError(
                "the vault was opened without a key", next_step="set CONNECTOR_VAULT_KEY or CONNECTOR_VAULT_KEY_FILE"
            )
        return self._key

    def _record(self, transaction: Connection, kind: str, connection: str, name: str, key_id: str) -> None:
        self._trail.append(connection, [TrailEntry(kind, name, {"key_id": key_id})], within=transaction)


def _associated(connection: str, name: str) -> bytes:
    """Sealed into every value: one moved to another row does not open."""
    return f"{connection}\0{name}".encode()


def _is(connection: str, name: str) -> tuple[ColumnElement[bool], ...]:
    return (_credentials.connection == connection, _credentials.name == name)
