"""Credentials open with their key, in their row, and nowhere else; nothing but `read` ever shows one."""

from __future__ import annotations

import os
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text, update

from connector_resources.errors import MissingCredential, VaultKeyError
from connector_resources.settings import Settings
from connector_resources.store.schema import CREDENTIALS
from connector_resources.store.store import Store
from connector_resources.store.vault_key import VaultKey, load_vault_key, rotate_key_file

SECRET = "canary-9f2c-geheim-€"


@pytest.fixture
def reopened(url, clock):
    """Opens the same database with another key."""
    opened: list[Store] = []

    def reopen(key: VaultKey | None) -> Store:
        opened.append(Store.open(url, clock=clock, vault_key=key))
        return opened[-1]

    yield reopen
    for store in opened:
        store.close()


def test_a_credential_is_read_back_and_replaced(store, make):
    store.vault.write("acme", "access_token", SECRET)
    assert store.vault.read("acme", "access_token") == SECRET

    store.vault.write("acme", "access_token", "")

    assert store.vault.read("acme", "access_token") == ""
    assert store.vault.has("acme", "access_token")
    assert not store.vault.has("other", "access_token")


def test_a_missing_credential_says_how_to_set_it(store):
    with pytest.raises(MissingCredential, match="access_token") as error:
        store.vault.read("acme", "access_token")

    assert (error.value.connection, error.value.subject) == ("acme", "access_token")
    assert error.value.next_step == "`connector credentials set acme access_token`"


def test_names_and_removal(store, vault_key, make):
    for connection, name in (("acme", "b"), ("acme", "a"), ("other", "c")):
        store.vault.write(connection, name, SECRET)

    assert [(i.connection, i.name) for i in store.vault.names()] == [("acme", "a"), ("acme", "b"), ("other", "c")]
    info = store.vault.names("acme")[0]
    assert (info.updated_at, info.key_id) == (make.start, vault_key.sealing_id)
    assert store.vault.remove("acme", "a")
    assert not store.vault.remove("acme", "a")
    assert [info.name for info in store.vault.names("acme")] == ["b"]
    kinds = [row.kind for row in store.trail.about("acme", ["a"])]
    assert kinds == ["credential_written", "credential_removed"]


def test_the_same_value_is_sealed_differently_each_time_and_is_nowhere_in_the_database(store, url):
    store.vault.write("acme", "a", SECRET)
    store.vault.write("acme", "b", SECRET)

    with store.database.read() as reading:
        rows = reading.execute(text("SELECT nonce, sealed FROM credentials")).all()
    assert len({bytes(row.sealed)[: len(SECRET)] for row in rows}) == 2
    assert len({bytes(row.nonce) for row in rows}) == 2
    assert all(SECRET.encode() not in bytes(row.sealed) for row in rows)
    if store.database.is_sqlite:
        path = Path(store.database.url.database)
        for file in path.parent.glob("store.sqlite*"):
            assert SECRET.encode() not in file.read_bytes()


def test_nothing_shows_a_value_or_a_key(store, vault_key):
    store.vault.write("acme", "a", SECRET)
    key, key_text = VaultKey.generate()

    shown = " ".join(
        map(repr, [store, store.vault, vault_key, key, store.vault.names(), store.trail.about(None, ["a"])])
    )

    assert SECRET not in shown
    assert key_text not in shown
    assert key.sealing_id in shown


@pytest.mark.parametrize("place", [{"connection": "other"}, {"name": "b"}])
def test_a_value_moved_to_another_row_does_not_open(store, place):
    store.vault.write("acme", "a", SECRET)
    with store.begin() as transaction:
        transaction.execute(update(CREDENTIALS).values(place))
    (moved,) = store.vault.names()

    with pytest.raises(VaultKeyError, match="altered or moved") as error:
        store.vault.read(moved.connection, moved.name)

    assert SECRET not in str(error.value)


def test_an_altered_value_does_not_open(store):
    store.vault.write("acme", "a", SECRET)
    with store.database.read() as reading:
        sealed = bytearray(reading.execute(text("SELECT sealed FROM credentials")).scalar_one())
    sealed[3] ^= 1
    with store.begin() as transaction:
        transaction.execute(text("UPDATE credentials SET sealed = :sealed"), {"sealed": bytes(sealed)})

    with pytest.raises(VaultKeyError, match="altered"):
        store.vault.read("acme", "a")


def test_another_key_does_not_open_and_names_the_one_that_would(store, vault_key, reopened):
    store.vault.write("acme", "a", SECRET)

    with pytest.raises(VaultKeyError, match=vault_key.sealing_id) as error:
        reopened(VaultKey.generate()[0]).vault.read("acme", "a")

    assert error.value.connection == "acme"
    assert "store the credential again" in error.value.next_step


def test_without_a_key_names_are_known_and_values_are_not(store, reopened):
    store.vault.write("acme", "a", SECRET)
    keyless = reopened(None)

    assert keyless.vault.has("acme", "a")
    with pytest.raises(VaultKeyError, match="without a key"):
        keyless.vault.read("acme", "a")
    with pytest.raises(VaultKeyError, match="without a key"):
        keyless.vault.write("acme", "a", "x")


def test_rotation_seals_everything_again_and_the_old_key_opens_nothing(store, vault_key, reopened):
    for name in ("a", "b", "c"):
        store.vault.write("acme", name, SECRET + name)
    new_key = VaultKey.generate()[0]

    assert store.vault.rotate(new_key) == 3

    assert {info.key_id for info in store.vault.names()} == {new_key.sealing_id}
    assert store.vault.read("acme", "b") == SECRET + "b"
    assert reopened(new_key).vault.read("acme", "c") == SECRET + "c"
    with pytest.raises(VaultKeyError):
        reopened(vault_key).vault.read("acme", "a")
    assert store.vault.rotate(new_key) == 0


def test_a_rotation_cut_short_is_finished_by_another(store, vault_key, reopened):
    for name in ("a", "b", "c"):
        store.vault.write("acme", name, SECRET + name)
    with store.begin() as transaction:
        transaction.execute(text("UPDATE credentials SET nonce = sealed WHERE name = 'b'"))
    new_key = VaultKey.generate()[0]
    with pytest.raises(VaultKeyError, match="b cannot be opened"):
        store.vault.rotate(new_key)
    both = new_key.joined_with(vault_key)
    half = reopened(both)
    assert [info.key_id for info in half.vault.names()] == [new_key.sealing_id] + [vault_key.sealing_id] * 2
    assert [half.vault.read("acme", name) for name in "ac"] == [SECRET + "a", SECRET + "c"]

    half.vault.write("acme", "b", SECRET + "b")

    assert half.vault.rotate(both) == 1
    assert [reopened(new_key).vault.read("acme", name) for name in "abc"] == [SECRET + name for name in "abc"]


def test_a_key_file_rotation_that_breaks_off_keeps_the_key_that_is_still_needed(tmp_path, reopened):
    settings = Settings(home=tmp_path / "home")
    store = reopened(load_vault_key(settings))
    for name in ("a", "b", "c"):
        store.vault.write("acme", name, SECRET + name)
    with store.begin() as transaction:
        transaction.execute(text("UPDATE credentials SET nonce = sealed WHERE name = 'b'"))
    with pytest.raises(VaultKeyError, match="b cannot be opened"):
        rotate_key_file(settings, store.vault)

    half = reopened(load_vault_key(settings))

    assert len({info.key_id for info in half.vault.names()}) == 2
    assert [half.vault.read("acme", name) for name in "ac"] == [SECRET + "a", SECRET + "c"]


CRASH_IN_ROTATION = """
from pathlib import Path
from connector_resources.settings import Settings
from connector_resources.store.vault import Vault
from connector_resources.store.vault_key import load_vault_key, rotate_key_file
settings = Settings(home=Path(sys.argv[2]))
store = Store.open(sys.argv[1], clock=lambda: datetime.now(UTC), vault_key=load_vault_key(settings))
seal_again = Vault._seal_again
def die_at_the_third(vault, ring, info):
    if info.name == "c":
        os._exit(9)
    return seal_again(vault, ring, info)
Vault._seal_again = die_at_the_third
rotate_key_file(settings, store.vault)
"""


def test_a_crash_in_the_middle_of_a_key_file_rotation_loses_nothing(url, clock, tmp_path, reopened, start_python):
    settings = Settings(home=tmp_path / "home")
    first = reopened(load_vault_key(settings))
    for name in "abcd":
        first.vault.write("acme", name, SECRET + name)

    process = start_python(CRASH_IN_ROTATION, url, str(settings.home))
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 9, errors

    survivor = reopened(load_vault_key(settings))
    assert len({info.key_id for info in survivor.vault.names()}) == 2
    assert [survivor.vault.read("acme", name) for name in "abcd"] == [SECRET + name for name in "abcd"]
    assert rotate_key_file(settings, survivor.vault) == 4
    assert len(settings.key_file.read_text().split()) == 1
    final = reopened(load_vault_key(settings))
    assert [final.vault.read("acme", name) for name in "abcd"] == [SECRET + name for name in "abcd"]


@dataclass
class Home:
    settings: Settings

    @property
    def key_file(self) -> Path:
        return self.settings.key_file


@pytest.fixture
def home(tmp_path):
    return Home(Settings(home=tmp_path / "home"))


def test_a_new_home_gets_a_key_that_only_its_owner_can_read(home):
    key = load_vault_key(home.settings)

    assert stat.S_IMODE(home.key_file.stat().st_mode) == 0o600
    assert load_vault_key(home.settings).sealing_id == key.sealing_id
    assert os.listdir(home.key_file.parent) == ["vault.key"]


def test_a_key_file_open_to_others_is_refused(home):
    load_vault_key(home.settings)
    home.key_file.chmod(0o640)

    with pytest.raises(VaultKeyError, match="mode 0640") as error:
        load_vault_key(home.settings)

    assert error.value.next_step == f"chmod 600 {home.key_file}"


def test_a_key_file_that_was_named_must_exist(tmp_path):
    settings = Settings(home=tmp_path, vault_key_file=tmp_path / "mounted" / "key")

    with pytest.raises(VaultKeyError, match="cannot be read"):
        load_vault_key(settings)

    assert not settings.key_file.exists()


def test_the_environment_wins_over_the_file(home):
    load_vault_key(home.settings)
    key, text_of_key = VaultKey.generate()
    settings = home.settings.model_copy(update={"vault_key": SecretStr(text_of_key)})

    assert load_vault_key(settings).sealing_id == key.sealing_id


def test_keys_of_the_environment_rotate_to_the_first_of_several(store, vault_key, home, reopened):
    old, old_text = VaultKey.generate()
    new, new_text = VaultKey.generate()
    reopened(old).vault.write("acme", "a", SECRET)
    alone = home.settings.model_copy(update={"vault_key": SecretStr(old_text)})
    with pytest.raises(VaultKeyError, match="only one") as error:
        rotate_key_file(alone, reopened(old).vault)
    assert old_text not in str(error.value)
    several = home.settings.model_copy(update={"vault_key": SecretStr(f"{new_text},{old_text}")})

    assert rotate_key_file(several, reopened(load_vault_key(several)).vault) == 1

    assert reopened(new).vault.read("acme", "a") == SECRET


def test_a_command_prints_the_key_and_wins_over_the_file_but_not_over_the_environment(home, tmp_path):
    in_file, (key, text_of_key) = load_vault_key(home.settings), VaultKey.generate()
    kept = tmp_path / "a secret; $(store)"
    kept.write_text(text_of_key + "\n")
    asked = home.settings.model_copy(update={"vault_key_command": f"cat {shlex.quote(str(kept))}"})
    both = asked.model_copy(update={"vault_key": SecretStr(VaultKey.generate()[1])})

    assert load_vault_key(asked).sealing_id == key.sealing_id != in_file.sealing_id
    assert load_vault_key(both).sealing_id not in (key.sealing_id, in_file.sealing_id)
    assert os.listdir(home.key_file.parent) == ["vault.key"]


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("false {token}", "status 1"),
        ("printf key-of-{token}", "not base64"),
        ("printf '\\344'", "something else than a key"),
        ("no-such-command-anywhere {token}", "could not be started"),
        ("", "could not be started"),
        ("echo '{token}", "is no command"),
        ("true", "at least one key"),
    ],
)
def test_a_command_that_gives_no_key_is_an_error_that_shows_nothing_of_it(home, command, problem):
    settings = home.settings.model_copy(update={"vault_key_command": command.format(token="token-of-the-store")})

    with pytest.raises(VaultKeyError, match=problem) as error:
        load_vault_key(settings)

    assert "token-of-the-store" not in f"{error.value} {error.value.next_step}"
    assert not home.key_file.exists()


def test_the_words_of_a_command_are_no_shells(home, tmp_path):
    made = tmp_path / "made-by-a-shell"
    settings = home.settings.model_copy(update={"vault_key_command": f"echo no key ; touch {made}"})

    with pytest.raises(VaultKeyError, match="base64"):
        load_vault_key(settings)

    assert not made.exists()


def test_keys_of_a_command_rotate_to_the_first_of_several(home, reopened, store):
    (old, old_text), (new, new_text) = VaultKey.generate(), VaultKey.generate()
    reopened(old).vault.write("acme", "a", SECRET)
    alone = home.settings.model_copy(update={"vault_key_command": f"echo {old_text}"})
    with pytest.raises(VaultKeyError, match="CONNECTOR_VAULT_KEY_COMMAND, and there is only one"):
        rotate_key_file(alone, reopened(old).vault)
    several = home.settings.model_copy(update={"vault_key_command": f"echo {new_text} {old_text}"})

    assert rotate_key_file(several, reopened(load_vault_key(several)).vault) == 1

    assert reopened(new).vault.read("acme", "a") == SECRET


@pytest.mark.parametrize("wrong", ["", "not base64!", "c2hvcnQ="])
def test_a_key_that_is_none_is_refused_without_showing_it(wrong):
    with pytest.raises(VaultKeyError, match="base64") as error:
        VaultKey.from_text(wrong, source="CONNECTOR_VAULT_KEY")

    assert not wrong or wrong not in str(error.value)
    assert "openssl rand -base64 32" in error.value.next_step
