"""The posting rules, all in one place to import from: gocardless.md section 11, row by row.

    payments     payment_rules      receipts, late failures, chargebacks, retries
    refunds      refund_rules       credit memo and outgoing payment, returned refunds
    payouts      payout_rules       deposit, bounce, repetition; lines in payout_lines, proof in payout_proof
    master data  master_data_rules  mandate states, customers

Every rule takes the whole known story of one resource and what was decided and booked before; it answers `Verdict`.
"""

from bookkeeping.master_data_rules import decide_mandate, plan_customer
from bookkeeping.payment_rules import ReceiptState, decide_payment, receipt_state
from bookkeeping.payout_rules import decide_payout, is_converted
from bookkeeping.refund_rules import decide_refund
from bookkeeping.story import Decision, Outcome, Verdict

__all__ = [
    "Decision",
    "Outcome",
    "ReceiptState",
    "Verdict",
    "decide_mandate",
    "decide_payment",
    "decide_payout",
    "decide_refund",
    "is_converted",
    "plan_customer",
    "receipt_state",
]
