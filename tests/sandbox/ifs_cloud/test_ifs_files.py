"""External files: the assistant's steps, vouchers from STDVOU lines, and payments from camt.054 messages."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from bookkeeping.money import Money

SERVICE = "ExternalFileAssistantHandling"
TASKS = f"{SERVICE}/TaskVirtualSet"
SPACE = "urn:iso:std:iso:20022:tech:xsd:camt.054.001.02"
VOUCHER_PARAMETERS = "COMPANY=10^USER_ID=GC_SERVICE^LOAD_TYPE=GC^CHECK_WHEN_LOADED=TRUE^CREATE_WHEN_CHECKED=TRUE^"


def task(api, file_type, template, name="GC_10.xml", **changes):
    body = {
        "ProcessOptions": "Online", "FileType": file_type, "SetId": "1", "FileTemplate": template, "FileName": name,
        "Company": "10", "ParamString": "", "FileDirection": "InputFile", "FileDirectionDb": "1", **changes,
    }  # fmt: skip
    return f"{TASKS}(Objkey='{api.created(TASKS, body)['Objkey']}')"


def upload(api, path, content, **headers):
    sent = {"If-Match": api.etag(path), "Content-Type": "application/octet-stream", **headers}
    answer = api.session.put(api.url(f"{path}/FileData"), data=content.encode(), headers=sent, timeout=10)
    assert answer.status_code == 204, answer.text


def imported(api, content, file_type="ExtMixedPayment", template="MXP_CAMT", **changes):
    """The load of an imported file."""
    path = task(api, file_type, template, **changes)
    upload(api, path, content)
    answer = api.act(path, "TaskVirtual_ImportFile")
    assert answer.status_code == 200, answer.text
    return api.entity(f"ExternalFileLoadIdsHandling/ExtFileLoadSet(LoadFileId={answer.json()['LoadFileId']})")


# -- camt.054 -------------------------------------------------------------------------------------------------------


def camt(*entries, account="GCEUR", space=SPACE):
    return (
        f'<?xml version="1.0"?><Document xmlns="{space}"><BkToCstmrDbtCdtNtfctn><Ntfctn><Id>GC-N1</Id>'
        f"<Acct><Id><Othr><Id>{account}</Id></Othr></Id></Acct>{''.join(entries)}"
        "</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>"
    )


def entry(amount, reference, *documents, customer="", text="", day="2026-03-04"):
    """A booked entry; `documents` are (number, amount or "")."""
    side = "DBIT" if amount.startswith("-") else "CRDT"
    value = f'<Amt Ccy="EUR">{amount.lstrip("-")}</Amt>'
    referred = "".join(f"<Strd><RfrdDocInf><Nb>{n}</Nb></RfrdDocInf>{_share(part)}</Strd>" for n, part in documents)
    party = f"<RltdPties><Dbtr><Id><OrgId><Othr><Id>{customer}</Id></Othr></OrgId></Id></Dbtr></RltdPties>"
    return (
        f"<Ntry>{value}<CdtDbtInd>{side}</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>{day}</Dt></BookgDt><NtryDtls><TxDtls>"
        f"<Refs><EndToEndId>{reference}</EndToEndId></Refs>{party if customer else ''}"
        f"<RmtInf><Ustrd>{text}</Ustrd>{referred}</RmtInf></TxDtls></NtryDtls></Ntry>"
    )


def _share(amount):
    return f'<RfrdDocAmt><RmtdAmt Ccy="EUR">{amount}</RmtdAmt></RfrdDocAmt>' if amount else ""


def test_one_file_settles_the_invoices_of_many_payments(api, tenant):
    tenant.add_invoice("10", "C1", 3000, invoice_no="10009")
    paid = [
        entry("151.00", "GC-P-PM1", ("CI10001", "121.00"), ("CI-10009", "30.00")),
        entry("50.00", "GC-P-PM2", ("CI 10002", "")),
    ]
    load = imported(api, camt(*paid))
    assert (load["State"], load["FileName"]) == ("Transferred", "GC_10.xml")
    assert {tenant.open_amount("10", "CI", number).minor for number in ("10001", "10002", "10009")} == {0}
    books = api.control("books")["companies"]["10"]
    assert books["balances"]["EUR"]["1940"] == 20100
    (payment,) = books["payments"]
    assert (payment["state"], payment["statement"]) == ("Approved", "GC-N1")
    assert [each["items"] for each in payment["transactions"]] == [["CI 10001", "CI 10009"], ["CI 10002"]]


def test_a_transaction_for_invoices_of_two_customers_is_not_transferred(api, tenant):
    content = camt(entry("80.00", "GC-P-PM2", ("CI10001", "30.00"), ("CI10002", "50.00")))
    load = imported(api, content)
    assert (load["State"], "OTHERIDENTITY" in load["Info"]) == ("TransferError", True)
    assert tenant.books["10"].balance("1940", "EUR") == 0


def test_an_invoice_is_found_in_the_payers_text(api, tenant):
    imported(api, camt(entry("121.00", "GC-P-PM1", text="Invoice CI 10001, thank you")))
    assert tenant.open_amount("10", "CI", "10001") == Money.zero("EUR")


def test_a_debit_entry_opens_the_invoice_again(api, tenant):
    imported(api, camt(entry("121.00", "GC-P-PM1", ("CI10001", ""))))
    imported(api, camt(entry("-121.00", "GC-P-PM1-CB", ("CI10001", ""))))
    assert tenant.open_amount("10", "CI", "10001") == Money(12100, "EUR")
    assert tenant.books["10"].balance("1940", "EUR") == 0


def test_a_known_customer_without_invoice_pays_on_account(api, tenant):
    imported(api, camt(entry("20.00", "GC-P-PM3", ("CI99999", ""), customer="C2")))
    assert tenant.books["10"].receivable("C2", "EUR") == 3000


def test_an_entry_nobody_knows_waits_and_the_others_go_on(api, tenant):
    load = imported(api, camt(entry("20.00", "GC-P-PM3"), entry("121.00", "GC-P-PM1", ("CI10001", ""))))
    assert load["State"] == "PartlyTransferred"
    assert tenant.open_amount("10", "CI", "10001") == Money.zero("EUR")
    assert api.control("books")["left_behind"]["payments_not_transferred"] == 1


def test_importing_a_file_twice_books_it_twice(api, tenant):
    content = camt(entry("121.00", "GC-P-PM1", ("CI10001", "")))
    first, second = imported(api, content), imported(api, content)
    assert first["LoadFileId"] != second["LoadFileId"]
    assert tenant.books["10"].balance("1940", "EUR") == 24200
    assert len(api.rows("ExternalFileLogHandling/ExtFileLoads", "FileName eq 'GC_10.xml'")) == 2


@pytest.mark.parametrize(
    ("content", "state"),
    [
        ("no xml", "Aborted"),
        (camt(entry("1.00", "X"), space=SPACE.replace(".02", ".08")), "Aborted"),
        (camt(entry("nothing", "X")), "Aborted"),
        (camt(entry("121.00", "X", ("CI10001", "")), account="OTHER"), "TransferError"),
        (camt(entry("121.005", "X", ("CI10001", ""))), "TransferError"),
    ],
)
def test_files_that_cannot_be_read_or_placed_book_nothing(api, tenant, content, state):
    assert imported(api, content)["State"] == state
    assert tenant.books["10"].balance("1940", "EUR") == 0


def test_later_versions_have_the_amount_in_the_transaction(api, tenant):
    tenant.switches.change({"camt_version": "camt.054.001.08"})
    content = camt(entry("121.00", "GC-P-PM1", ("CI10001", "")), space=SPACE.replace(".02", ".08"))
    assert imported(api, content)["State"] == "Transferred"


def test_a_closed_period_leaves_the_payment_for_the_clerk(api, tenant):
    tenant.clerk.close_period("10", 2026, 3)
    imported(api, camt(entry("121.00", "GC-P-PM1", ("CI10001", ""))))
    assert tenant.open_amount("10", "CI", "10001") == Money(12100, "EUR")
    tenant.clerk.open_period("10", 2026, 3)
    assert tenant.clerk.approve_payments("10") == 1
    assert tenant.open_amount("10", "CI", "10001") == Money.zero("EUR")


@pytest.mark.parametrize("how_far", ["transferred", "loaded"])
def test_a_tenant_may_leave_the_last_steps_to_a_person(api, tenant, how_far):
    tenant.switches.change({"external_payments": how_far})
    imported(api, camt(entry("121.00", "GC-P-PM1", ("CI10001", ""))))
    assert tenant.books["10"].balance("1940", "EUR") == 0
    assert api.control("clerk", {"do": "approve_payments", "company": "10"})["result"] == 1
    assert tenant.books["10"].balance("1940", "EUR") == 12100


def test_a_batch_import_is_done_later(api, tenant):
    tenant.switches.change({"batch_import_after_s": 30})
    load = imported(api, camt(entry("121.00", "GC-P-PM1", ("CI10001", ""))), ProcessOptions="Batch")
    path = f"ExternalFileLoadIdsHandling/ExtFileLoadSet(LoadFileId={load['LoadFileId']})/State"
    assert api.entity(path)["value"] == "Loaded"
    tenant.clock.advance(timedelta(seconds=30))
    assert api.entity(path)["value"] == "Transferred"


# -- the assistant --------------------------------------------------------------------------------------------------


def test_defaults_of_a_file_type_name_set_template_and_parameters(api):
    told = api.entity(f"{SERVICE}/GetDefaultFileTypeInfo(Company='10',FileType='ExtVoucher',ProcessOption='Online')")
    assert (told["SetId"], told["FileTemplate"], told["ParamString"]) == ("1", "STDVOU", VOUCHER_PARAMETERS)
    changed = api.entity(
        f"{SERVICE}/ChangeParamValues(ParamName='LOAD_TYPE',ParamValue='X',ParamString='LOAD_TYPE=GC^A=1^')"
    )
    assert changed["value"] == "LOAD_TYPE=X^A=1^"


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({"FileTemplate": "OTHER"}, "ExtFileTemplate.FND_RECORD_NOT_EXIST"),
        ({"FileDirectionDb": "2"}, "ExtFileLoad.DIRECTION"),
        ({"FileType": "ExtVoucher", "FileTemplate": "STDVOU"}, "ExtLoad.EXTPARNOTEXIST"),
    ],
)
def test_an_import_with_wrong_settings_is_refused_and_the_task_stays(api, changes, tag):
    path = task(api, **{"file_type": "ExtMixedPayment", "template": "MXP_CAMT", **changes})
    upload(api, path, "x")
    assert tag in api.problem(api.act(path, "TaskVirtual_ImportFile"), 400)
    assert api.control("books")["left_behind"]["file_tasks"] == 1


def test_an_import_without_a_file_is_refused(api):
    path = task(api, "ExtMixedPayment", "MXP_CAMT")
    assert "ExtFileLoad.NOFILE" in api.problem(api.act(path, "TaskVirtual_ImportFile"), 400)


def test_the_upload_needs_the_etag_and_may_name_the_file(api):
    path = task(api, "ExtMixedPayment", "MXP_CAMT")
    assert api.send("PUT", f"{path}/FileData", "x").status_code == 428
    named = base64.b64encode(b"GC_10_PO1.xml").decode()
    upload(api, path, "content", **{"X-IFS-Content-Disposition": f"filename={named}"})
    assert api.entity(path)["FileName"] == "GC_10_PO1.xml"
    assert api.get(f"{path}/FileData").text == "content"


# -- vouchers -------------------------------------------------------------------------------------------------------


def line(account, amount, group="GC-O-PO1", number="PO1", **columns):
    fields = [""] * 44
    fields[2], fields[12], fields[15], fields[24], fields[31] = account, "EUR", amount, f"{group} payout", "2026-03-04"
    fields[26], fields[27], fields[32], fields[36] = number, "GC", group, "M"
    for place, value in columns.items():
        fields[int(place[1:]) - 1] = value
    return ";".join(fields)


def loaded(api, *lines, parameters=VOUCHER_PARAMETERS):
    load = imported(api, "\n".join(lines), "ExtVoucher", "STDVOU", name="GC_10.csv", ParamString=parameters)
    (head,) = api.rows("ExternalVoucherLoadInformationHandling/ExtLoadInfoSet", f"LoadFileId eq {load['LoadFileId']}")
    return head


def test_lines_become_one_voucher_per_group(api, tenant):
    lines = [
        line("1930", "98"),
        line("1940", "-98"),
        line("1930", "5", "GC-O-PO2", "PO2"),
        line("1940", "-5", "GC-O-PO2", "PO2"),
    ]
    head = loaded(api, *lines)
    assert head["State"] == "Created"
    assert [each["text"] for each in api.control("books")["companies"]["10"]["vouchers"]] == [
        "GC-O-PO1 payout",
        "GC-O-PO2 payout",
    ]
    assert tenant.books["10"].balance("1930", "EUR") == 10300
    (row,) = api.rows(
        "ExternalVouchers/ExternalVouchersSet", "Company eq '10' and ReferenceNumber eq 'PO2' and Account eq '1930'"
    )
    assert row["RowState"] == "Updated"


def test_a_group_with_an_error_stays_while_the_others_are_created(api, tenant):
    head = loaded(
        api, line("1930", "98"), line("1510", "-98"), line("1930", "5", "B"), line("1940", "-5", "B"), "too;short"
    )
    assert head["State"] == "PartlyCreated"
    assert tenant.books["10"].balance("1930", "EUR") == 500
    rows = api.rows("ExternalVouchers/ExternalVouchersSet", "Company eq '10' and ErrorMessage ne null")
    assert ["VOUISLEDGER" in row["ErrorMessage"] or "columns" in row["ErrorMessage"] for row in rows] == [True, True]


def test_an_unbalanced_group_is_told_at_its_rows(api):
    loaded(api, line("1930", "98"), line("1940", "-97"))
    rows = api.rows("ExternalVouchers/ExternalVouchersSet", "Company eq '10'")
    assert all(row["ErrorMessage"].startswith("Voucher.VOUNOTBALANCED") for row in rows)


def test_checking_and_creating_are_steps_of_their_own(api, tenant):
    head = loaded(
        api, line("1930", "98"), line("1940", "-98"), parameters="COMPANY=10^USER_ID=GC_SERVICE^LOAD_TYPE=GC^"
    )
    path = f"ExternalVoucherLoadInformationHandling/ExtLoadInfoSet(Company='10',LoadId='{head['LoadId']}')"
    assert head["State"] == "Loaded"
    assert api.act(path, "ExtLoadInfo_DoCheckTransactions").json()["State"] == "Checked"
    assert "ExtCheck.CHECKED_EXIST" in api.problem(api.act(path, "ExtLoadInfo_DoCheckTransactions"), 400)
    assert api.act(path, "ExtLoadInfo_DoCreateVoucher").json()["State"] == "Created"
    assert "ExtCheck.UPDATED_EXIST" in api.problem(api.act(path, "ExtLoadInfo_DoCreateVoucher"), 400)
    assert "ExtCheck.UPDATED_EXIST" in api.problem(api.act(path, "ExtLoadInfo_DoRemoveLoads"), 400)
    assert tenant.books["10"].balance("1930", "EUR") == 9800


def test_errors_are_removed_and_the_load_tried_again_or_taken_away(api, tenant):
    tenant.clerk.close_period("10", 2026, 3)
    head = loaded(api, line("1930", "98"), line("1940", "-98"))
    path = f"ExternalVoucherLoadInformationHandling/ExtLoadInfoSet(Company='10',LoadId='{head['LoadId']}')"
    tenant.clerk.open_period("10", 2026, 3)
    for action in ("DoRemoveErrorCodes", "DoCheckTransactions", "DoCreateVoucher"):
        assert api.act(path, f"ExtLoadInfo_{action}").status_code == 200
    assert tenant.books["10"].balance("1930", "EUR") == 9800
    other = loaded(api, line("1930", "98"), line("1940", "-97"))
    path = f"ExternalVoucherLoadInformationHandling/ExtLoadInfoSet(Company='10',LoadId='{other['LoadId']}')"
    assert api.act(path, "ExtLoadInfo_DoRemoveLoads").status_code == 204
    assert api.get(path).status_code == 404
