"""The team chat's server as a real application: /api/message, the webhook with its eight repeats, all of Team API v3,
and a page on which one plays the colleagues.

    server    routes, envelope, who asks, failures    world     what the server knows
    group     posts, webhooks, the page's actions     shapes    the same in the documented shapes
    login     logging in, devices, oneself            answers   envelope and errors
    teams     teams, integrations, invitations, ws    switches  what can go wrong
    methods   ping, time, countries, pictures         pictures  QR codes and icons
"""

from __future__ import annotations

from typing import Any

from bridges.team.sandbox.group import GroupChat
from bridges.team.sandbox.login import LoginMethods
from bridges.team.sandbox.methods import PublicMethods
from bridges.team.sandbox.server import TeamServer
from bridges.team.sandbox.teams import TeamMethods
from relay.contract import Sandbox, SandboxOptions


class TeamSandbox:
    """Joins the parts: one server, one group chat, one page."""

    def __init__(self, options: SandboxOptions) -> None:
        self.server = server = TeamServer(options, self.state)
        self.kit = server.kit
        self.world = server.world
        self.group = GroupChat(server)
        PublicMethods(server)
        server.route("POST", "/api/message", self.group.api_message)
        LoginMethods(server, self.group)
        TeamMethods(server, self.group)
        server.close_routes()

    def state(self, for_page: bool) -> dict[str, Any]:
        return self.group.state(for_page)


def build_sandbox(options: SandboxOptions) -> Sandbox:
    """The sandbox of one team desk."""
    return TeamSandbox(options).kit.sandbox()
