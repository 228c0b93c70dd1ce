"""Everything the relay itself says to a desk: the names of the notices and their facts, as data.

A notice `x` is the template templates/notices/<locale>/x.txt.j2, and exists in every language. Facts are text unless
said otherwise; `number` is a conversation's, without `#`; `text` is cut to its beginning by the template; `words` are
the other side's own, and may be empty. `sample` is what tests and `relay check` render with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Notice:
    """`about`: when it is said. `sample`: its facts, each with a value as it might come."""

    about: str
    sample: Mapping[str, Any]

    @property
    def facts(self) -> tuple[str, ...]:
        return tuple(self.sample)


_ROWS = (
    {
        "number": 42,
        "name": "Anna Petrova",
        "username": "anna.p",
        "last": "Do you have it in blue?",
        "ago": 86400,
        "unanswered": True,
    },
    {"number": 7, "name": "", "username": "", "last": "", "ago": 30, "unanswered": False},
)
_HOPS = (
    {"text": "Yes, in blue", "state": "delivered", "ago": 90, "words": ""},
    {"text": "", "state": "failed", "ago": 3600, "words": "no active channels"},
)
_TEXT = "Yes, we have it in blue, in all sizes, and it can be with you tomorrow morning"

NOTICES: Mapping[str, Notice] = {
    # --- why an answer was not sent: one reason each, framed by `refused`
    "refused": Notice(
        "the frame: number may be empty; reasons is a list of sentences",
        {"number": "42", "text": _TEXT, "reasons": ["There is nothing in it.", "Something else is wrong."]},
    ),
    "refused_empty": Notice("neither text nor file", {}),
    "refused_too_many_options": Notice("quick replies", {"found": "14", "allowed": "13"}),
    "refused_option_too_long": Notice(
        "a quick reply", {"option": "Yes, please, both of them", "found": "25", "allowed": "20"}
    ),
    "refused_option_empty": Notice("a quick reply without text", {}),
    "refused_file_type": Notice("", {"filename": "price.xls", "found": "xls", "allowed": "jpg, png, mp4"}),
    "refused_file_too_big": Notice("", {"filename": "film.mp4", "found": "26.0 MB", "allowed": "25.0 MB"}),
    "refused_file_empty": Notice("0 bytes", {"filename": "photo.jpg"}),
    "refused_file_to_comment": Notice("comments take text only", {}),
    "refused_options_to_comment": Notice("comments take text only", {}),
    "refused_comment_too_long": Notice(
        "a comment is one message: it cannot be split", {"found": "1200", "allowed": "1000", "unit": "characters"}
    ),
    "refused_unsupported": Notice("anything else a channel cannot carry", {"what": "video"}),
    "comment_already_answered": Notice("comments are answered once", {"number": "42"}),
    "comment_too_old": Notice("hours: how long comments can be answered", {"number": "42", "hours": "24"}),
    # --- whom an answer is for
    "unknown_number": Notice("no such conversation", {"number": "99"}),
    "unknown_name": Notice("nobody of that user name has written; without @", {"name": "anna.p"}),
    "file_not_taken": Notice(
        "a file for a customer, from a desk whose files cannot be taken",
        {"number": 42, "name": "", "other": 0, "known": True},
    ),
    "nearly_an_address": Notice(
        "`#42hello`, `# 42 hello`; number: text or a number; known: whether there is such a conversation",
        {"number": 42, "name": "", "other": 0, "known": True},
    ),
    "name_without_colon": Notice(
        "`@anna hello`, where a customer is called that", {"number": 42, "name": "anna", "other": 0, "known": True}
    ),
    "two_addresses": Notice(
        "an answer in which a further line begins with a number", {"number": 42, "name": "", "other": 43, "known": True}
    ),
    "reopened": Notice("an answer to a closed conversation", {"number": "42"}),
    # --- what became of an answer
    "failed": Notice(
        "the other side said no for good",
        {"number": "42", "text": _TEXT, "words": "no such user", "reason": "rejected"},
    ),
    "failed_elsewhere": Notice(
        "an answer of another desk, which this one was shown, did not arrive; origin: that desk",
        {"number": "42", "text": _TEXT, "words": "no such user", "origin": "panel"},
    ),
    "gave_up": Notice(
        "all tries used; attempts is a number",
        {"number": "42", "text": _TEXT, "words": "HTTP 500", "attempts": 9},
    ),
    "once_more": Notice(
        "it may not have arrived, or not whole: asks to send it again", {"number": "42", "text": _TEXT}
    ),
    "deadline_passed": Notice("the reply window closed before it could be sent", {"number": "42", "text": _TEXT}),
    "not_delivered_to_desk": Notice(
        "a customer's message was given up for one desk; said at the others",
        {"number": "42", "text": _TEXT, "destination": "sales", "words": "HTTP 500"},
    ),
    "file_not_fetched": Notice(
        "instead of a customer's file, below their words; url may be empty",
        {"filename": "photo.jpg", "url": "https://files.example.com/photo.jpg", "words": "It is too large."},
    ),
    "window_closing": Notice("unanswered; left: seconds or words", {"number": "42", "left": 5400}),
    "deleted": Notice("taken back", {"number": "42"}),
    "deleting": Notice("/delete, before the channel has answered", {"number": "42", "text": _TEXT}),
    "nothing_to_delete": Notice("/delete without an answer that the channel has accepted", {"number": "42"}),
    "delete_unsupported": Notice("/delete where the channel has no such thing", {"number": "42"}),
    "delete_failed": Notice("could not be taken back", {"number": "42", "words": "message not found"}),
    # --- commands of a group
    "help": Notice("/help", {}),
    "list": Notice("/list; rows: number, name, username, last, ago (seconds or words), unanswered", {"rows": _ROWS}),
    "who": Notice(
        "/who; first_seen, last_seen: RFC 3339 or datetime, link may be empty",
        {
            "number": "42",
            "name": "Anna Petrova",
            "username": "anna.p",
            "channel": "shop",
            "first_seen": "2026-11-20T20:00:00Z",
            "last_seen": "2026-11-21T21:00:00Z",
            "link": "https://example.com/anna.p",
            "closed": False,
        },
    ),
    "status": Notice("/status; rows: text, state, ago (seconds or words), words", {"number": "42", "rows": _HOPS}),
    "closed": Notice("/close", {"number": "42"}),
    "already_closed": Notice("/close, twice", {"number": "42"}),
    "needs_number": Notice("a command without its number; command without slash", {"command": "who"}),
    "unknown_command": Notice("command without slash", {"command": "foo"}),
    # --- accounts
    "credentials": Notice("an account's key is refused or unpaid", {"account": "shop", "words": "no active channels"}),
    "resumed": Notice("an account works again", {"account": "shop"}),
    "failing": Notice(
        "messages for an account have been waiting for minutes; words: what it says",
        {"account": "shop", "words": "HTTP 503"},
    ),
    "working_again": Notice("after `failing`", {"account": "shop"}),
    "breaker_opened": Notice("an account does not answer", {"account": "shop", "words": "HTTP 503"}),
    "callback_taken": Notice(
        "another server took our callback; new: its address", {"account": "messenger", "new": "…"}
    ),
    "other_account": Notice(
        "a token suddenly belongs to somebody else", {"account": "shop", "expected": "47367670531", "found": "12345"}
    ),
    # --- alarms, for the people who run the relay; counts and minutes are numbers
    "alarm_credentials": Notice("a key is refused", {"account": "shop", "words": "no active channels", "count": 3}),
    "alarm_failing": Notice(
        "nothing gets through", {"account": "shop", "words": "HTTP 503", "count": 3, "minutes": 12}
    ),
    "alarm_dead_letter": Notice("given up", {"count": 3}),
    "alarm_backlog": Notice("nobody sends", {"account": "shop", "count": 3, "minutes": 12}),
    "alarm_orphaned": Notice("waits for an account that was taken out", {"account": "shop", "count": 3}),
    "alarm_store": Notice("the store is away; words is a sentence", {"words": "It does not answer."}),
    "alarm_history": Notice("the history is behind; words is a sentence", {"words": "The database is away."}),
    "alarm_disk": Notice("data_dir is nearly full", {"free_mb": 120}),
    "alarm_certificate": Notice("of public_url", {"days": 5}),
    "alarm_hook_secret": Notice("somebody's hooks come with another secret", {"account": "shop", "count": 3}),
    "alarm_over": Notice("an alarm is over; what: its sentence", {"what": "The account shop refuses our key."}),
}
