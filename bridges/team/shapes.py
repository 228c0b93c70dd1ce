"""The objects of Team API v3, as the document shows them. Fields it does not show are ignored, not errors.

Times are UTC (FACTS 1.3). `jid` names a chat: `d-…` a person, `g-…` a group.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field


class Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Country(Shape):
    """GET /api/v3/countries. Several countries may share a code; exactly one is the default."""

    code: str  # "+7"
    name: str
    default: bool = False


class SmsLogin(Shape):
    """POST /api/v3/sms-login: a code is on its way. `phone` is as the server normalised it."""

    code_length: int = 4
    code_valid_until: datetime | None = None
    phone: str


class Device(Shape):
    """One of a user's devices; `type` is android, ios, web or safari."""

    device_id: str
    type: str = ""
    name: str = ""
    notification_token: str = ""
    voip_notification_token: str = ""
    allowed_notifications: bool = False
    data_pushes: bool = False


class Icon(Shape):
    url: str
    width: int
    height: int


class Icons(Shape):
    """`stub` is made by the server; `lg` and `sm` are there once a picture was uploaded."""

    stub: str = ""
    lg: Icon | None = None
    sm: Icon | None = None


class TeamContact(Shape):
    """A person as a member of one team: the jid differs from team to team."""

    jid: str
    display_name: str = ""
    contact_phone: str = ""
    contact_email: str = ""
    role: str = ""
    status: str = "member"  # guest, member, admin, owner
    icons: Icons = Icons()
    family_name: str = ""
    given_name: str = ""


class Unread(Shape):
    chats: int = 0
    messages: int = 0


class Team(Shape):
    """A team as the user of the token sees it. `contacts` comes only with the answer to its making."""

    uid: str
    name: str = ""
    me: TeamContact | None = None
    contacts: tuple[TeamContact, ...] = ()
    icons: Icons = Icons()
    can_manage_integrations: bool = False
    can_add_to_team: bool = False
    can_manage_sections: bool = False
    bad_profile: bool = False
    need_confirmation: bool = False
    is_archive: bool = False
    max_message_update_age: int | None = None  # seconds
    uploads_size: int | None = None  # bytes
    uploads_size_limit: int | None = None  # bytes
    unread: dict[str, Unread] = Field(default_factory=dict)  # by chat type: direct, group, task


class Me(Shape):
    """GET /api/v3/me."""

    phone: str = ""
    email: str | None = None
    default_lang: str | None = None
    alt_send: bool = False
    unread_first: bool = False
    devices: tuple[Device, ...] = ()
    teams: tuple[Team, ...] = ()


class Login(Shape):
    """A finished login. `token` is empty after a cookie login, whose secret is in `cookie`."""

    me: Me
    token: str = Field("", repr=False)
    cookie: str = Field("", repr=False)  # "name=value", as the Cookie header wants it


class QrLogin(Shape):
    """GET /api/v3/qr-login.png?debug=True."""

    url: str = Field(repr=False)  # otv://qr-login/{server, percent-encoded}/{temp_token}
    lifetime_sec: int = 60

    @property
    def server(self) -> str:
        return unquote(self.url.rpartition("/")[0].rpartition("/")[2])

    @property
    def temp_token(self) -> str:
        return self.url.rpartition("/")[2]


class Account(Shape):
    """Who in the system owns a phone of an address book."""

    phone: str = ""
    given_name: str = ""
    family_name: str = ""


class BookContact(Shape):
    """One entry of a device's address book. Further fields of an entry are the client's own."""

    model_config = ConfigDict(extra="allow", frozen=True)

    phones: tuple[str, ...] = ()
    account: Account | None = None


class AddressBook(Shape):
    """What PUT …/address-book answers; GET answers the bare list."""

    contacts: tuple[BookContact, ...] = ()


class FormField(Shape):
    label: str = ""
    readonly: bool = False
    value: str = Field("", repr=False)  # may be a key


class Integration(Shape):
    """An integration of one group. `form` of kind raw holds `api_key` and `webhook_url`."""

    uid: str
    kind: str = "raw"
    group: str = ""
    comment: str = ""
    enabled: bool = False
    created: datetime | None = None
    form: dict[str, FormField] = Field(default_factory=dict)
    help: str = Field("", repr=False)  # HTML for people; shows the key

    @property
    def api_key(self) -> str:
        return self.form["api_key"].value if "api_key" in self.form else ""

    @property
    def webhook_url(self) -> str:
        return self.form["webhook_url"].value if "webhook_url" in self.form else ""


class IntegrationKind(Shape):
    kind: str
    title: str = ""
    template: dict[str, Any] = Field(default_factory=dict)


class Integrations(Shape):
    integrations: tuple[Integration, ...] = ()
    kinds: tuple[IntegrationKind, ...] = ()


class Invitation(Shape):
    uid: str
    token: str = Field(repr=False)  # whoever has it may join
    qr: str = Field("", repr=False)
    created: datetime | None = None


class MonthUsage(Shape):
    year: int
    month: int
    uploads_size: int = 0  # bytes


class Usage(Shape):
    by_months: tuple[MonthUsage, ...] = ()
    uploads_size: int = 0  # bytes
    uploads_size_limit: int = 0  # bytes


class Group(Shape):
    """A group as v4 lists it (FACTS 1.6); v3 documents no list of groups."""

    jid: str
    display_name: str = ""


class Features(Shape):
    """GET /features.json, at the server's root and without the envelope (FACTS 1.5)."""

    max_message_length: int | None = None  # characters
    max_upload_mb: int | None = None


class MessageContent(Shape):
    type: str = "plain"
    text: str = ""


class ChatMessage(Shape):
    """What `client.message.updated` answers over HTTP."""

    message_id: str
    chat: str = ""
    chat_type: str = ""
    content: MessageContent = MessageContent()
    created: datetime | None = None
    editable_until: datetime | None = None
    sender: str = Field("", alias="from")
    to: str = ""
    gentime: int = 0  # nanoseconds since 1970: the version of the message
    prev: str = ""
