"""The tables of bridges/COVERAGE.md, made from evidence."""

from __future__ import annotations

import functools

from tests.coverage.documents import DOCUMENTS, Document, Event, Method
from tests.coverage.evidence import Evidence, Found, collect, key_of

YES, NO = "✓", "**missing**"


@functools.cache
def _found() -> Found:
    return collect()


def tables() -> str:
    """All four documents, as Markdown."""
    return "\n\n".join(table(document, _found()) for document in DOCUMENTS)


def table(document: Document, found: Found) -> str:
    """One document: its methods, its events, and what it only names. Pure."""
    client = f"client: `{document.client}`"
    lines = [f"## {document.title} (`{document.kind}`)", "", f"| method | {client} | sandbox | the relay uses it for |"]
    lines[-1] += " test |"
    lines.append("| --- | --- | --- | --- | --- |")
    lines += [_row(_address(m), f"`{m.client}`", m, found[key_of(document, m)]) for m in document.methods]
    lines += ["", "| event | read by the bridge as | sandbox sends it | the relay uses it for | test |"]
    lines.append("| --- | --- | --- | --- | --- |")
    lines += [_row(e.name, _means(e), e, found[key_of(document, e)]) for e in document.events]
    if document.named:
        named = ", ".join(f"`{n.name}`" for n in document.named)
        lines += ["", f"Named by the document only, {document.named[0].why}: {named}."]
    return "\n".join(lines)


def _row(first: str, client: str, row: Method | Event, found: Evidence) -> str:
    used = row.used if not found.used else NO
    path, _, name = row.test.partition("::")
    test = f"[{name}](../{path})" if not found.test else NO
    cells = [first, client if not found.client else NO, YES if not found.sandbox else NO, used, test]
    return f"| {' | '.join(cells)} |"


def _address(method: Method) -> str:
    return f"`{method.verb} {method.path}`" if method.path else f"`{method.verb}` to the panel's address"


def _means(event: Event) -> str:
    return "a question, answered in JSON" if event.means == "answer" else f"`{event.means}`"
