"""A second opinion on the ledger: reads Kafka and the bare leaves, and computes everything again.

It imports nothing of the ledger, so that a mistake made there is not made here too (a unit test holds it to that).
"""
