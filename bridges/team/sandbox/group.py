"""The groups of the sandbox: posts with a key, colleagues who write, and the webhooks that tell the relay."""

from __future__ import annotations

import json
from typing import Any, Literal
from uuid import UUID

from aiohttp import web
from pydantic import Field

from bridges.sandbox_kit import ActionError, ActionModel, HookCall
from bridges.team.sandbox.answers import No, read_fields
from bridges.team.sandbox.server import TeamServer
from bridges.team.sandbox.shapes import display_name
from bridges.team.sandbox.world import Integration, Member, Message, Team, stamp
from bridges.team.settings import split_keys

SHOWN_PER_CHAT = 300
TRUE = frozenset({"1", "true", "on", "yes"})

Encoding = Literal["urlencoded", "multipart", "json", "json_without_type"]


def uuid_of(text: str) -> str:
    """A UUID in its usual form. Raises No: ids that a client chooses must be UUIDs (FACTS 1.3)."""
    try:
        return str(UUID(text))
    except ValueError:
        raise No("INVALID_DATA", "message_id must be a UUID.", details={"message_id": "no UUID"}) from None


# --- what a person or a script can do on the page ---------------------------------------------------------------------


class Say(ActionModel):
    """A colleague writes. `as` is a jid, a name's beginning or ""; `chat` a jid or "" for the first group."""

    text: str = Field(min_length=1, max_length=200_000)
    sender: str = ""
    chat: str = ""


class AddPerson(ActionModel):
    name: str = Field(min_length=1, max_length=100)
    phone: str = Field("", max_length=40)


class SetIntegration(ActionModel):
    uid: str
    enabled: bool | None = None
    webhook_url: str | None = Field(None, max_length=2000)


class WhichIntegration(ActionModel):
    uid: str


class AddIntegration(ActionModel):
    chat: str = ""
    webhook_url: str = Field("", max_length=2000)


class Repeat(ActionModel):
    """The webhook of an earlier message once more, unchanged."""

    message_id: str


class RawHook(ActionModel):
    """Any webhook at all: wrong keys, missing and extra fields, other encodings."""

    fields: dict[str, str] = Field(default_factory=dict)
    key: str | None = None  # None: the integration's own; "": none
    encoding: Encoding = "urlencoded"
    body: str | None = None  # instead of the fields, as it is
    content_type: str = ""


class GroupChat:
    def __init__(self, server: TeamServer) -> None:
        self.server = server
        self.kit = server.kit
        self.world = server.world
        action = self.kit.action
        action("say", Say, self.say)
        action("add_person", AddPerson, self.add_person)
        action("set_integration", SetIntegration, self.set_integration)
        action("delete_integration", WhichIntegration, self.delete_integration)
        action("add_integration", AddIntegration, self.add_integration)
        action("repeat", Repeat, self.repeat)
        action("raw_hook", RawHook, self.raw_hook)

    # /api/message

    async def api_message(self, request: web.Request) -> Any:
        """POST /api/message: `key` (several, separated by commas), `message`, and what FACTS 1.8 adds."""
        fields = await read_fields(request)
        keys = split_keys(fields.get("key", ""))
        if not keys:
            raise No("EMPTY_TOKEN", "key is required")
        targets = [self._target(key) for key in keys]  # all of them before anything is posted
        text = fields.get("message", "")
        if fields.get("convert_linebreaks", "").lower() in TRUE:
            text = text.replace("\\n", "\n")
        if not text.strip():
            raise No("INVALID_DATA", "message is required", details={"message": "required"})
        if len(text) > self.server.switches.max_message_length:
            raise No("INVALID_DATA", "message is too long", details={"message": "too long"})
        message_id = uuid_of(fields["message_id"]) if fields.get("message_id") else ""
        for team, one in targets:
            if message_id and message_id in self.world.by_id:
                continue  # an id that was used names a message that is there already
            self.post(
                team,
                one.group,
                text,
                sender=f"d-{one.uid}",
                sender_name=one.comment or "API/Webhook",
                by="integration",
                message_id=message_id,
                important=fields.get("important", "").lower() in TRUE,
                silently=fields.get("silently", "").lower() in TRUE,
            )
        switches = self.server.switches
        if switches.lost_answers > 0:
            self.kit.change_switches({"lost_answers": switches.lost_answers - 1})
            return self.server.lost_answer()
        return None

    def _target(self, key: str) -> tuple[Team, Integration]:
        found = self.world.integration_of(key)
        if found is None:
            raise No("INVALID_TOKEN", "Unknown key: there is no such integration.")
        if not found[1].enabled:
            raise No("ACCESS_DENIED", "The integration of this key is switched off.")
        return found

    # messages

    def post(self, team: Team, chat: str, text: str, **fields: Any) -> Message:
        """A new message in a group or to a person; pages and webhooks hear of it. `\\r` is dropped (FACTS 1.9)."""
        chat_type = "group" if chat.startswith("g-") else "direct"
        message = self.world.add_message(
            team=team.uid, chat=chat, chat_type=chat_type, text=text.replace("\r", ""), **fields
        )
        self.kit.hub.publish("message", shown(message))
        if message.by != "integration" or self.server.switches.echo:
            self.tell(team, message)
        return message

    def changed(self, message: Message) -> None:
        """An edit or a deletion: pages hear of it, webhooks do not (FACTS 1.8)."""
        self.kit.hub.publish("message", shown(message))

    def tell(self, team: Team, message: Message) -> None:
        """The webhooks of the message's group."""
        group = team.groups.get(message.chat)
        if group is None:
            return
        fields = {
            "chat": message.chat,
            "chat_display_name": group.display_name,
            "created": stamp(message.created),
            "sender": message.sender,
            "sender_display_name": message.sender_name,
            "text": message.text,
        }
        switches = self.server.switches
        if switches.extra_field:
            fields["new_in_some_release"] = "1"
        for one in team.integrations.values():
            if one.group == message.chat and one.enabled and one.webhook_url:
                for _ in range(2 if switches.twice else 1):
                    self.kit.hooks.send(
                        self.hook(
                            one,
                            fields,
                            label=" ".join(message.text.split())[:60] or "(no text)",
                            lane=one.uid if switches.in_order else "",
                        )
                    )

    def hook(self, one: Integration, fields: dict[str, str], *, label: str, lane: str = "") -> HookCall:
        return hook_call(one.webhook_url, one.key, fields, self.server.switches.encoding, label=label, lane=lane)

    # the page's actions

    async def say(self, act: Say) -> dict[str, Any]:
        team, chat = self._chat(act.chat)
        member = self._sender(team, act.sender)
        message = self.post(team, chat, act.text, sender=member.jid, sender_name=display_name(member.user))
        return shown(message)

    def _chat(self, jid: str) -> tuple[Team, str]:
        team = next(iter(self.world.teams.values()))
        chat = jid or next(iter(team.groups))
        if chat not in team.groups and team.member_of(chat) is None:
            raise ActionError("There is no such chat.")
        return team, chat

    def _sender(self, team: Team, sender: str) -> Member:
        for member in team.members.values():
            if sender in ("", member.jid) or display_name(member.user).casefold().startswith(sender.casefold()):
                return member
        raise ActionError("There is no such colleague.")

    async def add_person(self, act: AddPerson) -> dict[str, Any]:
        team = next(iter(self.world.teams.values()))
        if len(team.members) >= 200:
            raise ActionError("That is enough people for a demo.")
        phone = act.phone or f"+7999{self.world.ids.number(7)}"
        if phone in team.members:
            raise ActionError("Somebody with this phone is here already.")
        user = self.world.user(phone)
        user.given_name, _, user.family_name = " ".join(act.name.split()).partition(" ")
        member = self.world.join(team, user)
        self.set_up_changed()
        return {"jid": member.jid, "phone": phone}

    async def set_integration(self, act: SetIntegration) -> dict[str, Any]:
        one = self._integration(act.uid)[1]
        if act.enabled is not None:
            one.enabled = act.enabled
        if act.webhook_url is not None:
            one.webhook_url = act.webhook_url.strip()
        self.set_up_changed()
        return integration_shown(one)

    async def delete_integration(self, act: WhichIntegration) -> dict[str, Any]:
        team, one = self._integration(act.uid)
        del team.integrations[one.uid]
        self.set_up_changed()
        return {"ok": True}

    async def add_integration(self, act: AddIntegration) -> dict[str, Any]:
        team, chat = self._chat(act.chat)
        if chat not in team.groups:
            raise ActionError("An integration belongs to a group.")
        hook = act.webhook_url.strip() or self.kit.hook()
        one = self.world.new_integration(team, chat, comment="Webhook relay", webhook_url=hook)
        self.set_up_changed()
        return integration_shown(one)

    def _integration(self, uid: str) -> tuple[Team, Integration]:
        for team in self.world.teams.values():
            if uid in team.integrations:
                return team, team.integrations[uid]
        raise ActionError("There is no such integration.")

    async def repeat(self, act: Repeat) -> dict[str, Any]:
        message = self.world.by_id.get(act.message_id)
        if message is None:
            raise ActionError("There is no such message any more.")
        self.tell(self.world.teams[message.team], message)
        return {"ok": True}

    async def raw_hook(self, act: RawHook) -> dict[str, Any]:
        """One try, with the answer."""
        team = next(iter(self.world.teams.values()))
        key = act.key if act.key is not None else next((one.key for one in team.integrations.values()), "")
        call = hook_call(self.kit.hook(), key, act.fields, act.encoding, label="by hand")
        if act.body is not None:
            call = HookCall(
                url=call.url,
                label=call.label,
                headers=call.headers,
                raw=act.body.encode("utf-8", "replace"),
                content_type=act.content_type or "application/octet-stream",
            )
        answer = await self.kit.hooks.ask(call)
        return {"status": answer.status, "body": answer.words}

    # state

    def set_up_changed(self) -> None:
        """Pages draw people, integrations and logins anew."""
        self.kit.hub.publish("setup", self.set_up())

    def set_up(self) -> dict[str, Any]:
        team = next(iter(self.world.teams.values()))
        now = self.world.now()
        return {
            "team": {"uid": team.uid, "name": team.name},
            "groups": [{"jid": group.jid, "name": group.display_name} for group in team.groups.values()],
            "people": [
                {"jid": one.jid, "name": display_name(one.user), "phone": one.user.phone, "status": one.status}
                for one in team.members.values()
            ],
            "integrations": [integration_shown(one) for one in team.integrations.values()],
            "sms": [
                {"phone": code.phone, "code": code.code, "until": stamp(code.until)}
                for code in list(self.world.sms.values())[-20:]
                if code.until > now and code.tries_left > 0
            ],
            "qr": [
                {"token": code.token, "until": stamp(code.until)}
                for code in list(self.world.qr.values())[-20:]
                if code.until > now
            ],
            "invitations": [{"uid": one.uid, "token": one.token} for one in list(team.invitations.values())[-20:]],
        }

    def state(self, for_page: bool) -> dict[str, Any]:
        last = SHOWN_PER_CHAT if for_page else 10**9
        value = self.set_up() | {
            "messages": [shown(message) for chat in list(self.world.chats.values()) for message in list(chat)[-last:]],
        }
        if not for_page:
            value["users"] = [
                {"phone": user.phone, "devices": list(user.devices), "ui_settings": user.ui_settings}
                for user in self.world.users.values()
            ]
            value["tokens"] = len(self.world.tokens)
        return value


def integration_shown(one: Integration) -> dict[str, Any]:
    return {
        "uid": one.uid,
        "key": one.key,
        "group": one.group,
        "enabled": one.enabled,
        "webhook_url": one.webhook_url,
        "comment": one.comment,
    }


def shown(message: Message) -> dict[str, Any]:
    """A message for the page and for tests."""
    return {
        "id": message.message_id,
        "chat": message.chat,
        "sender": message.sender,
        "name": message.sender_name,
        "by": message.by,
        "text": "" if message.deleted else message.text,
        "at": stamp(message.created),
        "edited": message.edited,
        "deleted": message.deleted,
        "important": message.important,
        "silently": message.silently,
    }


def hook_call(
    url: str, key: str, fields: dict[str, str], encoding: Encoding, *, label: str, lane: str = ""
) -> HookCall:
    """A webhook as the server sends it: header `key`, body encoded as the switch says (FACTS 1.8)."""
    headers = (("key", key),) if key else ()
    if encoding in ("json", "json_without_type"):
        # aiohttp would add a Content-Type of its own; a meaningless one stands for none.
        kind = "application/json" if encoding == "json" else "application/octet-stream"
        body = json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")
        return HookCall(url=url, label=label, headers=headers, raw=body, content_type=kind, lane=lane)
    return HookCall(
        url=url,
        label=label,
        headers=headers,
        form=tuple(fields.items()),
        multipart=encoding == "multipart",
        lane=lane,
    )
