"""The vault's keys: 256-bit AES keys from the environment, a command or a key file, never from the database.

Several may be given at a time, for rotation: the first seals, all of them open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import shlex
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connector_resources.errors import VaultKeyError

if TYPE_CHECKING:
    from connector_resources.settings import Settings
    from connector_resources.store.vault import Vault

_KEY_BYTES = 32
_NONCE_BYTES = 12
ENVIRONMENT, COMMAND = "CONNECTOR_VAULT_KEY", "CONNECTOR_VAULT_KEY_COMMAND"
#: a secret store is asked over a network; a prompt that waits for a person would wait for ever.
COMMAND_S = 30


class VaultKey:
    """A ring of keys. Neither its `repr` nor any error shows a key; a key's id is a hash that tells nothing of it."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Raises `VaultKeyError` unless there is at least one key and each has 32 bytes."""
        if not keys or any(len(key) != _KEY_BYTES for key in keys):
            raise VaultKeyError(
                f"the vault needs at least one key, each of {_KEY_BYTES} bytes in base64",
                next_step="make one with `openssl rand -base64 32`",
            )
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self.sealing_id = _key_id(keys[0])

    @classmethod
    def generate(cls) -> tuple[VaultKey, str]:
        """A new key, and its text for the key file or the environment."""
        key = AESGCM.generate_key(bit_length=_KEY_BYTES * 8)
        return cls([key]), base64.b64encode(key).decode()

    @classmethod
    def from_text(cls, text: str, *, source: str) -> VaultKey:
        """Keys in base64, separated by commas or white space, the sealing one first.

        `source` names the place in errors.
        """
        keys = []
        for number, word in enumerate(text.replace(",", " ").split(), start=1):
            try:
                keys.append(base64.b64decode(word.replace("-", "+").replace("_", "/"), validate=True))
            except binascii.Error:
                raise VaultKeyError(
                    f"key {number} of {source} is not base64", next_step="make one with `openssl rand -base64 32`"
                ) from None
        return cls(keys)

    @classmethod
    def from_file(cls, path: Path) -> VaultKey:
        """Keys of a file that only its owner may read. Raises `VaultKeyError` when it is missing or open to others."""
        return cls.from_text(_private_text(path), source=str(path))

    def __repr__(self) -> str:
        return f"VaultKey(seals={self.sealing_id}, opens={sorted(self._ciphers)})"

    def seal(self, value: bytes, associated: bytes) -> tuple[bytes, bytes]:
        """(nonce, sealed bytes). Only the same key and the same associated data open it."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce, self._ciphers[self.sealing_id].encrypt(nonce, value, associated)

    def open(self, key_id: str, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
        """Raises `VaultKeyError` when the key is not in the ring, or the value was altered or belongs elsewhere."""
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise VaultKeyError(
                f"sealed with key {key_id}, which is not among the keys given ({', '.join(sorted(self._ciphers))})",
                next_step="give the vault the key it was sealed with, or store the credential again",
            )
        try:
            return cipher.decrypt(nonce, sealed, associated)
        except InvalidTag:
            raise VaultKeyError(
                f"does not open with key {key_id}: the stored value was altered or moved from another row",
                next_step="store the credential again, and find out who wrote to the database",
            ) from None

    def joined_with(self, other: VaultKey) -> VaultKey:
        """A ring that seals as this one does and opens what either opens."""
        ring = VaultKey.__new__(VaultKey)
        ring._ciphers = {**other._ciphers, **self._ciphers}
        ring.sealing_id = self.sealing_id
        return ring

    @property
    def count(self) -> int:
        return len(self._ciphers)


def load_vault_key(settings: Settings) -> VaultKey:
    """The key of this installation: from the environment, else from the command, else from the key file.

    A home that has no key file yet gets a new one. A file that was named explicitly must exist: when it is missing, a
    mount has failed, and a new key would not open what is stored; so it is with a command. Raises `VaultKeyError`.
    """
    given = _given(settings)
    if given is not None:
        return given[1]
    path = settings.key_file
    if settings.vault_key_file is None and not path.exists():
        _create(path, VaultKey.generate()[1])
    return VaultKey.from_file(path)


def rotate_key_file(settings: Settings, vault: Vault) -> int:
    """Make a new key, seal every credential with it, and forget the old ones; returns how many were sealed again.

    The file names the new key before the first credential is sealed with it, and loses the old keys after the last:
    after a crash in between every credential still opens, and running it again finishes the work. With keys from the
    environment or a command nothing is made: the first of several given there becomes the only one in use.
    """
    given = _given(settings)
    if given is not None:
        source, ring = given
        if ring.count < 2:
            raise VaultKeyError(
                f"the key comes from {source}, and there is only one",
                next_step=f"let {source} give `<new key>,<old key>`, run this again, then remove the old key",
            )
        return vault.rotate(ring)
    path = settings.key_file
    earlier = _private_text(path)
    text = VaultKey.generate()[1]
    _replace(path, f"{text}\n{earlier}")
    count = vault.rotate(VaultKey.from_file(path))
    _replace(path, text)
    return count


def _given(settings: Settings) -> tuple[str, VaultKey] | None:
    """The keys that are kept outside of this machine's files, and the variable they come by; None when they are not."""
    if settings.vault_key is not None:
        return ENVIRONMENT, VaultKey.from_text(settings.vault_key.get_secret_value(), source=ENVIRONMENT)
    if settings.vault_key_command is not None:
        return COMMAND, VaultKey.from_text(_printed_by(settings.vault_key_command), source=COMMAND)
    return None


def _printed_by(command: str) -> str:
    """What the command prints. Neither its output nor its arguments, which may hold a token, get into an error."""
    try:
        words = shlex.split(command)
        # The operator's own command, as a list: no shell reads it.
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_S, check=False)  # noqa: S603
        if done.returncode == 0:
            return done.stdout.decode("ascii")
        problem = f"ended with status {done.returncode}"
    except subprocess.TimeoutExpired:
        problem = f"printed nothing within {COMMAND_S} s"
    except (OSError, IndexError) as error:
        problem = f"could not be started ({type(error).__name__})"
    except ValueError:
        problem = "is no command, or printed something else than a key"
    raise VaultKeyError(
        f"the command of {COMMAND} {problem}",
        next_step="run it by hand as the user of the connector; it must print the key",
    )


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"vault key id\0" + key).hexdigest()[:12]


def _private_text(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise VaultKeyError(
            f"the vault key file {path} cannot be read: {error}",
            next_step="restore it from your backup, or name another with CONNECTOR_VAULT_KEY_FILE",
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise VaultKeyError(
            f"the vault key file {path} is open to other users (mode {stat.S_IMODE(mode):04o})",
            next_step=f"chmod 600 {path}",
        )
    return text


def _create(path: Path, text: str) -> None:
    """Write a key file unless another process was first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = _private_copy(path, text)
    try:
        os.link(written, path)
    except FileExistsError:
        # The other process's key is as good, and already in use.
        return
    finally:
        written.unlink()


def _replace(path: Path, text: str) -> None:
    _private_copy(path, text).replace(path)


def _private_copy(path: Path, text: str) -> Path:
    """`text` on disk, complete, beside `path`."""
    written = path.with_name(f"{path.name}.{os.getpid()}.new")
    written.unlink(missing_ok=True)
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text.strip() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return written
