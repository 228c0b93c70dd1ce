"""Our own posts, known by their look when the chat server gives them back changed. Pure.

The core knows what it posted word for word. A chat server may change it all the same: escape or unescape it, wrap
links, trim, cut, normalise, drop invisible characters; and people copy a post and add a line. So what begins, behind
its `#42 `, as our header for that very contact does is no answer. Compared are letters and digits, and the colon that
ends the header: without it a customer's name is a salutation.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence

from bridges.team.outbound import facts_of, plain
from relay.contract import BridgeContext
from relay.contract.model import Contact, Content, Delivery, Kind
from relay.fitting.addressing import behind_number

_WORDS = "\ue000"  # stands where a customer's words would; nobody writes it
_TAG = re.compile(r"<[^<>]{0,500}>")
_LINK = re.compile(r"\[([^\[\]]{0,200})\]\([^()\s]{0,2000}\)|<[^<>|\s]{1,500}\|([^<>|]{1,200})>")
_SHORTCODE = re.compile(r":[a-z0-9_+\-]{2,40}:")
_BETWEEN = re.compile(r"(?:[^\w:：]|https?://[^\s)>\]]+)*")  # what may stand between a header's letters and its colon
_LOOKED_AT = 500  # characters: a header is shorter


def is_own_post(text: str, contact: Contact, desks: Sequence[str], context: BridgeContext) -> bool:
    """Whether a text that seems to be for this contact is a post of ours, changed, or begins with one.

    `text` is as it came, with its address; `desks` are the names that a mirrored answer's header may show.
    """
    rest = behind_number(text, contact.id)
    if rest is None:
        return False
    rest = rest[:_LOOKED_AT]
    if _is_mirror(rest, desks):
        return True
    readings = list(_readings(rest))
    return any(
        _begins(reading, header)
        for top in _headers(contact, context)
        for header in _readings(top)
        for reading in readings
    )


def _headers(contact: Contact, context: BridgeContext) -> Iterator[str]:
    """What our posts about this contact begin with, from behind the number to the customer's own words."""
    for kind, template in ((Kind.MESSAGE, "message"), (Kind.COMMENT, "comment")):
        delivery = Delivery(id="", destination=context.name, kind=kind, contact=contact, content=Content(text=_WORDS))
        post = plain(context.texts.message(f"team/{template}", **facts_of(delivery)))
        head = behind_number(post.partition(_WORDS)[0], contact.id)
        if head is not None and head.strip():
            yield head


def _readings(text: str) -> Iterator[str]:
    """The text as it is; without entities, links, tags; without emoji written as words."""
    plainer = html.unescape(html.unescape(text))
    linkless = _LINK.sub(lambda m: m[1] or m[2] or "", plainer)
    tagless = _TAG.sub("", plainer)
    both = _TAG.sub("", linkless)
    yield from dict.fromkeys(
        version
        for reading in (text, plainer, linkless, tagless, both)
        for version in (reading, _SHORTCODE.sub("", reading))
    )


def _begins(text: str, header: str) -> bool:
    """Whether one reading of a text begins with one reading of a header."""
    wanted, _ = _letters(header)
    if not wanted:  # a name of emoji or punctuation
        return text.strip().startswith(header.strip())
    found, ends = _letters(text)
    if not found.startswith(wanted):
        # Cut in the middle of the header.
        return "@" in text and len(found) >= max(4, len(wanted) // 2) and wanted.startswith(found)
    rest = text[ends[len(wanted) - 1] :]
    between = _BETWEEN.match(rest)
    tail = rest[between.end() :] if between else rest
    within = header.rstrip()[-1:] not in (":", "：")  # `Anna (@anna): [comment]`: the colon has been passed by
    return within or tail.startswith((":", "：")) or (not tail and "@" in text)


def _letters(text: str) -> tuple[str, list[int]]:
    """Letters and digits in one case and one form, accents dropped, and where in `text` each ends."""
    letters: list[str] = []
    ends: list[int] = []
    for i, character in enumerate(text, 1):
        for c in unicodedata.normalize("NFKD", character).casefold():
            if c.isalnum():
                letters.append(c)
                ends.append(i)
    return "".join(letters), ends


def _is_mirror(text: str, desks: Sequence[str]) -> bool:
    """`Olga (panel): ...`: another desk's answer, shown behind an arrow that the server may have dropped."""
    first = text.strip().partition("\n")[0]
    return any(re.match(rf"[^:]{{1,120}}\({re.escape(desk)}\)\s*:", first) for desk in desks)
