"""`make bench`: what the relay costs, beside a forwarder without a queue and beside plain arq, on this machine.

One process, the driver, is both the system that sends hooks and the one that gets the posts (`endpoints`, `driver`), so
that every message is timed by one clock and counted once (`ledger`). What is measured runs in processes of its own
(`subjects`, with the programs `forwarder` and `naive_arq`); `modes` says what is asked of them, `report` prints it.
`growth` is the other half: what happens as the store fills.

Figures of different runs cannot be compared, and below about 15 % of difference nothing has been seen: compare ratios
within one run. No test asserts a time.
"""
