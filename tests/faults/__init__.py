"""Everything that can be killed, cut, frozen or filled is, while messages pass, and what became of them is counted.

The experiments are those of PITFALLS 5, by number. Each is one function with sizes as parameters: pytest
runs it small (`test_faults.py`), `python -m tests.faults` as large as the plan asks for. They say "lost", "out of
order" and "doubled" in the plan's words; `tests.harness.Ledger.tally` counts.
"""
