"""What the sandbox's server knows: people, teams, groups, integrations, messages. No HTTP here, and nothing unbounded.

Identifiers come from the kit's `Ids`, so that a seed makes them the same every time.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bridges.sandbox_kit import Ids

MESSAGES = 20_000  # of all chats together
MANY = 5000  # of anything else that strangers can make: the oldest goes
SMS_CODE_DIGITS = 4  # Team API v3, sms-login: code_length
SMS_VALID_S = 300.0
SMS_TRIES = 5
QR_VALID_S = 60.0  # Team API v3, qr-login.png: lifetime_sec
UPLOADS_LIMIT = 1_073_741_824  # bytes; Team API v3, teams
UPDATE_AGE_S = 86_400  # seconds; Team API v3, teams: max_message_update_age

# The people, team and groups of the document's own examples.
OWNER_PHONE = "+79166660002"
PEOPLE = (
    (OWNER_PHONE, "Анна", "Петрова", "owner"),
    ("+79992331144", "Борис", "Смирнов", "admin"),
    ("+79992331122", "Olga", "Brandt", "member"),
)
SECOND_GROUP = "g-1b4c1070-2dfb-470e-84a4-f0017d49f1fc"


def stamp(at: float) -> str:
    """Seconds since 1970 as the API writes times: UTC with microseconds (FACTS 1.3)."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def remember(where: OrderedDict[str, Any], key: str, value: Any) -> None:
    """Insert, and let the oldest go when there are too many."""
    where[key] = value
    while len(where) > MANY:
        where.popitem(last=False)


@dataclass
class Device:
    device_id: str
    type: str = ""
    name: str = ""
    notification_token: str = ""
    voip_notification_token: str = ""
    allowed_notifications: bool = True
    data_pushes: bool = False
    address_book: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class User:
    phone: str
    given_name: str = ""
    family_name: str = ""
    devices: OrderedDict[str, Device] = field(default_factory=OrderedDict)
    ui_settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Member:
    """A user in one team; the jid differs from team to team (FACTS 1.3)."""

    jid: str
    user: User
    status: str = "member"
    role: str = ""
    invited: bool = False  # joined by an invitation: a team member of few rights


@dataclass
class Group:
    jid: str
    display_name: str


@dataclass
class Integration:
    uid: str
    key: str
    group: str
    created: float
    comment: str = ""
    enabled: bool = True
    kind: str = "raw"
    webhook_url: str = ""


@dataclass
class Invitation:
    uid: str
    token: str
    created: float


@dataclass
class Picture:
    """An uploaded icon in its two sizes: (bytes of a JPEG, width, height)."""

    name: str
    large: tuple[bytes, int, int]
    small: tuple[bytes, int, int]


@dataclass
class Team:
    uid: str
    name: str
    created: float
    members: OrderedDict[str, Member] = field(default_factory=OrderedDict)  # by phone
    groups: OrderedDict[str, Group] = field(default_factory=OrderedDict)  # by jid
    integrations: OrderedDict[str, Integration] = field(default_factory=OrderedDict)  # by uid
    invitations: OrderedDict[str, Invitation] = field(default_factory=OrderedDict)  # by uid
    picture: Picture | None = None
    uploads: dict[tuple[int, int], int] = field(default_factory=dict)  # (year, month) -> bytes
    is_archive: bool = False

    def member_of(self, jid: str) -> Member | None:
        return next((member for member in self.members.values() if member.jid == jid), None)


@dataclass
class Message:
    message_id: str
    team: str
    chat: str
    chat_type: str  # direct or group
    sender: str
    sender_name: str
    text: str
    created: float
    gentime: int  # nanoseconds
    by: str = "person"  # person, integration
    prev: str = ""
    edited: bool = False
    deleted: bool = False
    important: bool = False
    silently: bool = False


@dataclass
class SmsCode:
    phone: str
    code: str
    until: float
    tries_left: int = SMS_TRIES


@dataclass
class QrCode:
    token: str
    user: User
    until: float


class World:
    """All of it. `offset_s` shifts the server's clock (a switch)."""

    def __init__(self, ids: Ids) -> None:
        self.ids = ids
        self.offset_s = 0.0
        self.clear()

    def clear(self) -> None:
        """Nobody and nothing. The clock keeps its shift."""
        self.users: OrderedDict[str, User] = OrderedDict()
        self.tokens: OrderedDict[str, tuple[User, str]] = OrderedDict()  # token -> (user, device_id)
        self.cookies: OrderedDict[str, User] = OrderedDict()
        self.sms: OrderedDict[str, SmsCode] = OrderedDict()  # by phone
        self.qr: OrderedDict[str, QrCode] = OrderedDict()  # by token
        self.teams: OrderedDict[str, Team] = OrderedDict()
        self.chats: OrderedDict[str, deque[Message]] = OrderedDict()
        self.by_id: OrderedDict[str, Message] = OrderedDict()  # in the order of their coming

    def now(self) -> float:
        """The server's clock: seconds since 1970."""
        return time.time() + self.offset_s

    # people

    def user(self, phone: str) -> User:
        """The user of that phone; the first login makes one."""
        if phone not in self.users:
            remember(self.users, phone, User(phone))
        return self.users[phone]

    def new_token(self, user: User, device_id: str = "") -> str:
        token = self.secret(24)
        remember(self.tokens, token, (user, device_id))
        return token

    def new_cookie(self, user: User) -> str:
        cookie = self.secret(24)
        remember(self.cookies, cookie, user)
        return cookie

    def secret(self, digits: int) -> str:
        return self.ids.hex(digits)

    def new_sms(self, phone: str) -> SmsCode:
        code = SmsCode(phone, self.ids.number(SMS_CODE_DIGITS), self.now() + SMS_VALID_S)
        remember(self.sms, phone, code)
        return code

    def new_qr(self, user: User, token: str = "") -> QrCode:
        code = QrCode(token or self.secret(16), user, self.now() + QR_VALID_S)
        remember(self.qr, code.token, code)
        return code

    # teams

    def new_team(self, name: str, *, uid: str = "", groups: tuple[tuple[str, str], ...] = ()) -> Team:
        team = Team(uid or self.ids.uuid(), name, self.now())
        for jid, display_name in groups or ((f"g-{self.ids.uuid()}", "General"),):
            team.groups[jid] = Group(jid, display_name)
        remember(self.teams, team.uid, team)
        return team

    def join(self, team: Team, user: User, *, status: str = "member", role: str = "", invited: bool = False) -> Member:
        """The user's membership; an existing one stays as it is."""
        if user.phone not in team.members:
            team.members[user.phone] = Member(f"d-{self.ids.uuid()}", user, status, role, invited)
        return team.members[user.phone]

    def teams_of(self, user: User) -> Iterator[Team]:
        return (team for team in self.teams.values() if user.phone in team.members and not team.is_archive)

    def new_integration(self, team: Team, group: str, *, key: str = "", **fields: Any) -> Integration:
        one = Integration(self.ids.uuid(), key or self.secret(27), group, self.now(), **fields)
        remember(team.integrations, one.uid, one)
        return one

    def integration_of(self, key: str) -> tuple[Team, Integration] | None:
        for team in self.teams.values():
            for one in team.integrations.values():
                if one.key == key and not team.is_archive:
                    return team, one
        return None

    # messages

    def add_message(self, **fields: Any) -> Message:
        """A new message at the end of its chat. The oldest message of all is forgotten when there are too many."""
        now = self.now()
        chat = self.chats.setdefault(fields["chat"], deque())
        fields["message_id"] = fields.get("message_id") or self.ids.uuid()
        message = Message(created=now, gentime=int(now * 1e9), prev=chat[-1].message_id if chat else "", **fields)
        chat.append(message)
        self.by_id[message.message_id] = message
        if len(self.by_id) > MESSAGES:
            _, oldest = self.by_id.popitem(last=False)
            old = self.chats[oldest.chat]
            old.popleft()
            if not old:
                del self.chats[oldest.chat]
        return message

    # usage

    def note_upload(self, team: Team, size: int) -> None:
        at = datetime.fromtimestamp(self.now(), UTC)
        team.uploads[at.year, at.month] = team.uploads.get((at.year, at.month), 0) + size

    def months(self, count: int = 24) -> list[tuple[int, int]]:
        """The last `count` months, oldest first."""
        at = datetime.fromtimestamp(self.now(), UTC).replace(day=1)
        found: list[tuple[int, int]] = []
        for _ in range(count):
            found.append((at.year, at.month))
            at = (at - timedelta(days=1)).replace(day=1)
        return found[::-1]
