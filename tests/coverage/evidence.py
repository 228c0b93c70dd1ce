"""Is it there? Asked of the client class, of a sandbox over real HTTP, of the code that uses it, and of the tests.

A tick in bridges/COVERAGE.md comes from here and from nowhere else.
"""

from __future__ import annotations

import ast
import asyncio
import functools
import importlib
import inspect
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from relay.contract.errors import RelayError
from relay.contract.model import OutboundRequest
from tests.coverage.documents import DOCUMENTS, Document, Event, Method
from tests.coverage.playing import INSTEAD, PLAYS, PREPARE, People, Playing, playing, sample
from tests.harness import ROOT

ANSWERED = {  # Operator API, "Response JSON-encoded"
    "user": {"id", "name", "gender", "avatar", "balance", "location", "about", "custom"},
    "media": {"media"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was found of one method or event; "" where all is well, else a sentence about what is missing."""

    client: str = ""
    sandbox: str = ""
    used: str = ""
    test: str = ""

    @property
    def missing(self) -> list[str]:
        return [found for found in (self.client, self.sandbox, self.used, self.test) if found]


Found = dict[tuple[str, str], Evidence]  # (kind, "GET /path" or the event's name)


def key_of(document: Document, row: Method | Event) -> tuple[str, str]:
    return document.kind, f"{row.verb} {row.path}" if isinstance(row, Method) else row.name


def collect() -> Found:
    """Evidence of everything, from running sandboxes."""
    return asyncio.run(everything())


async def everything() -> Found:
    """The same, inside a loop."""
    found: Found = {}
    for document in DOCUMENTS:
        async with playing(document.kind) as p:
            for method in document.methods:
                await p.reset()
                found[key_of(document, method)] = await _method(document, method, p)
            for event in document.events:
                await p.reset()
                found[key_of(document, event)] = await _event(event, p)
    return found


# --- methods --------------------------------------------------------------------------------------------------------


async def _method(document: Document, row: Method, p: Playing) -> Evidence:
    client_class = getattr(
        importlib.import_module(f"bridges.{document.folder or document.kind}.client"), document.client
    )
    call = getattr(client_class, row.client, None)
    used, test = unused(row), untested(row.test)
    if not inspect.iscoroutinefunction(call):
        return Evidence(client=f"{document.client} has no method {row.client}", sandbox="", used=used, test=test)
    await PREPARE[document.kind](p)
    if row.switches:
        await p.switch(**row.switches)
    arguments, lacking = arguments_of(call, row, p)
    if lacking:
        return Evidence(client=f"{row.client} needs {lacking}, which nobody gave it", used=used, test=test)
    p.http.sent.clear()
    said = ""
    try:
        await getattr(p.client(), row.client)(**arguments)
    except RelayError as e:
        said = f"the sandbox said no: {e}"
    where = f"{row.verb} {row.path or '(the address itself)'}"
    if not any(asks(row, request, p.url) for request in p.http.sent):
        sent = ", ".join(f"{r.method} {urlsplit(r.safe_url).path}" for r in p.http.sent) or "nothing"
        return Evidence(client=f"{row.client} sent {sent}, not {where}", sandbox=said, used=used, test=test)
    return Evidence(sandbox=said, used=used, test=test)


def arguments_of(call: Any, row: Method, p: Playing) -> tuple[dict[str, Any], str]:
    """(every argument the client's method needs, the name of one that is not known). Pure."""
    given = dict(row.given)
    for name, parameter in inspect.signature(call).parameters.items():
        needed = parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
        if name == "self" or name in given or not needed:
            continue
        if (row.client, name) in INSTEAD:
            given[name] = INSTEAD[row.client, name](p)
        elif name in p.known:
            given[name] = p.known[name]
        else:
            return given, name
    if row.client == "send_message" and "caption" in p.known:
        given["caption"] = p.known["caption"]
    return given, ""


def asks(row: Method, request: OutboundRequest, base: str) -> bool:
    """Whether a request is the documented one: verb, path, and the query where the document shows one."""
    path, _, query = row.path.partition("?")
    pattern = re.escape(path).replace("TOKEN", "[^/]+")
    pattern = re.sub(r"\\\{[a-z_]+\\\}", "[^/]+", pattern)
    sent = urlsplit(request.url)
    inside = sent.path.removeprefix(urlsplit(base).path)
    if request.method != row.verb or not re.fullmatch(pattern, inside):
        return False
    return set(parse_qsl(query)) <= set(parse_qsl(sent.query))


# --- events ---------------------------------------------------------------------------------------------------------


async def _event(row: Event, p: Playing) -> Evidence:
    client = await _reads(row, p)
    try:
        came = await PLAYS[row.play](p)
    except AssertionError as e:
        return Evidence(client=client, sandbox=str(e), test=untested(row.test))
    sandbox = ""
    if row.means != "answer":
        found = [type(event).__name__ for event in p.events(came)]
        sandbox = "" if found == [row.means] else f"what the sandbox sends is read as {found}"
    return Evidence(client=client, sandbox=sandbox, test=untested(row.test))


async def _reads(row: Event, p: Playing) -> str:
    """ "" when the bridge reads the document's sample as it should."""
    request = sample(row.sample, p)
    if row.means != "answer":
        found = [type(event).__name__ for event in p.events(request)]
        return "" if found == [row.means] else f"the document's sample is read as {found}"
    if not p.bridge.answers(request.tail):
        return f"{request.tail} is not answered"
    status, value = await p.bridge.answer(p.bridge.verify(request), People())
    wanted = ANSWERED[request.tail]
    return "" if (status, set(value)) == (200, wanted) else f"answered {status} {sorted(value)}"


# --- code and tests -------------------------------------------------------------------------------------------------


@functools.cache
def _tree(path: str) -> ast.Module | None:
    file = ROOT / path
    return ast.parse(file.read_text("utf-8")) if file.is_file() else None


def unused(row: Method) -> str:
    """ "" when every module that is said to use it calls it, or hands it on to be called; a sentence otherwise."""
    name = row.call or row.client
    for path in row.by:
        tree = _tree(path)
        mentioned = {_name(node) for node in ast.walk(tree)} if tree else set()
        if name not in mentioned:
            return f"{path} does not call {name}"
    return ""


def _name(node: ast.AST) -> str:
    """Of what is read there: `client.time` -> "time", `send_request` -> itself."""
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        return node.attr
    return node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else ""


def untested(test: str) -> str:
    """ "" when that test is there for pytest to find; a sentence otherwise."""
    path, _, name = test.partition("::")
    tree = _tree(path)
    there = {
        node.name for node in (tree.body if tree else ()) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return "" if name.startswith("test_") and name in there else f"there is no test {test}"
