"""Every control of docs/security.md: what it is, where it lives, how to switch it off, and the test that then fails.

Here are those of what is sent and received; those of what stays on the machine are taken from `controls_at_rest`. `mutations`
switches them off one at a time. A control is switched off by replacing one attribute of the running program in the process of
its test; nothing is written to a source file.
"""

from __future__ import annotations

from tests.security.control import Control
from tests.security.controls_at_rest import AT_REST

RECEIVER = "tests/sensors/test_receiver.py"
DOOR = "tests/sensors/test_front_door.py"
TRANSPORT = "tests/security/test_hostile_transport.py"
LEDGERS = "tests/security/test_hostile_ledgers.py"
TLS = "tests/security/test_tls.py"
VAULT = "tests/connector_resources/store/test_store_vault.py"
CONSENT = "tests/connector_resources/transport/test_authorization_code.py"
TRAIL = "tests/connector_resources/store/test_store_trail.py"
FUZZ = "tests/fuzz/test_fuzz.py"
WORDS = "tests/security/test_hostile_words.py"
DATEV_TEXTS = "tests/connector_resources/erp/datev/test_datev_hostile_texts.py"
ERASURE = "tests/security/test_erasure.py"
HOSTILE = "test_every_hostile_answer_is_bounded_and_says_whether_the_request_may_be_repeated"


CONTROLS = (
    Control(
        "A webhook is stored only with a signature that fits",
        "sensors.receiver",
        "m.verify_signature = lambda raw, header, secrets: True",
        f"{RECEIVER}::test_a_changed_body_does_not_fit_its_signature",
    ),
    Control(
        "Signatures are compared in constant time",
        "connector_resources.gocardless.webhook",
        "m.hmac.compare_digest = lambda a, b: a == b",
        "tests/security/test_constant_time.py::test_a_signature_is_compared_in_constant_time_with_every_secret",
    ),
    Control(
        "An empty secret signs nothing",
        "connector_resources.gocardless.webhook",
        "def fits(raw, header, secrets):\n"
        "    return header is not None and header.isascii() and any(\n"
        "        m.hmac.compare_digest(m.hmac.digest(s.encode(), raw, 'sha256').hex(), header) for s in secrets)\n"
        "m.verify_signature = fits",
        f"{FUZZ}::test_no_header_is_a_signature_but_the_right_one",
    ),
    Control(
        "A signature that is no ASCII is refused cleanly",
        "connector_resources.gocardless.webhook",
        "def fits(raw, header, secrets):\n"
        "    return header is not None and any(\n"
        "        m.hmac.compare_digest(m.hmac.digest(s.encode(), raw, 'sha256').hex(), header) for s in secrets)\n"
        "import sensors.receiver\n"
        "sensors.receiver.verify_signature = fits",
        f"{DOOR}::test_a_malformed_signature_is_refused_cleanly",
    ),
    Control(
        "A webhook of the other environment is refused",
        "sensors.receiver",
        "m._check_environment = lambda request, connection: None",
        f"{RECEIVER}::test_a_live_webhook_for_a_sandbox_connection_is_forbidden",
    ),
    Control(
        "One connection's secret opens no other",
        "sensors.receiver",
        "def every(self, connection, names):\n"
        "    vault = self._store.vault\n"
        "    return [vault.read(i.connection, i.name) for i in vault.names() if 'webhook' in i.name]\n"
        "m._Receiver._secrets = every",
        f"{RECEIVER}::test_one_connections_secret_opens_no_other",
    ),
    Control(
        "Several secrets are valid while one is rotated",
        "sensors.receiver",
        "every = m._Receiver._secrets\nm._Receiver._secrets = lambda self, *a: every(self, *a)[:1]",
        f"{RECEIVER}::test_two_secrets_are_valid_while_one_is_rotated",
    ),
    Control(
        "Only a POST is a webhook",
        "sensors.receiver",
        "made = m.Route\nm.Route = lambda path, endpoint, methods: made(path, endpoint, methods=['GET', 'POST'])",
        f"{RECEIVER}::test_only_posts_are_taken",
    ),
    Control(
        "A webhook that comes again adds nothing",
        "connector_resources.store.deliveries",
        "import itertools\n"
        "inserted, numbers = m.insert_absent, itertools.count()\n"
        "m.insert_absent = lambda c, table, rows, returning: inserted(\n"
        "    c, table, [{**row, 'event_id': row['event_id'] + str(next(numbers))} for row in rows], returning)",
        f"{DOOR}::test_a_replayed_request_changes_nothing",
    ),
    Control(
        "A refusal tells no detail",
        "sensors.receiver",
        "from starlette.responses import PlainTextResponse\n"
        "async def telling(request, error):\n    return PlainTextResponse(str(error), error.status)\n"
        "m._refused = telling",
        f"{DOOR}::test_what_is_no_webhook_is_refused_without_a_word",
    ),
    Control(
        "Bodies of webhooks are limited, also in chunks",
        "sensors.receiver",
        "async def whole(request, connection, most_bytes=0):\n    return await request.body()\nm._body = whole",
        f"{RECEIVER}::test_a_body_that_grows_too_large_in_chunks_is_cut_off",
    ),
    Control(
        "A request with two lengths is refused",
        "sensors.receiver",
        "async def whole(request, connection, most_bytes=0):\n    return await request.body()\nm._body = whole",
        f"{DOOR}::test_what_is_no_webhook_is_refused_without_a_word",
    ),
    Control(
        "Slow callers are cut off",
        "sensors.front_door",
        "m._GuardedProtocol._cut = lambda self: None",
        f"{DOOR}::test_a_caller_who_stops_talking_is_cut_off",
    ),
    Control(
        "Connections are limited",
        "sensors.front_door",
        "m._GuardedProtocol._cut = lambda self: None",
        f"{DOOR}::test_connections_beyond_the_limit_are_cut_and_those_within_are_served",
    ),
    Control(
        "A busy receiver serves those whom it serves",
        "sensors.front_door",
        "made = m.uvicorn.Config\nm.uvicorn.Config = lambda *a, **k: made(*a, **{**k, 'limit_concurrency': None})",
        f"{DOOR}::test_a_busy_receiver_says_so_to_all_but_those_it_serves",
    ),
    Control(
        "Heads of requests are limited",
        "sensors.front_door",
        "m.MAX_HEADER_BYTES = 10**7",
        f"{DOOR}::test_a_head_beyond_its_limit_is_refused_whatever_it_says",
    ),
    Control(
        "Entries of a webhook that no database could keep are no events",
        "connector_resources.gocardless.webhook",
        "m._is_moment = lambda text: isinstance(text, str)",
        f"{FUZZ}::test_every_seed_of_a_parser_passes[webhook body]",
    ),
    Control(
        "A body without a signature costs no more than its length",
        "connector_resources.erp.exact_online.webhook",
        'import re\nm._TOKEN = re.compile(rb\'"(?:[^"\\\\]|\\\\.)*"|[{}\\[\\],]\')',
        f"{FUZZ}::test_a_string_that_never_ends_costs_no_more_than_its_length",
    ),
    Control(
        "A sealed value is bound to its connection and name",
        "connector_resources.store.vault",
        "m._associated = lambda connection, name: b''",
        f"{VAULT}::test_a_value_moved_to_another_row_does_not_open",
    ),
    Control(
        "A key file that others may read is refused",
        "connector_resources.store.vault_key",
        "m.stat.S_IRWXG = m.stat.S_IRWXO = 0",
        f"{VAULT}::test_a_key_file_open_to_others_is_refused",
    ),
    Control(
        "A consent takes only the redirect with its own state",
        "connector_resources.transport.authorization_code",
        "class yes:\n    compare_digest = staticmethod(lambda a, b: True)\nm.hmac = yes",
        f"{CONSENT}::test_the_code_is_taken_only_from_its_own_consent",
    ),
    Control(
        "Certificates are always checked",
        "connector_resources.transport.exchange",
        "made = m.Exchange.__init__\n"
        "def init(self, *a, **k):\n    made(self, *a, **k)\n    self._verify = False\n"
        "m.Exchange.__init__ = init",
        f"{TLS}::test_a_private_ca_is_believed_only_where_it_is_named",
    ),
    Control(
        "A private authority counts for its own connection",
        "connector_resources.transport.exchange",
        "made = m.Exchange.__init__\n"
        "m.Exchange.__init__ = lambda self, *a, **k: made(self, *a, **{**k, 'ca_file': None})",
        f"{TLS}::test_the_ca_file_of_a_connection_reaches_every_transport_of_its_ledger",
    ),
    Control(
        "Plain http only to this machine",
        "connector_resources.transport.addresses",
        "m._is_protected = lambda parts: True",
        f"{TLS}::test_what_is_not_https_is_refused_unless_it_stays_on_this_machine",
    ),
    Control(
        "The environment changes no check of certificates",
        "connector_resources.transport.exchange",
        "made = m.Exchange.__init__\n"
        "import os\n"
        "def init(self, *a, **k):\n    made(self, *a, **k)\n"
        "    self._verify = os.environ.get('REQUESTS_CA_BUNDLE') or self._verify\n"
        "m.Exchange.__init__ = init",
        f"{TLS}::test_the_environment_switches_no_check_off",
    ),
    Control(
        "Credentials go to trusted hosts only",
        "connector_resources.transport.addresses",
        "m.Addresses.resolve = lambda self, url: self._base + url if url.startswith('/') else url",
        f"{LEDGERS}::test_a_next_link_to_another_host_takes_no_credential_there",
    ),
    Control(
        "No redirect is followed",
        "connector_resources.transport.exchange",
        "class Sends:\n"
        "    def __init__(self, **_): self.session = m.requests.Session()\n"
        "    def send(self, p, **k): return self.session.send(p, allow_redirects=True, **k)\n"
        "m._Adapter = Sends",
        f"{TRANSPORT}::test_no_redirect_is_followed",
    ),
    Control(
        "Answers are limited in size, unpacked",
        "connector_resources.transport.exchange",
        "made = m.Exchange.__init__\n"
        "def init(self, limits, **k):\n"
        "    import dataclasses\n"
        "    made(self, dataclasses.replace(limits, body_bytes=10**12), **k)\n"
        "m.Exchange.__init__ = init",
        f"{TRANSPORT}::{HOSTILE}[read-a decompression bomb]",
    ),
    Control(
        "Answers are limited in time as a whole",
        "connector_resources.transport.exchange",
        "import http.client\nm._Http.response_class = http.client.HTTPResponse",
        f"{TRANSPORT}::{HOSTILE}[read-endless informational answers]",
    ),
    Control(
        "No value becomes a header of its own",
        "connector_resources.transport.exchange",
        "import re\nm._CONTROL = re.compile('(?!)')",
        f"{TRANSPORT}::test_no_value_becomes_a_header_of_its_own",
    ),
    Control(
        "No secret stands in an address",
        "connector_resources.transport.exchange",
        "made = m.Exchange.make\n"
        "def make(self, method, url, params, headers, *a, **k):\n"
        "    shown = [('access_token', value) for name, value in headers.items() if name.lower() == 'authorization']\n"
        "    return made(self, method, url, [*params, *shown], headers, *a, **k)\n"
        "m.Exchange.make = make",
        f"{LEDGERS}::test_no_secret_stands_in_an_address",
    ),
    Control(
        "Cookies of an answer are not sent back",
        "connector_resources.transport.exchange",
        "class Sends:\n"
        "    def __init__(self, **_): self.session = m.requests.Session()\n"
        "    def send(self, p, **k):\n"
        "        p.prepare_cookies(self.session.cookies)\n"
        "        return self.session.send(p, **k)\n"
        "m._Adapter = Sends",
        f"{TRANSPORT}::test_an_answers_cookies_are_not_sent_back",
    ),
    Control(
        "JSON of remote systems is read within bounds",
        "connector_resources.transport.messages",
        "import json\nm.read_json = json.loads",
        f"{LEDGERS}::test_an_answer_that_is_nonsense_ends_in_an_error_of_ours",
    ),
    Control(
        "XML of remote systems defines no entities",
        "connector_resources.transport.answers",
        "m.read_xml = lambda body: m.etree.fromstring(body, m.etree.XMLParser(resolve_entities=True))\n"
        "import tests.fuzz.targets as t\nt.read_xml = m.read_xml",
        f"{FUZZ}::test_every_seed_of_a_parser_passes[remote xml]",
    ),
    Control(
        "Secrets and account numbers are removed from messages",
        "connector_resources.transport.http_transport",
        "m.redact = lambda text: text",
        f"{TRANSPORT}::test_an_error_of_the_other_side_is_shown_in_part_and_without_what_is_secret",
    ),
    Control(
        "A customer can be forgotten in every byte of the store",
        "connector_resources.store.erasure",
        "m._replace_in_submissions = lambda *a: 0",
        f"{ERASURE}::test_nothing_of_a_forgotten_customer_is_left_in_any_byte_and_the_trail_verifies[datev]",
    ),
    Control(
        "A customer with open postings is not forgotten",
        "connector_resources.store.erasure",
        "m._refuse_open = lambda *a: None",
        f"{ERASURE}::test_a_customer_with_open_postings_is_not_forgotten",
    ),
    Control(
        "Old bodies of webhooks are emptied every night",
        "connector_assets.source_assets",
        "m._empty_old_bodies = lambda connection, runtime: 0",
        "tests/connector_assets/test_nightly_pruning.py"
        "::test_the_sweep_empties_bodies_older_than_the_connection_keeps_them_and_says_how_many",
    ),
    Control(
        "Pages of GoCardless are read within bounds",
        "connector_resources.gocardless.client",
        "m.is_shallow = lambda text, value: True",
        f"{LEDGERS}::test_a_page_of_gocardless_that_nests_too_deep_is_refused",
    ),
    Control(
        "An amount beyond every amount is none",
        "connector_resources.gocardless.bodies",
        "m._money = m.Money",
        "tests/connector_resources/gocardless/test_gocardless_wire.py::test_an_amount_that_no_column_holds_is_refused",
    ),
    Control(
        "A text in a DATEV file is no formula",
        "connector_resources.erp.datev.extf_text",
        "m._FORMULA_BEGINNINGS = ()",
        f"{DATEV_TEXTS}::test_a_cleaned_text_is_one_line_of_the_code_page_and_no_formula",
    ),
    Control(
        "A text in a payment file holds no control character",
        "connector_resources.erp.ifs_cloud.camt",
        "m._clean = lambda text: text",
        f"{WORDS}::test_a_payment_file_holds_two_transactions_whatever_its_texts_say",
    ),
    Control(
        "A value in a condition of IFS stays one value",
        "connector_resources.erp.ifs_cloud.odata",
        """m.text = lambda value: "'" + value + "'" """,
        f"{WORDS}::test_a_literal_is_one_string_and_keeps_its_value",
    ),
    Control(
        "A value in a condition of Visma stays one value",
        "connector_resources.erp.visma.client",
        "class joined:\n"
        '    dumps = staticmethod(lambda given, **k: \'{"%s":"%s"}\' % next(iter(given.items())))\n'
        "m.json = joined",
        f"{WORDS}::test_a_condition_of_visma_is_one_parameter_and_keeps_its_value",
    ),
    Control(
        "What is no GUID is no key of Exact Online",
        "connector_resources.erp.exact_online.odata",
        """m.guid = lambda value: "guid'" + value + "'" """,
        f"{WORDS}::test_what_is_no_guid_is_no_key_of_exact",
    ),
    Control(
        "An id leads nowhere else in an address of GoCardless",
        "connector_resources.gocardless.client",
        "m._path = lambda resource_type, resource_id: f'/{resource_type}/{resource_id}'",
        f"{WORDS}::test_an_id_stays_within_its_place_in_an_address_of_gocardless",
    ),
    Control(
        "Each row of the trail is bound to the one before it",
        "connector_resources.store.trail",
        "m._verify = lambda rows, head, anchor, first=1: m.TrailReport(True, 1, 'x')",
        f"{TRAIL}::test_a_removed_row_is_found",
    ),
    *AT_REST,
)
