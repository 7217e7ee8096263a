"""An explicit-state model of the protocol that records, closes and reconciles usage.

`python -m spec` visits every interleaving of small configurations, with faults, and checks the
invariants in each; `docs/protocol.md` says what that covers.
"""
