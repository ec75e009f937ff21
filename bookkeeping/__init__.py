"""Pure bookkeeping: money, GoCardless entities, occurrences, postings, rules, proofs. No I/O, no clock, no Dagster."""
