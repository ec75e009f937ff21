"""What a run leaves behind, byte by byte: no secret anywhere but sealed, a customer's name and e-mail only in the store.

Real runs in Dagster with faults between them, on disk, for each ledger; then reports and exports. Every file is searched, the
compressed columns of Dagster's own databases unpacked as well.
"""

from __future__ import annotations

import base64
import json
import sqlite3
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from connector.cli import main
from connector.day_run import run_days
from tests import sites
from tests.security.dagster_answers import dagster_answers
from tests.security.test_erasure import EMAIL, NEEDLES, SITES, site_of

#: names of users and apps; they stand in requests and say nothing by themselves.
NO_SECRETS = ("client_id", "username")
#: where names and addresses may stand: the store, which matches customers by them; and the reports, which people read.
STORE = "connector.sqlite"
FAULTS = ("error_before", "drop_after", "html")
#: a single-use token whose answer is lost asks for a person, or for minutes of waiting; other tests are about that.
NO_TOKEN = r"^(?!.*(?i:token)$)"
#: an account that a ledger names in its refusals; it must not be kept, not even where names may stand.
IBAN = "DE89370400440532013000"
COMPLAINT = f"<p>{EMAIL} with account {IBAN} cannot be reached</p>"
LEDGERS = ["visma", *(pytest.param(erp, marks=pytest.mark.load) for erp in SITES if erp != "visma")]


def secrets_of(site: sites.Site) -> dict[str, str]:
    """Every secret of the connection in every spelling in which it is sent, by what it is."""
    vault, found = site.at.runtime.store.vault, {}
    for info in vault.names(site.name):
        value = vault.read(site.name, info.name)
        if value.startswith("{"):
            pair = json.loads(value)
            found |= {f"{info.name}.{part}": pair[part] for part in ("access_token", "refresh_token") if pair.get(part)}
        elif not info.name.endswith(NO_SECRETS):
            found[info.name] = value
    user = "sage300_username"
    if vault.has(site.name, user):
        pair_text = f"{vault.read(site.name, user)}:{found['sage300_password']}"
        found["basic"] = base64.b64encode(pair_text.encode()).decode()
    return {what: secret for what, secret in found.items() if len(secret) >= 8}


def _stand_ins_clock(site: sites.Site, home: Path) -> Path:
    """The file by which the runs take their time from the stand-ins: by the machine's, their tokens would be of another day."""
    file = home / "clock"
    file.write_text(str(int((site.at.runtime.clock() - datetime.now(UTC)).total_seconds())))
    return file


def all_bytes(home: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file with its bytes, and what is packed inside of Dagster's databases; the store packs nothing."""
    for path in sorted(path for path in home.rglob("*") if path.is_file()):
        content = path.read_bytes()
        yield path, content
        if content.startswith(b"SQLite format 3") and path.name != STORE:
            yield path, b"\n".join(_unpacked(path))


def _unpacked(path: Path) -> Iterator[bytes]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - the name is the database's own
                for value in row:
                    if isinstance(value, bytes) and value[:1] == b"\x78":
                        yield zlib.decompressobj().decompress(value)


@pytest.mark.parametrize("erp", LEDGERS)
def test_no_secret_is_written_anywhere_and_a_name_only_where_it_is_documented(
    erp: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    dagster_home = tmp_path / "dagster"
    dagster_home.mkdir()
    monkeypatch.setenv("CONNECTOR_HOME", str(tmp_path))
    said: list[str] = []
    with site_of(erp, tmp_path) as site, dg.DagsterInstance.local_temp(str(dagster_home)) as instance:
        site.merchant.collected(customer=1)
        site.merchant.fail(site.merchant.order(customer=1))
        monkeypatch.setenv("CONNECTOR_SANDBOX_CLOCK", str(_stand_ins_clock(site, tmp_path)))
        for kind in FAULTS:
            site.break_next(kind, NO_TOKEN, method="POST|PUT|GET", body=COMPLAINT)
        runs = [run_days(site.at.connection, sites.DAY, sites.DAY, instance=instance) for _ in range(2)]
        with site.merchant.world.lock:
            site.merchant.world.tokens.clear()
        runs.append(run_days(site.at.connection, sites.DAY, sites.DAY, instance=instance))
        for command in (["status"], ["held"], ["credentials", "list", site.name], ["trail", "verify", site.name]):
            said.append(CliRunner().invoke(main, command).output)
        answers = dagster_answers(instance)
        exported = CliRunner().invoke(main, ["trail", "export", site.name, str(tmp_path / "trail.jsonl")]).output
        secrets = secrets_of(site)
        site.at.runtime.store.database.close()
    assert [run.success for run in runs[1:]] == [True, False], [run.failure for run in runs]
    assert len(secrets) >= 3
    printed = capfd.readouterr()
    written = [*all_bytes(tmp_path), *((Path(f"said {n}"), text.encode()) for n, text in enumerate([*said, exported]))]
    written += [(Path(f"web server's answer {n}"), text.encode()) for n, text in enumerate(answers)]
    written += [(Path("stdout"), printed.out.encode()), (Path("stderr"), printed.err.encode())]
    assert sum(len(content) for _, content in written) > 1_000_000

    for what, secret in secrets.items():
        assert not [str(path) for path, content in written if secret.encode() in content], what
    assert not [str(path) for path, content in written if any(each.encode() in content for each in (IBAN, IBAN[4:]))]
    assert sum("STEP_FAILURE" in answer or "StepFailure" in answer for answer in answers) >= 1
    named = {path for path, content in written if any(needle.encode() in content for needle in NEEDLES)}
    assert any(path.name == STORE for path in named)
    assert not [str(path) for path in named if not path.name.startswith(STORE) and "reports" not in path.parts]
