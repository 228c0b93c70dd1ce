"""The team chat (Team API v3): a group as a desk.

settings      its part of config.yaml
spec          what it can carry, as data
inbound       a webhook of the group -> answer, command or note
outbound      a delivery -> posts in the group
envelope      the server's answers -> outcomes and errors
client        every method of the API, typed; shapes: its objects
probing       would it work?       provisioning  the group's integration
login, phone  logging in as a user
sandbox       the same API and a page to play the colleagues
bridge        joins them
"""

from bridges.team.bridge import TeamBridge

__all__ = ["TeamBridge"]
