"""The sandbox's objects in the documented shapes: every function's answer has the keys of the document's example."""

from __future__ import annotations

import hashlib
import html
from typing import Any
from urllib.parse import quote

from bridges.team.sandbox.world import (
    UPDATE_AGE_S,
    UPLOADS_LIMIT,
    Device,
    Integration,
    Invitation,
    Member,
    Message,
    Team,
    User,
    World,
    stamp,
)

STATUSES = ["guest", "member", "admin", "owner"]
_OWN_FIELDS = [
    "add_to_team_rights",
    "alt_send",
    "contact_email",
    "contact_mshort_view",
    "contact_phone",
    "contact_short_view",
    "contact_show_archived",
    "debug_show_activity",
    "default_lang",
    "family_name",
    "given_name",
    "group_mshort_view",
    "group_notifications_enabled",
    "group_short_view",
    "icons",
    "phone",
    "role",
    "section",
    "sections",
    "status",
    "task_mshort_view",
    "task_notifications_enabled",
    "task_short_view",
    "unread_first",
]
_ADMIN_ONLY = {"add_to_team_rights", "section", "sections", "status"}
_OTHERS_FIELDS = [
    "add_to_team_rights",
    "contact_email",
    "contact_phone",
    "role",
    "section",
    "sections",
    "status",
]
_KINDS = (("sentry", "Sentry"), ("bitbucket", "Bitbucket"), ("raw", "API/Webhook"))


def is_admin(member: Member) -> bool:
    return member.status in ("admin", "owner")


def shown_phone(phone: str) -> str:
    """`+79166660002` -> `+7 (916) 666-0002`; others as they are."""
    if len(phone) == 12 and phone.startswith("+7"):
        return f"+7 ({phone[2:5]}) {phone[5:8]}-{phone[8:]}"
    return phone


def display_name(user: User) -> str:
    return " ".join(part for part in (user.given_name, user.family_name) if part) or shown_phone(user.phone)


def stub_letters(name: str, phone: str = "") -> str:
    """What a picture made by the server shows: first letters of a name, last digits of a phone."""
    words = name.split()
    if name.startswith("+") or not words:
        return phone[-2:] or "?"
    return "".join(word[0] for word in words[:2])


def stub_icons(base_url: str, name: str, phone: str = "") -> dict[str, Any]:
    """facts: `/u/{colour}/{letters}/256.png`."""
    colour = hashlib.sha256(name.encode()).hexdigest()[:6]
    return {"stub": f"{base_url}/u/{colour}/{quote(stub_letters(name, phone), safe='')}/256.png"}


def team_icons(base_url: str, team: Team) -> dict[str, Any]:
    if team.picture is None:
        return stub_icons(base_url, team.name)
    (_, width, height), (_, small_width, small_height) = team.picture.large, team.picture.small
    at = f"{base_url}/u/{team.picture.name}/p"
    return {
        "lg": {"height": height, "url": f"{at}/1x.jpg", "width": width},
        "sm": {"height": small_height, "url": f"{at}/256.jpg", "width": small_width},
    }


def device_json(device: Device) -> dict[str, Any]:
    return {
        "allowed_notifications": device.allowed_notifications,
        "data_pushes": device.data_pushes,
        "device_id": device.device_id,
        "name": device.name,
        "notification_token": device.notification_token,
        "type": device.type,
        "voip_notification_token": device.voip_notification_token,
    }


def me_json(world: World, base_url: str, user: User) -> dict[str, Any]:
    return {
        "alt_send": False,
        "default_lang": None,
        "devices": [device_json(device) for device in user.devices.values()],
        "email": None,
        "phone": user.phone,
        "teams": [team_json(base_url, team, team.members[user.phone]) for team in world.teams_of(user)],
        "unread_first": False,
    }


def contact_json(base_url: str, member: Member) -> dict[str, Any]:
    """A team's member as an admin of the team sees them."""
    name = display_name(member.user)
    return {
        "can_add_to_group": True,
        "can_call": True,
        "can_create_task": True,
        "can_delete": True,
        "can_send_message": True,
        "changeable_fields": list(_OTHERS_FIELDS),
        "contact_email": "",
        "contact_phone": member.user.phone,
        "display_name": name,
        "icons": stub_icons(base_url, name, member.user.phone),
        "jid": member.jid,
        "last_activity": None,
        "role": member.role,
        "sections": [],
        "status": member.status,
    }


def own_contact_json(base_url: str, member: Member) -> dict[str, Any]:
    """A team's member as they see themselves."""
    user = member.user
    name = display_name(user)
    fields = [field for field in _OWN_FIELDS if is_admin(member) or field not in _ADMIN_ONLY]
    return {
        "alt_send": False,
        "can_add_to_group": True,
        "can_create_task": True,
        "can_delete": True,
        "changeable_fields": fields,
        "contact_email": "",
        "contact_mshort_view": False,
        "contact_phone": user.phone,
        "contact_short_view": False,
        "contact_show_archived": False,
        "debug_show_activity": False,
        "default_lang": None,
        "display_name": name,
        "family_name": user.family_name,
        "given_name": user.given_name,
        "group_mshort_view": False,
        "group_notifications_enabled": True,
        "group_short_view": False,
        "icons": stub_icons(base_url, name, user.phone),
        "jid": member.jid,
        "last_activity": None,
        "role": member.role,
        "sections": [],
        "status": member.status,
        "task_mshort_view": False,
        "task_notifications_enabled": True,
        "task_short_view": False,
        "unread_first": False,
    }


def team_json(base_url: str, team: Team, member: Member, *, with_contacts: bool = False) -> dict[str, Any]:
    """A team as this member sees it; what only admins may know is left out for others."""
    value: dict[str, Any] = {}
    if is_admin(member):
        value |= {
            "bad_profile": not member.user.given_name,
            "can_add_to_team": True,
            "can_manage_integrations": True,
        }
    value["can_manage_sections"] = True
    if is_admin(member):
        value["changeable_statuses"] = list(STATUSES)
    if with_contacts:
        others = [contact_json(base_url, one) for one in team.members.values() if one is not member]
        value["contacts"] = [*others, own_contact_json(base_url, member)]
    value |= {"default_task_deadline": "18:00:00", "icons": team_icons(base_url, team)}
    if team.is_archive:
        value["is_archive"] = True
    value |= {
        "last_active": False,
        "max_message_update_age": UPDATE_AGE_S,
        "me": own_contact_json(base_url, member),
        "name": team.name,
        "need_confirmation": member.invited,
        "uid": team.uid,
        "unread": {kind: {"chats": 0, "messages": 0} for kind in ("direct", "group", "task")},
    }
    if is_admin(member):
        value |= {"uploads_size": sum(team.uploads.values()), "uploads_size_limit": UPLOADS_LIMIT}
    return value


def integration_json(base_url: str, one: Integration) -> dict[str, Any]:
    form: dict[str, Any] = {"api_key": {"label": "Ключ API", "readonly": True, "value": one.key}}
    if one.kind == "raw":
        form["webhook_url"] = {"label": "Webhook URL", "readonly": False, "value": one.webhook_url}
    return {
        "comment": one.comment,
        "created": stamp(one.created),
        "enabled": one.enabled,
        "form": form,
        "group": one.group,
        "help": help_html(base_url, one.key),
        "kind": one.kind,
        "uid": one.uid,
    }


def help_html(base_url: str, key: str) -> str:
    """What the server tells the person who set the integration up."""
    address, key = html.escape(f"{base_url}/api/message"), html.escape(key)
    return (
        f"<p>Для отправки сообщения — POST на <code>{address}</code> с полями <code>key</code> "
        f"(<strong>{key}</strong>) и <code>message</code>.</p>\n"
        f"<pre>curl {address} \\\n    -F key='{key}' \\\n    -F message='Ваше сообщение'</pre>\n"
        '<p>Ответ: <code>{"ok": true}</code> или <code>{"ok": false, "error": "…"}</code>.</p>\n'
        "<p>На Webhook URL придёт каждое новое сообщение группы: поля chat, chat_display_name, created, sender, "
        "sender_display_name, text и заголовок key. На ответ, отличный от 200, — ещё 8 попыток.</p>"
    )


def kinds_json() -> list[dict[str, Any]]:
    """The kinds of integrations that could be made, each with a template of one."""
    return [
        {
            "kind": kind,
            "template": {
                "comment": "Новая интеграция",
                "enabled": True,
                "form": {"webhook_url": {"label": "Webhook URL", "readonly": False, "value": ""}}
                if kind == "raw"
                else {},
                "kind": kind,
            },
            "title": title,
        }
        for kind, title in _KINDS
    ]


def invitation_json(base_url: str, team: Team, one: Invitation) -> dict[str, Any]:
    return {
        "created": stamp(one.created),
        "qr": f"{base_url}/api/v3/teams/{team.uid}/invitations/{one.token}.png",
        "token": one.token,
        "uid": one.uid,
    }


def usage_json(world: World, team: Team) -> dict[str, Any]:
    return {
        "by_months": [
            {"month": month, "uploads_size": team.uploads.get((year, month), 0), "year": year}
            for year, month in world.months()
        ],
        "uploads_size": sum(team.uploads.values()),
        "uploads_size_limit": UPLOADS_LIMIT,
    }


def message_json(message: Message) -> dict[str, Any]:
    """What the event `client.message.updated` answers. The first message of a chat has no `prev`."""
    value = {
        "chat": message.chat,
        "chat_type": message.chat_type,
        "content": {"text": message.text, "type": "plain"},
        "created": stamp(message.created),
        "editable_until": stamp(message.created + UPDATE_AGE_S),
        "from": message.sender,
        "gentime": message.gentime,
        "message_id": message.message_id,
        "prev": message.prev,
        "to": message.chat,
    }
    if not message.prev:
        del value["prev"]
    return value
