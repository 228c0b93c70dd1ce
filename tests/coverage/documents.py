"""Every method and every event that the documents describe, read from them by hand, in their order.

`client`, `by` and `test` are claims; `evidence` checks each of them, and what the sandbox does, by trying.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridges.team.settings import SANDBOX_GROUP

SCRIPTS = "not needed by itself; there for scripts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One documented method. `path` as the document writes it, below the account's address."""

    verb: str
    path: str
    client: str  # method of the client class
    used: str  # what the relay uses it for, in words
    by: tuple[str, ...] = ()  # modules that do, where `used` says so
    call: str = ""  # what they call, where it is not the client's method: a request builder
    test: str  # "tests/….py::test_…"
    given: Mapping[str, Any] = field(default_factory=dict)  # arguments that make the client call this very method
    switches: Mapping[str, Any] = field(default_factory=dict)  # of the sandbox, for the same reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One documented event or webhook that comes to us. `play` names how `playing` has the sandbox send it."""

    name: str
    means: str  # what the bridge makes of the document's sample: a class of relay.contract.model, or "answer"
    sample: str  # in `playing.SAMPLES`
    play: str  # in `playing.PLAYS`
    used: str
    test: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Something that a document names and does not describe, so that nobody can build it."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One of them. `client` is the class of `bridges.<kind>.client`."""

    kind: str
    title: str
    client: str
    methods: tuple[Method, ...]
    events: tuple[Event, ...]
    named: tuple[Named, ...] = ()
    folder: str = ""  # below bridges/, where it is not the kind: two roles of one system share one


# --- Insta API ------------------------------------------------------------------------------------------------------

_INSTA_CLIENT = "tests/bridges/insta/test_client.py::"
_INSTA_IN = "tests/bridges/insta/test_inbound.py::"
_INSTA_FAR = "tests/bridges/insta/test_sandbox.py::"
_INSTA = "bridges/insta/__init__.py"

INSTA = Document(
    kind="insta",
    title="Insta API",
    client="InstaClient",
    methods=(
        Method(
            verb="GET",
            path="/TOKEN/getInfo",
            client="get_info",
            used="`doctor`, resuming after 401 and 402, and to notice a token of another account",
            by=(_INSTA,),
            test=_INSTA_CLIENT + "test_get_info",
        ),
        Method(
            verb="POST",
            path="/TOKEN/getInfo",
            client="get_info",
            given={"http_method": "POST"},
            used=SCRIPTS,
            test=_INSTA_CLIENT + "test_get_info",
        ),
        Method(
            verb="POST",
            path="/TOKEN/sendMsg",
            client="send_message",
            used="answers to customers and to comments",
            by=("bridges/insta/outbound.py",),
            call="send_message_request",
            test=_INSTA_CLIENT + "test_send_message",
        ),
        Method(
            verb="GET",
            path="/TOKEN/getUrl",
            client="get_url",
            used=SCRIPTS,
            test=_INSTA_CLIENT + "test_get_url",
        ),
        Method(
            verb="GET",
            path="/TOKEN/getWebHook",
            client="get_webhook",
            used="`provision`: compare before setting",
            by=(_INSTA,),
            test=_INSTA_CLIENT + "test_get_and_set_webhook",
        ),
        Method(
            verb="POST",
            path="/TOKEN/setWebHook",
            client="set_webhook",
            used="`provision`",
            by=(_INSTA,),
            test=_INSTA_CLIENT + "test_get_and_set_webhook",
        ),
    ),
    events=(
        Event(
            name="incomingMessage, text",
            means="Incoming",
            sample="insta/message_text",
            play="insta text",
            used="a customer's message to every desk",
            test=_INSTA_FAR + "test_a_customer_writes_sends_and_comments",
        ),
        Event(
            name="incomingMessage, image",
            means="Incoming",
            sample="insta/message_image",
            play="insta image",
            used="the same, with the picture's address",
            test=_INSTA_IN + "test_the_documents_samples_are_all_there",
        ),
        Event(
            name="incomingMessage, video",
            means="Incoming",
            sample="insta/message_video",
            play="insta video",
            used="the same, with the video's address; its mime type decides, not its type",
            test=_INSTA_IN + "test_the_documents_samples_are_all_there",
        ),
        Event(
            name="incomingComment",
            means="Incoming",
            sample="insta/comment",
            play="insta comment",
            used="a comment to every desk, and what an answer to it names",
            test=_INSTA_FAR + "test_a_comment_is_answered_once_and_with_text_only",
        ),
        Event(
            name="whatsappSuccess, pending",
            means="Report",
            sample="insta/report_pending",
            play="insta pending",
            used="the answer's state: accepted",
            test=_INSTA_FAR + "test_pending_delivered_and_read_when_the_conversation_is_open",
        ),
        Event(
            name="reportActionReceived, delivered",
            means="Report",
            sample="insta/report_delivered",
            play="insta delivered",
            used="the answer's state: delivered",
            test=_INSTA_FAR + "test_pending_delivered_and_read_when_the_conversation_is_open",
        ),
        Event(
            name="reportActionExecuted, read",
            means="Report",
            sample="insta/report_read",
            play="insta read",
            used="the answer's state: read",
            test=_INSTA_FAR + "test_pending_delivered_and_read_when_the_conversation_is_open",
        ),
        Event(
            name="errorActionFail, fail",
            means="Report",
            sample="insta/report_fail",
            play="insta fail",
            used="the answer's state: failed; the desk that wrote it is told",
            test=_INSTA_FAR + "test_accepted_and_then_failed_after_24_hours",
        ),
    ),
)

# --- Operator API ---------------------------------------------------------------------------------------------------

_OP_OUT = "tests/bridges/operator/test_outbound.py::"
_OP_FAR = "tests/bridges/operator/test_sandbox.py::"

OPERATOR = Document(
    kind="operator",
    title="Operator API",
    client="OperatorClient",
    methods=(
        Method(
            verb="POST",
            path="",
            client="message_sent",
            used="customers' words, mirrors and notices to the panel; `message_sent` with `attaches` or `attach`",
            by=("bridges/operator/outbound.py",),
            call="message_sent_request",
            test=_OP_FAR + "test_all_three_ways_of_attaching_arrive",
        ),
    ),
    events=(
        Event(
            name="send message from control panel",
            means="Answer",
            sample="operator/message",
            play="operator message",
            used="an operator's answer, with or without a file, to the customer",
            test=_OP_FAR + "test_an_operators_answer_reaches_the_relay",
        ),
        Event(
            name="get user info from site",
            means="answer",
            sample="operator/user",
            play="operator user",
            used="answered from the contact: id, name, about, custom",
            test=_OP_FAR + "test_the_panel_asks_who_a_new_user_is",
        ),
        Event(
            name="get user private media from site",
            means="answer",
            sample="operator/media",
            play="operator media",
            used="answered with the contact's media as url and big",
            test="tests/bridges/operator/test_answer.py::test_media_golden",
        ),
    ),
)

# --- Team API v3 ----------------------------------------------------------------------------------------------------

_SESSION = "tests/bridges/team/test_sandbox_documented.py::test_the_documented_session"
_CURL = "tests/bridges/team/test_sandbox_documented.py::test_the_documents_curl_command_unmodified"
_PROBING = ("bridges/team/probing.py",)
_PROVISIONING = ("bridges/team/provisioning.py",)
_LOGIN = ("bridges/team/login.py",)


def _team(verb: str, path: str, client: str, used: str = SCRIPTS, by: tuple[str, ...] = (), **more: Any) -> Method:
    return Method(verb=verb, path=path, client=client, used=used, by=by, test=more.pop("test", _SESSION), **more)


TEAM = Document(
    kind="team",
    title="Team API v3",
    client="TeamClient",
    methods=(
        _team("POST", "/api/v3/ping", "post_ping"),
        _team("GET", "/api/v3/ping", "ping", "`doctor`: does the server answer?", _PROBING),
        _team("GET", "/api/v3/time", "time", "`doctor`: is our clock right?", _PROBING),
        _team("GET", "/api/v3/countries", "countries", "`team login`: the default country's code", _LOGIN),
        _team("POST", "/api/v3/sms-login", "sms_login", "`team login`", _LOGIN),
        _team("POST", "/api/v3/sms-auth", "sms_auth", "`team login`", _LOGIN),
        _team("POST", "/api/v3/sms-cookieauth", "sms_cookieauth"),
        _team("GET", "/api/v3/qr-login.png?debug=True", "qr_login"),
        _team(
            "GET",
            "/api/v3/qr-login.png",
            "qr_login_png",
            test="tests/bridges/team/test_set_up.py::test_login_by_qr_code",
        ),
        _team("POST", "/api/v3/qr-auth", "qr_auth", "`team login --qr`", _LOGIN),
        _team("POST", "/api/v3/cookieauth-logout", "cookieauth_logout"),
        _team("GET", "/api/v3/cookieauth-logout", "cookieauth_logout", given={"method": "GET"}),
        _team("GET", "/api/v3/me", "me", "`doctor`: is the token taken?", _PROBING),
        _team("GET", "/api/v3/ui-settings", "ui_settings"),
        _team("PUT", "/api/v3/ui-settings", "put_ui_settings"),
        _team("POST", "/api/v3/devices", "save_device"),
        _team("GET", "/api/v3/devices", "devices"),
        _team("GET", "/api/v3/devices/{device_id}", "device"),
        _team("PUT", "/api/v3/devices/{device_id}", "change_device", given={"name": "ойпадище"}),
        _team("DELETE", "/api/v3/devices/{device_id}", "delete_device"),
        _team("GET", "/api/v3/devices/{device_id}/address-book", "address_book"),
        _team("PUT", "/api/v3/devices/{device_id}/address-book", "put_address_book"),
        _team("POST", "/api/v3/teams", "create_team"),
        _team("GET", "/api/v3/teams", "teams", "`doctor`: is the team one of ours?", _PROBING),
        _team(
            "POST",
            "/api/v3/teams/{team_uid}/integrations",
            "create_integration",
            "`provision`: make the group's integration",
            _PROVISIONING,
            given={"group": SANDBOX_GROUP},
        ),
        _team(
            "GET",
            "/api/v3/teams/{team_uid}/integrations",
            "integrations",
            "`provision`: find ours, read its key; `doctor`: is it switched on?",
            (*_PROVISIONING, *_PROBING),
        ),
        _team("GET", "/api/v3/teams/{team_uid}/integrations/{integration_uid}", "integration"),
        _team(
            "PUT",
            "/api/v3/teams/{team_uid}/integrations/{integration_uid}",
            "change_integration",
            "`provision`: our hook address into the group's integration",
            _PROVISIONING,
            given={"comment": "Тест 123"},
        ),
        _team("DELETE", "/api/v3/teams/{team_uid}/integrations/{integration_uid}", "delete_integration"),
        _team("POST", "/api/v3/teams/{team_uid}/invitations", "create_invitation"),
        _team("GET", "/api/v3/teams/{team_uid}/invitations", "invitations"),
        _team("GET", "/api/v3/teams/{team_uid}/invitations/{token}.png", "invitation_png"),
        _team("GET", "/api/v3/teams/{team_uid}/invitations/{invitaion_uid}", "invitation"),
        _team("DELETE", "/api/v3/teams/{team_uid}/invitations/{invitaion_uid}", "delete_invitation"),
        _team("POST", "/api/v3/teams/join", "join"),
        _team("POST", "/api/v3/teams/{team_uid}/icons", "set_icon"),
        _team("DELETE", "/api/v3/teams/{team_uid}/icons", "delete_icon"),
        _team("GET", "/api/v3/teams/{team_uid}", "team"),
        _team("PUT", "/api/v3/teams/{team_uid}", "change_team"),
        _team("DELETE", "/api/v3/teams/{team_uid}", "delete_team"),
        _team("GET", "/api/v3/teams/{team_uid}/usage", "usage"),
        _team(
            "POST",
            "/api/v3/teams/{team_uid}/ws/{client_event_name}",
            "post",
            "`mode: user`: posts to a person or a group, with our own message_id",
            ("bridges/team/outbound.py",),
            call="updated_request",
        ),
        _team(
            "POST",
            "/api/message",
            "message",
            "customers' words, mirrors and notices to the group",
            ("bridges/team/outbound.py",),
            call="message_request",
            test=_CURL,
        ),
    ),
    events=(
        Event(
            name="the integration's webhook",
            means="Answer",
            sample="team/webhook",
            play="team webhook",
            used="answers (`#42 …`, `@username …`) and commands; anything else stays in the group",
            test="tests/bridges/team/test_inbound.py::test_golden_hook_every_field",
        ),
    ),
    named=tuple(
        Named(name=name, why="sent over the websocket, which the document does not describe")
        for name in (
            "server.uisettings",
            "server.contact.updated",
            "server.team.updated",
            "server.section.updated",
            "server.group.updated",
            "server.team.deleted",
        )
    ),
)

# --- Astrak API -----------------------------------------------------------------------------------------------------

_ASTRAK = "tests/bridges/astrak/"

ASTRAK = Document(
    kind="astrak",
    title="Astrak API v1.0",
    client="AstrakClient",
    methods=(
        Method(
            verb="POST",
            path="/events/callback/start",
            client="start_callback",
            used="`receive: callback`: at start, and to take it back from others",
            by=("bridges/astrak/__init__.py",),
            test=_ASTRAK + "test_receiving.py::test_provisioning_says_what_happened",
        ),
        Method(
            verb="POST",
            path="/events/polling",
            client="poll",
            used="`receive: polling`",
            by=("bridges/astrak/polling.py",),
            test=_ASTRAK + "test_receiving.py::test_polled_events_come_in_order_and_own_messages_are_left_alone",
            switches={"hold_s": 0.1},
        ),
        Method(
            verb="POST",
            path="/users/register",
            client="register",
            used=SCRIPTS,
            test=_ASTRAK + "test_client.py::test_register_confirm_login_check",
        ),
        Method(
            verb="POST",
            path="/users/login",
            client="login",
            used="the account's token, and who we are",
            by=("bridges/astrak/session.py",),
            test=_ASTRAK + "test_sending.py::test_one_login_for_many_answers_and_over_restarts",
        ),
        Method(
            verb="POST",
            path="/users/confirm",
            client="confirm",
            used=SCRIPTS,
            test=_ASTRAK + "test_client.py::test_register_confirm_login_check",
        ),
        Method(
            verb="GET",
            path="/users/check",
            client="check",
            used="`doctor`, and whether a refusal means a dead token",
            by=("bridges/astrak/__init__.py", "bridges/astrak/session.py"),
            test=_ASTRAK + "test_client.py::test_check_by_post_with_get_to_fall_back_on",
            switches={"check_by": "get"},  # public clients use POST; GET, as documented, is what ours falls back on
        ),
        Method(
            verb="POST",
            path="/messages/send",
            client="send",
            used="answers to customers",
            by=("bridges/astrak/outbound.py",),
            call="send_request",
            test=_ASTRAK + "test_client.py::test_send_dialogs_dialog_delete",
        ),
        Method(
            verb="GET",
            path="/messages/dialogs",
            client="dialogs",
            used="what was missed while we were away",
            by=("bridges/astrak/catching_up.py",),
            test=_ASTRAK + "test_receiving.py::test_what_was_written_while_we_were_away_comes_late",
        ),
        Method(
            verb="GET",
            path="/messages/dialog",
            client="dialog",
            used="what was missed while we were away",
            by=("bridges/astrak/catching_up.py",),
            test=_ASTRAK + "test_receiving.py::test_what_was_written_while_we_were_away_comes_late",
        ),
        Method(
            verb="POST",
            path="/messages/delete",
            client="delete",
            used="`/delete #42` takes back what was sent",
            by=("bridges/astrak/outbound.py",),
            call="delete_request",
            test=_ASTRAK + "test_sending.py::test_a_long_answer_arrives_in_order_and_can_be_taken_back",
        ),
    ),
    events=(
        Event(
            name="new_message",
            means="Incoming",
            sample="astrak/new_message",
            play="astrak new_message",
            used="a customer's message to every desk",
            test=_ASTRAK + "test_receiving.py::test_a_customers_message_by_callback",
        ),
        Event(
            name="callback_deprecated",
            means="AccountWarning",
            sample="astrak/callback_deprecated",
            play="astrak callback_deprecated",
            used="somebody else took the callback: it is said, and taken back at most once a minute",
            test=_ASTRAK + "test_receiving.py::test_a_taken_callback_is_told_and_taken_back_at_most_once_a_minute",
        ),
    ),
)

# --- generic webhooks ------------------------------------------------------------------------------------------------

_WEBHOOK_FAR = "tests/bridges/webhook/test_sandbox.py::"
_WEBHOOK_IN = "tests/bridges/webhook/test_inbound.py::"


def _post_event(used: str) -> tuple[Method, ...]:
    return (
        Method(
            verb="POST",
            path="",
            client="post_event",
            used=used,
            by=("bridges/webhook/outbound.py",),
            call="event_request",
            test=_WEBHOOK_FAR + "test_there_and_back_and_what_became_of_it",
        ),
    )


WEBHOOK = Document(
    kind="webhook",
    folder="webhook",
    title="Standard Webhooks, as a channel",
    client="WebhookClient",
    methods=_post_event("answers to customers, and taking them back: `message.created`, `message.deleted`"),
    events=(
        Event(
            name="message.created",
            means="Incoming",
            sample="webhook/message",
            play="webhook message",
            used="a customer's message to every desk",
            test=_WEBHOOK_IN + "test_golden_message_of_a_customer",
        ),
        Event(
            name="message.status",
            means="Report",
            sample="webhook/status",
            play="webhook status",
            used="the answer's state",
            test=_WEBHOOK_FAR + "test_there_and_back_and_what_became_of_it",
        ),
        Event(
            name="a simple message, unsigned",
            means="Incoming",
            sample="webhook/simple",
            play="webhook simple",
            used="a customer's message from a script, by bearer token or secret address",
            test=_WEBHOOK_FAR + "test_a_simple_message_goes_to_the_secret_address",
        ),
    ),
)

WEBHOOK_DESK = Document(
    kind="webhook_desk",
    folder="webhook",
    title="Standard Webhooks, as a desk",
    client="WebhookClient",
    methods=_post_event("customers' words, mirrors and notices: `message.created`, `notice.created`"),
    events=(
        Event(
            name="message.created",
            means="Answer",
            sample="webhook_desk/answer",
            play="webhook answer",
            used="an answer to a customer",
            test=_WEBHOOK_IN + "test_golden_answer_of_a_desk",
        ),
        Event(
            name="conversation.closed",
            means="Command",
            sample="webhook_desk/closed",
            play="webhook closed",
            used="closes the conversation",
            test=_WEBHOOK_FAR + "test_a_desk_answers_and_closes",
        ),
    ),
)

# --- Telegram Bot API -------------------------------------------------------------------------------------------------

_TELEGRAM_FAR = "tests/bridges/telegram/test_sandbox.py::"
_TELEGRAM_IN = "tests/bridges/telegram/test_inbound.py::"
_TELEGRAM = ("bridges/telegram/__init__.py",)
_SENT = _TELEGRAM_FAR + "test_what_is_sent_and_taken_back"
_PROVISIONED = _TELEGRAM_FAR + "test_the_hook_is_set_and_taken_away"


def _telegram(name: str, client: str, used: str, test: str, **more: Any) -> Method:
    return Method(verb="POST", path=f"/botTOKEN/{name}", client=client, used=used, test=test, **more)


_TELEGRAM_METHODS = (
    _telegram("getMe", "get_me", "`doctor`, and to notice a token of another bot", _PROVISIONED, by=_TELEGRAM),
    _telegram("getWebhookInfo", "get_webhook_info", "`provision`: compare before setting", _PROVISIONED, by=_TELEGRAM),
    _telegram("setWebhook", "set_webhook", "`provision`, `receive: webhook`", _PROVISIONED, by=_TELEGRAM),
    _telegram("deleteWebhook", "delete_webhook", "`provision`, `receive: polling`", _PROVISIONED, by=_TELEGRAM),
    _telegram("sendMessage", "send_message", "answers; customers' words, mirrors and notices in the group", _SENT),
    _telegram("deleteMessage", "delete_message", SCRIPTS, _SENT),
    _telegram("getChat", "get_chat", "`doctor`: is the group there?", _TELEGRAM_FAR + "test_doctor", by=_TELEGRAM),
)

TELEGRAM = Document(
    kind="telegram",
    folder="telegram",
    title="Telegram Bot API, as a channel",
    client="TelegramClient",
    methods=_TELEGRAM_METHODS,
    events=(
        Event(
            name="message in a private chat",
            means="Incoming",
            sample="telegram/message",
            play="telegram message",
            used="a customer's message to every desk; a file by its kind's name",
            test=_TELEGRAM_IN + "test_golden_message_of_a_customer",
        ),
    ),
)

TELEGRAM_DESK = Document(
    kind="telegram_desk",
    folder="telegram",
    title="Telegram Bot API, as a desk",
    client="TelegramClient",
    methods=_TELEGRAM_METHODS,
    events=(
        Event(
            name="message in the group",
            means="Answer",
            sample="telegram_desk/answer",
            play="telegram answer",
            used="answers (`#42 …`) and commands; anything else stays in the group",
            test=_TELEGRAM_IN + "test_what_is_said_in_the_group",
        ),
    ),
)

DOCUMENTS = (INSTA, OPERATOR, TEAM, ASTRAK, WEBHOOK, WEBHOOK_DESK, TELEGRAM, TELEGRAM_DESK)
