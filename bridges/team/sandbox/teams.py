"""Teams, integrations, invitations, icons, usage and events over HTTP (Team API v3), and the groups of v4."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from aiohttp import web

from bridges.team.phone import BadPhone, normalise_phone
from bridges.team.sandbox.answers import No, flag_of, read_object, text_of
from bridges.team.sandbox.group import GroupChat, uuid_of
from bridges.team.sandbox.pictures import make_icons, qr_png
from bridges.team.sandbox.server import TeamServer
from bridges.team.sandbox.shapes import (
    STATUSES,
    display_name,
    integration_json,
    invitation_json,
    is_admin,
    kinds_json,
    message_json,
    team_icons,
    team_json,
    usage_json,
)
from bridges.team.sandbox.world import UPDATE_AGE_S, Integration, Invitation, Member, Team, remember

CONTACTS_PER_TEAM = 1000
KINDS = ("raw", "sentry", "bitbucket")
SILENT_EVENTS = frozenset({"client.ping", "client.chat.composing", "client.chat.lastread", "client.confirm"})

AsMember = Callable[[web.Request, Team, Member], Awaitable[Any]]


class TeamMethods:
    def __init__(self, server: TeamServer, group: GroupChat) -> None:
        self.server = server
        self.group = group
        self.world = server.world
        server.route("POST", "/api/v3/teams", self.post_team)
        server.route("GET", "/api/v3/teams", self.get_teams)
        server.route("POST", "/api/v3/teams/join", self.join)
        for method, path, handler in (
            ("GET", "", self.get_team),
            ("PUT", "", self.put_team),
            ("DELETE", "", self.delete_team),
            ("POST", "/integrations", self.post_integration),
            ("GET", "/integrations", self.get_integrations),
            ("GET", "/integrations/{uid}", self.get_integration),
            ("PUT", "/integrations/{uid}", self.put_integration),
            ("DELETE", "/integrations/{uid}", self.delete_integration),
            ("POST", "/invitations", self.post_invitation),
            ("GET", "/invitations", self.get_invitations),
            ("GET", "/invitations/{token}.png", self.get_invitation_png),
            ("GET", "/invitations/{uid}", self.get_invitation),
            ("DELETE", "/invitations/{uid}", self.delete_invitation),
            ("POST", "/icons", self.post_icon),
            ("DELETE", "/icons", self.delete_icon),
            ("GET", "/usage", self.get_usage),
            ("POST", "/ws/{event}", self.post_event),
        ):
            server.route(method, "/api/v3/teams/{team_uid}" + path, self.as_member(handler))
        server.route("GET", "/api/v4/teams/{team_uid}/groups", self.as_member(self.get_groups))

    def as_member(self, handler: AsMember) -> Callable[[web.Request], Awaitable[Any]]:
        async def call(request: web.Request) -> Any:
            user = self.server.user_of(request)
            try:
                uid = str(UUID(request.match_info["team_uid"]))
            except ValueError:
                raise No("NOT_FOUND", "There is no such team.") from None
            team = self.world.teams.get(uid)
            if team is None:
                raise No("NOT_FOUND", "There is no such team.")
            member = team.members.get(user.phone)
            if member is None:
                raise No("ACCESS_DENIED", "This is not one of your teams.")
            if team.is_archive and request.method != "GET":
                raise No("ACCESS_DENIED", "This team was deleted.")
            return await handler(request, team, member)

        return call

    # teams

    async def post_team(self, request: web.Request) -> Any:
        user = self.server.user_of(request)
        body = await read_object(request)
        name = text_of(body, "name", required=True, limit=200)
        contacts = body.get("contacts") or []
        if not isinstance(contacts, list) or len(contacts) > CONTACTS_PER_TEAM:
            raise No("INVALID_DATA", "contacts must be a list.", details={"contacts": "bad value"})
        wanted = [self._contact(one) for one in contacts]  # all of them before anything is made
        team = self.world.new_team(name)
        for fields in wanted:
            other = self.world.user(fields["phone"])
            other.given_name = other.given_name or fields["given_name"]
            other.family_name = other.family_name or fields["family_name"]
            if other is not user:
                self.world.join(team, other, status=fields["status"], role=fields["role"])
        return team_json(self.server.base_url, team, self.world.join(team, user, status="owner"), with_contacts=True)

    def _contact(self, contact: Any) -> dict[str, str]:
        if not isinstance(contact, dict):
            raise No("INVALID_DATA", "A contact must be an object.", details={"contacts": "bad value"})
        fields = {name: text_of(contact, name, limit=200) for name in ("given_name", "family_name", "role", "status")}
        fields["status"] = fields["status"] or "member"
        if fields["status"] not in STATUSES:
            raise No("INVALID_DATA", f"status must be one of {', '.join(STATUSES)}.", details={"status": "unknown"})
        try:
            fields["phone"] = normalise_phone(text_of(contact, "phone", required=True, limit=60))
        except BadPhone as e:
            raise No("INVALID_DATA", str(e), details={"phone": str(e)}) from None
        return fields

    async def get_teams(self, request: web.Request) -> Any:
        user = self.server.user_of(request)
        return [team_json(self.server.base_url, team, team.members[user.phone]) for team in self.world.teams_of(user)]

    async def get_team(self, _: web.Request, team: Team, member: Member) -> Any:
        return team_json(self.server.base_url, team, member)

    async def put_team(self, request: web.Request, team: Team, member: Member) -> Any:
        need_admin(member)
        team.name = text_of(await read_object(request), "name", required=True, limit=200)
        self.group.set_up_changed()
        return team_json(self.server.base_url, team, member)

    async def delete_team(self, _: web.Request, team: Team, member: Member) -> Any:
        """Nothing is deleted: the team becomes an archive (FACTS 1.3)."""
        if member.status != "owner":
            raise No("ACCESS_DENIED", "Only its owner may delete a team.")
        team.is_archive = True
        return team_json(self.server.base_url, team, member)

    async def get_usage(self, _: web.Request, team: Team, member: Member) -> Any:
        return usage_json(self.world, team)

    async def get_groups(self, _: web.Request, team: Team, member: Member) -> Any:
        """FACTS 1.6: the array of a team's groups, as far as the relay reads it."""
        return [
            {"jid": group.jid, "chat_type": "group", "display_name": group.display_name}
            for group in team.groups.values()
        ]

    # integrations

    async def post_integration(self, request: web.Request, team: Team, member: Member) -> Any:
        need_admin(member)
        body = await read_object(request)
        kind = text_of(body, "kind", required=True, limit=40)
        if kind not in KINDS:
            raise No("INVALID_DATA", f"kind must be one of {', '.join(KINDS)}.", details={"kind": "unknown"})
        fields: dict[str, Any] = {
            "comment": text_of(body, "comment", limit=200),
            "enabled": flag_of(body, "enabled", True),
            "webhook_url": hook_of(body),
        }
        one = self.world.new_integration(team, group_of(team, body), kind=kind, **fields)
        self.group.set_up_changed()
        return integration_json(self.server.base_url, one)

    async def get_integrations(self, _: web.Request, team: Team, member: Member) -> Any:
        need_admin(member)
        return {
            "integrations": [integration_json(self.server.base_url, one) for one in team.integrations.values()],
            "kinds": kinds_json(),
        }

    async def get_integration(self, request: web.Request, team: Team, member: Member) -> Any:
        need_admin(member)
        return integration_json(self.server.base_url, integration_of(request, team))

    async def put_integration(self, request: web.Request, team: Team, member: Member) -> Any:
        """The named fields only; the webhook's address flat, or as `form` shows it (FACTS 1.8)."""
        need_admin(member)
        one = integration_of(request, team)
        body = await read_object(request)
        changes = {
            "comment": text_of(body, "comment", limit=200) if "comment" in body else one.comment,
            "group": group_of(team, body) if "group" in body else one.group,
            "webhook_url": hook_of(body) if "webhook_url" in body or "form" in body else one.webhook_url,
            "enabled": flag_of(body, "enabled", one.enabled),
        }
        for name, value in changes.items():
            setattr(one, name, value)
        self.group.set_up_changed()
        return integration_json(self.server.base_url, one)

    async def delete_integration(self, request: web.Request, team: Team, member: Member) -> Any:
        need_admin(member)
        del team.integrations[integration_of(request, team).uid]
        self.group.set_up_changed()

    # invitations

    async def post_invitation(self, request: web.Request, team: Team, member: Member) -> Any:
        need_admin(member)
        await read_object(request)
        one = Invitation(self.world.ids.uuid(), self.world.secret(27), self.world.now())
        remember(team.invitations, one.uid, one)
        self.group.set_up_changed()
        return invitation_json(self.server.base_url, team, one)

    async def get_invitations(self, _: web.Request, team: Team, member: Member) -> Any:
        need_admin(member)
        return [invitation_json(self.server.base_url, team, one) for one in team.invitations.values()]

    async def get_invitation(self, request: web.Request, team: Team, member: Member) -> Any:
        need_admin(member)
        return invitation_json(self.server.base_url, team, invitation_of(request, team))

    async def delete_invitation(self, request: web.Request, team: Team, member: Member) -> Any:
        need_admin(member)
        del team.invitations[invitation_of(request, team).uid]
        self.group.set_up_changed()

    async def get_invitation_png(self, request: web.Request, team: Team, member: Member) -> Any:
        token = request.match_info["token"]
        if not any(one.token == token for one in team.invitations.values()):
            raise No("NOT_FOUND", "There is no such invitation.")
        host = urlsplit(self.server.base_url).netloc
        return web.Response(body=qr_png(f"otv://qr-join/{host}/{token}"), content_type="image/png")

    async def join(self, request: web.Request) -> Any:
        user = self.server.user_of(request)
        token = text_of(await read_object(request), "token", required=True, limit=100)
        for team in self.world.teams.values():
            if not team.is_archive and any(one.token == token for one in team.invitations.values()):
                member = self.world.join(team, user, invited=True)
                self.group.set_up_changed()
                return team_json(self.server.base_url, team, member)
        raise No("INVALID_DATA", "This invitation is not valid any more.", details={"token": "unknown"})

    # icons

    async def post_icon(self, request: web.Request, team: Team, member: Member) -> Any:
        need_admin(member)
        if request.content_type != "multipart/form-data":
            raise No("INVALID_DATA", "Send multipart/form-data.", details={"file": "required"})
        try:
            file = (await request.post()).get("file")
        except ValueError:
            raise No("INVALID_DATA", "The multipart body cannot be read.") from None
        if not isinstance(file, web.FileField):
            raise No("INVALID_DATA", "The field `file` is missing.", details={"file": "required"})
        body = file.file.read()
        team.picture = await asyncio.to_thread(make_icons, body)
        self.world.note_upload(team, len(body))
        return team_icons(self.server.base_url, team)

    async def delete_icon(self, _: web.Request, team: Team, member: Member) -> Any:
        need_admin(member)
        team.picture = None
        return team_icons(self.server.base_url, team)

    # events

    async def post_event(self, request: web.Request, team: Team, member: Member) -> Any:
        event = request.match_info["event"]
        body = await read_object(request)
        if event == "client.message.updated":
            return self._message_updated(team, member, body)
        if event == "client.message.deleted":
            return self._message_deleted(team, member, body)
        if event in SILENT_EVENTS:
            return None
        raise No("INVALID_METHOD", f"unknown event: {event}")

    def _message_updated(self, team: Team, member: Member, body: dict[str, Any]) -> dict[str, Any]:
        """A new message, or with the id of one's own message an edit of it (FACTS 1.3, 1.4)."""
        content = body.get("content")
        if not isinstance(content, dict):
            raise No("INVALID_DATA", "content: is required", details={"content": "required"})
        limit = self.server.switches.max_message_length
        text = text_of(content, "text", required=True, limit=limit)
        if content.get("type", "plain") != "plain":
            raise No("INVALID_DATA", "Only plain messages can be sent.", details={"content.type": "unknown"})
        message_id = uuid_of(text_of(body, "message_id", limit=100)) if body.get("message_id") else ""
        to = text_of(body, "to", required=True, limit=100)
        if not re.fullmatch(r"[dg]-[0-9a-fA-F-]{36}", to) or (to not in team.groups and team.member_of(to) is None):
            raise No("NOT_FOUND", "There is no such chat in this team.")
        known = self.world.by_id.get(message_id)
        if known is not None:
            if known.sender != member.jid or known.chat != to:
                raise No("ACCESS_DENIED", "This message is somebody else's.")
            if known.text != text:
                if self.world.now() > known.created + UPDATE_AGE_S:
                    raise No("ACCESS_DENIED", "This message is too old to be changed.")
                known.text, known.edited = text, True
                self.group.changed(known)
            return message_json(known)
        message = self.group.post(
            team, to, text, sender=member.jid, sender_name=display_name(member.user), by="api", message_id=message_id
        )
        return message_json(message)

    def _message_deleted(self, team: Team, member: Member, body: dict[str, Any]) -> dict[str, Any]:
        message = self.world.by_id.get(text_of(body, "message_id", required=True, limit=100))
        if message is None or message.team != team.uid:
            raise No("NOT_FOUND", "There is no such message.")
        if message.sender != member.jid and not is_admin(member):
            raise No("ACCESS_DENIED", "This message is somebody else's.")
        message.deleted = True
        self.group.changed(message)
        return message_json(message)


def need_admin(member: Member) -> None:
    if not is_admin(member):
        raise No("ACCESS_DENIED", "Only admins of the team may do this.")


def group_of(team: Team, body: dict[str, Any]) -> str:
    jid = text_of(body, "group", required=True, limit=100)
    if jid not in team.groups:
        raise No("INVALID_DATA", "There is no such group in this team.", details={"group": "unknown"})
    return jid


def hook_of(body: dict[str, Any]) -> str:
    """`webhook_url`, flat or inside `form`. Raises No for what is no address."""
    form = body.get("form")
    inner = form.get("webhook_url") if isinstance(form, dict) else None
    if "webhook_url" not in body and isinstance(inner, dict):
        body = {"webhook_url": inner.get("value", "")}
    elif "webhook_url" not in body and isinstance(inner, str):
        body = {"webhook_url": inner}
    url = text_of(body, "webhook_url", limit=2000).strip()
    if url and urlsplit(url).scheme not in ("http", "https"):
        raise No("INVALID_DATA", "The webhook must be an http address.", details={"webhook_url": "no address"})
    return url


def integration_of(request: web.Request, team: Team) -> Integration:
    one = team.integrations.get(request.match_info["uid"])
    if one is None:
        raise No("NOT_FOUND", "There is no such integration.")
    return one


def invitation_of(request: web.Request, team: Team) -> Invitation:
    one = team.invitations.get(request.match_info["uid"])
    if one is None:
        raise No("NOT_FOUND", "There is no such invitation.")
    return one
