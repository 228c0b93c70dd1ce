"""What the four documents describe, as data, and the proof that client, sandbox and tests have all of it.

documents  every method and event, read by hand from the documents
playing    a sandbox over real HTTP, and what each client method and each event needs
evidence   asks the client, the sandbox and the tests; the only source of a tick
page       the table of bridges/COVERAGE.md
"""
