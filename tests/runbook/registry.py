"""Which test exercises which code of the runbook: those of this folder, and those that stand where the situation is built.

Nothing is left out silently: a code without an exercise at a stand-in says why, and which test looks at it instead.
"""

from __future__ import annotations

from tests.runbook.answers import ANSWERS
from tests.runbook.answers_of_datev import ANSWERS_OF_DATEV
from tests.runbook.answers_of_gocardless import ANSWERS_OF_GOCARDLESS
from tests.runbook.exercise import Exercise
from tests.runbook.situations import SITUATIONS

EXERCISES: tuple[Exercise, ...] = (*ANSWERS, *ANSWERS_OF_DATEV, *ANSWERS_OF_GOCARDLESS, *SITUATIONS)

_ERP = "connector_resources/erp"
#: code -> file and test, below `tests`, that brings it about at the stand-in over HTTP.
ELSEWHERE = {
    "DCO01301": f"{_ERP}/datev/test_datev_books.py::test_a_refused_transfer_holds_its_receipts_with_the_protocol",
    "account_unmapped": f"{_ERP}/visma/test_visma_exchange.py::"
    "test_without_an_account_for_differences_the_payout_waits_after_its_journals",
    "address_missing": f"{_ERP}/ifs_cloud/test_ifs_cloud_contacts.py::"
    "test_a_customer_without_an_address_is_held_until_somebody_has_made_one",
    "bank_details_missing": "connector_resources/collections/test_direct_mandates.py::"
    "test_an_account_that_is_gone_from_the_vault_is_held_and_withdrawn_it_is_read_again",
    "batch_exists": f"{_ERP}/sage300/test_sage300_faults.py::"
    "test_released_with_the_half_batch_still_there_nothing_is_sent",
    "batch_incomplete": f"{_ERP}/sage300/test_sage300_faults.py::"
    "test_what_a_refused_batch_left_and_nobody_may_empty_is_held_with_its_number",
    "cannot_tell": "connector_resources/posting/test_posting_protocol.py::"
    "test_two_candidates_for_an_unanswered_write_are_a_persons_decision",
    "credit_note_unposted": f"{_ERP}/sage300/test_sage300_flows.py::"
    "test_where_people_post_a_refund_waits_for_its_credit_note",
    "creditor_unmapped": f"{_ERP}/ifs_cloud/test_ifs_cloud_flows.py::"
    "test_money_of_an_unknown_creditor_or_customer_is_held",
    "currency_mismatch": f"{_ERP}/sage300/test_sage300_flows.py::"
    "test_unlinked_missing_inactive_and_foreign_customers_are_held",
    "customer_exists": f"{_ERP}/exact_online/test_exact_online_master_data.py::test_nobody_is_made_twice",
    "customer_number_invalid": f"{_ERP}/sage300/test_sage300_master_data.py::"
    "test_a_number_that_cannot_stand_in_an_address_is_held",
    "document_type_unknown": f"{_ERP}/datev/test_datev_books.py::"
    "test_a_type_the_client_lacks_is_held_without_any_upload",
    "document_unknown": "connector_resources/gocardless/test_gocardless_reading.py::"
    "test_a_late_failure_of_a_receipt_from_before_the_cut_over_asks_a_person",
    "dxso_invalid": f"{_ERP}/datev/test_datev_books.py::"
    "test_a_proposal_that_datev_would_refuse_is_held_until_the_setting_is_right",
    "email_missing": f"{_ERP}/ifs_cloud/test_ifs_cloud_contacts.py::"
    "test_a_customer_without_a_row_for_it_is_held_until_somebody_has_made_one",
    "exists_differently": "connector_resources/collections/test_collecting_once.py::"
    "test_another_payment_under_the_same_key_is_compared_and_not_accepted",
    "file_refused": f"{_ERP}/ifs_cloud/test_ifs_cloud_faults.py::"
    "test_a_file_that_the_template_cannot_read_is_held_and_nothing_is_booked",
    "fx_difference_unknown": f"{_ERP}/datev/test_datev_books.py::"
    "test_a_payout_with_an_item_that_was_never_booked_is_held",
    "invoice_unmatched": f"{_ERP}/visma/test_visma_flows.py::test_a_receipt_without_an_invoice_is_held_when_asked_for",
    "job_without_result": f"{_ERP}/visma/test_visma_trouble_ahead.py::"
    "test_a_job_that_ended_without_a_document_is_held_and_sent_again_when_released",
    "mandate_elsewhere": f"{_ERP}/exact_online/test_exact_online_master_data.py::"
    "test_a_mandate_that_stands_on_another_customer_is_held",
    "metadata_full": "connector_resources/customers/test_customer_alignment.py::"
    "test_a_customer_with_three_other_keys_is_held_and_keeps_them",
    "metadata_taken": "connector_resources/customers/test_customer_alignment.py::"
    "test_a_number_that_somebody_else_wrote_is_not_overwritten",
    "optional_field_refused": f"{_ERP}/sage300/test_sage300_master_data.py::test_a_field_that_does_not_exist_is_named",
    "payout_items_differ": f"{_ERP}/sage300/test_sage300_payout_gl.py::test_items_that_do_not_add_up_hold_the_payout",
    "payout_items_unknown": f"{_ERP}/sage300/test_sage300_payout_gl.py::"
    "test_items_that_were_never_read_hold_the_payout",
    "process_unknown": f"{_ERP}/sage300/test_sage300_flows.py::"
    "test_a_release_that_names_the_parameters_otherwise_leaves_the_batch_to_a_person",
    "read_back_differs": f"{_ERP}/exact_online/test_exact_online_trouble_ahead.py::"
    "test_an_entry_that_somebody_deletes_before_it_is_read_back_is_held",
    "refund_vat_unreachable": f"{_ERP}/visma/test_visma_flows.py::test_a_refund_that_no_net_amount_explains_is_held",
    "returned_by_hand": f"{_ERP}/sage300/test_sage300_flows.py::"
    "test_a_receipt_that_staff_returned_is_not_taken_back_twice",
}

#: code -> (file and test that looks at the decision alone, why no stand-in brings it about).
NOT_AT_A_STAND_IN = {
    "DCO01020": ("runbook/test_runbook_codes.py::test_a_code_that_no_stand_in_gives_is_understood",
                 "DATEV gives it with 503, which is looked up and never held; another status would hold it."),
    "action_not_done": (f"{_ERP}/visma/test_visma_trouble_ahead.py::test_an_action_that_is_never_done_goes_to_a_person",
                        "it takes an hour of the clock; the test has the connector answer for it."),
    "amount_not_representable": (
        f"{_ERP}/datev/test_datev_plan.py::test_a_posting_that_cannot_be_booked_is_held_and_the_rest_goes_on",
        "GoCardless has no currency that DATEV cannot write."),
    "balance_moved": ("runbook/test_runbook_codes.py::test_a_code_that_no_stand_in_gives_is_understood",
                      "a run stops at the second balance that moved and the next one goes on, before this is said."),
    "document_number_collision": (
        f"{_ERP}/datev/test_datev_plan.py::test_two_references_that_would_become_one_number_are_held",
        "decided while planning, before any request."),
    "dxso_failed": ("runbook/test_runbook_codes.py::test_a_code_that_no_stand_in_gives_is_understood",
                    "the stand-in's protocol has no errors of its own."),
    "exchange_rate_out_of_range": (f"{_ERP}/datev/test_datev_bookings.py::test_a_rate_datev_cannot_show_is_held",
                                   "decided while planning, before any request."),
    "fee_vat_charged": (f"{_ERP}/datev/test_datev_bookings.py::test_charged_vat_contradicts_reverse_charge_and_is_held",
                        "decided while planning, before any request."),
    "not_read_back": (f"{_ERP}/sage300/test_sage300_documents.py::test_what_was_not_read_back_is_not_taken_further",
                      "the protocol reads back before it plans; only a broken one comes here."),
    "settled_directly": (f"{_ERP}/ifs_cloud/test_ifs_cloud_documents.py::"
                         "test_money_that_goes_to_the_bank_directly_is_held",
                         "decided while planning, before any request."),
    "vat_code_unmapped": (
        f"{_ERP}/exact_online/test_exact_online_documents.py::"
        "test_an_account_that_brings_its_own_vat_code_needs_one_without_vat",
        "decided while planning, before any request."),
}  # fmt: skip

#: how many codes may be without any test; the figure may fall, never rise.
MOST_WITHOUT_A_TEST = 0
