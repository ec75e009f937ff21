"""The controls of what stays on the machine: the vault's keys, consents, what is written for people, clocks and packages.

Those of everything that is sent and received are in `controls`, which names these as well.
"""

from __future__ import annotations

from tests.security.control import Control

VAULT = "tests/connector_resources/store/test_store_vault.py"
CONSENT = "tests/connector_resources/transport/test_authorization_code.py"
LOOPBACK = "tests/connector_resources/transport/test_loopback.py"
REDACTION = "tests/connector_resources/transport/test_redaction.py"
DATEV_TEXTS = "tests/connector_resources/erp/datev/test_datev_hostile_texts.py"
MAIL = "tests/connector_resources/alerts/test_mail.py"
SHOWN = "tests/security/test_nothing_is_shown.py"
SUPPLY = "tests/security/test_supply_chain.py"
KEYS = "connector_resources.store.vault_key"
CODES = "connector_resources.transport.authorization_code"

OF_THE_VAULT = (
    Control(
        "A sealed value that was altered does not open",
        KEYS,
        "class plain:\n"
        "    def __init__(self, key): pass\n"
        "    generate_key = staticmethod(lambda bit_length: m.os.urandom(32))\n"
        "    encrypt = lambda self, nonce, value, associated: value\n"
        "    decrypt = lambda self, nonce, sealed, associated: sealed\n"
        "m.AESGCM = plain",
        f"{VAULT}::test_an_altered_value_does_not_open",
    ),
    Control(
        "A wrong key is told, with the one that would open",
        KEYS,
        "m.VaultKey.open = lambda self, key_id, nonce, sealed, associated: "
        "self._ciphers[self.sealing_id].decrypt(nonce, sealed, associated)",
        f"{VAULT}::test_another_key_does_not_open_and_names_the_one_that_would",
    ),
    Control(
        "Neither a key nor a value is ever shown",
        KEYS,
        "made = m.VaultKey.__init__\n"
        "def init(self, keys):\n"
        "    made(self, keys)\n"
        "    self.texts = [m.base64.b64encode(key).decode() for key in keys]\n"
        "m.VaultKey.__init__ = init\n"
        "m.VaultKey.__repr__ = lambda self: f'{self.sealing_id} {self.texts}'",
        f"{VAULT}::test_nothing_shows_a_value_or_a_key",
    ),
    Control(
        "A new key file is its owner's alone",
        KEYS,
        "opened = m.os.open\nm.os.open = lambda path, flags, mode=0o644, **k: opened(path, flags, 0o644, **k)",
        f"{VAULT}::test_a_new_home_gets_a_key_that_only_its_owner_can_read",
    ),
    Control(
        "A key file that was named must exist",
        KEYS,
        "loaded = m.load_vault_key\n"
        "def making(settings):\n"
        "    if not settings.key_file.exists():\n"
        "        m._create(settings.key_file, m.VaultKey.generate()[1])\n"
        "    return loaded(settings)\n"
        "m.load_vault_key = making",
        f"{VAULT}::test_a_key_file_that_was_named_must_exist",
    ),
    Control(
        "No shell reads the command that prints the key",
        KEYS,
        "run = m.subprocess.run\nm.subprocess.run = lambda words, **k: run(' '.join(words), shell=True, **k)",
        f"{VAULT}::test_the_words_of_a_command_are_no_shells",
    ),
    Control(
        "A rotation that breaks off keeps the keys that are needed",
        KEYS,
        "written = m._replace\nm._replace = lambda path, text: written(path, text.split()[0])",
        f"{VAULT}::test_a_key_file_rotation_that_breaks_off_keeps_the_key_that_is_still_needed",
    ),
)

OF_CONSENTS = (
    Control(
        "An id token belongs to the consent that asked for it",
        CODES,
        "m._require_nonce = lambda id_token, nonce, connection: None",
        f"{CONSENT}::test_an_id_token_with_another_nonce_is_refused",
    ),
    Control(
        "Only who began a consent can redeem its code",
        CODES,
        "m.WebApplicationClient.create_code_challenge = lambda self, verifier, method: verifier",
        f"{CONSENT}::test_the_consent_address_holds_everything_datev_demands",
    ),
    Control(
        "A consent and its client show no secret",
        CODES,
        "m.Consent.__repr__ = lambda self: self.verifier",
        f"{CONSENT}::test_a_consent_and_a_client_do_not_show_their_secrets",
    ),
    Control(
        "The redirect of a consent is awaited on this machine only",
        "connector_resources.transport.loopback",
        "made = m.HTTPServer\nm.HTTPServer = lambda address, handler: made(('0.0.0.0', address[1]), handler)",
        f"{LOOPBACK}::test_only_this_machine_reaches_the_redirect_address",
    ),
    Control(
        "The first redirect counts, and no other address is served",
        "connector_resources.transport.loopback",
        "m.LoopbackCallback._take = lambda self, path: (setattr(self, '_url', path), self._arrived.set())",
        f"{LOOPBACK}::test_the_first_redirect_counts",
    ),
    Control(
        "Tokens are revoked before they are forgotten",
        "connector_resources.connections.consent",
        "m.end_consent = lambda runtime, connection, credential: False",
        "tests/security/test_revocation.py::test_removed_tokens_of_a_consent_are_revoked_first",
    ),
)

OF_WHAT_IS_WRITTEN = (
    Control(
        "Log lines hold no secret",
        "connector_resources.transport.redaction",
        "m.redact = lambda text: text",
        f"{REDACTION}::test_lines_of_the_standard_logging_module_are_cleaned",
    ),
    Control(
        "No option of a command takes a secret",
        "connector.cli.credentials",
        "import click\nm.set_credential.params.append(click.Option(['--secret']))",
        f"{SHOWN}::test_no_option_of_a_command_takes_a_secret",
    ),
    Control(
        "Dagster's history names no customer",
        "connector_resources.customers.directory",
        "matched = m.match_customer\n"
        "def named(customer, *a):\n"
        "    found = matched(customer, *a)\n"
        "    why = getattr(found, 'why', None)\n"
        "    return found if why is None else type(found)(why=f'{why} ({customer.name})')\n"
        "m.match_customer = named",
        f"{SHOWN}::test_what_linking_tells_dagster_names_no_customer",
    ),
    Control(
        "A text in a workbook is no formula",
        "connector_resources.reports.workbook",
        "m.FORMULA_STARTS = ('\\0',)",
        "tests/connector_resources/reports/test_report_workbook.py::test_no_text_is_ever_calculated_or_followed",
    ),
    Control(
        "Alerts leave this machine encrypted only",
        "connector_resources.alerts.mail",
        "class all_hosts:\n    __contains__ = lambda self, host: True\nm.LOOPBACK = all_hosts()",
        f"{MAIL}::test_the_environment_must_name_a_server_and_protect_what_leaves_the_machine",
    ),
    Control(
        "A file in an archive for DATEV has a name of its own",
        "connector_resources.erp.datev.dxso",
        "m._file_name = lambda posting: f'Rechnungsdaten_{posting.subject}.xml'",
        f"{DATEV_TEXTS}::test_two_receipts_of_one_payment_are_two_files_of_a_transfer",
    ),
    Control(
        "The id of a job at DATEV leads nowhere else",
        "connector_resources.erp.datev.wire",
        "class Any(m.Wire):\n    id: str\nm.DxsoJob = Any",
        f"{DATEV_TEXTS}::test_a_job_whose_id_leads_elsewhere_is_none",
    ),
    Control(
        "A played clock is for stand-ins on this machine",
        "connector_resources.connections.loopback_only",
        "m._is_here = lambda address: True",
        "tests/connector_resources/connections/test_loopback_only.py::test_an_erp_at_its_published_address_is_named",
    ),
)

OF_PACKAGES = (
    Control(
        "Every package is locked by version and hash",
        "requirements.audit",
        "m._HASH = m.re.compile('()')",
        f"{SUPPLY}::test_a_line_that_is_not_locked_is_found",
    ),
    Control(
        "What is installed is what is locked",
        "requirements.audit",
        "m.differences = lambda wanted, present, optional=(): []",
        f"{SUPPLY}::test_a_package_that_is_not_locked_or_has_another_version_is_found",
    ),
    Control(
        "A look-up of vulnerabilities that failed is not taken for a good one",
        "requirements.audit",
        "asked = m.known_vulnerabilities\n"
        "def hopeful(program, path, *, service=''):\n"
        "    try:\n        return asked(program, path, service=service)\n"
        "    except m.NotAskedError:\n        return []\n"
        "m.known_vulnerabilities = hopeful",
        f"{SUPPLY}::test_without_an_answer_nothing_is_said_of_vulnerabilities",
    ),
)

AT_REST = (*OF_THE_VAULT, *OF_CONSENTS, *OF_WHAT_IS_WRITTEN, *OF_PACKAGES)
