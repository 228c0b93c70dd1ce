"""Would this desk work? Asked without posting anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from bridges.team.client import TeamClient, message_request
from bridges.team.envelope import KEY_REMEDY, TOKEN_REMEDY, foreign_words, meaning_of, read_envelope
from bridges.team.settings import TeamSettings
from relay.contract import Check, Http
from relay.contract.errors import RelayError, RemoteError, SendError
from relay.contract.model import Verdict

SKEW_S = 30.0  # hooks carry `created`; beyond this, times in traces and late marks would mislead


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def probe_desk(
    http: Http, client: TeamClient, settings: TeamSettings, keys: Sequence[str], now: Callable[[], datetime] = _utc_now
) -> Sequence[Check]:
    """One line per thing that can be wrong. Raises nothing that the other side causes."""
    reached = await _reached(client)
    if reached.ok is False:
        return (reached,)
    checks = [reached, await _clock(client, now), *await _limits(client, settings)]
    if settings.mode == "user" or client.target.token:
        checks += await _token(client, settings)
    if settings.mode == "key" or keys:
        checks.append(await _key(http, client, settings, keys))
    return tuple(checks)


async def _reached(client: TeamClient) -> Check:
    what = "server"
    try:
        return Check(ok=True, what=what, found=f"answers {await client.ping()}")
    except SendError as e:
        return Check(ok=False, what=what, found=str(e), remedy="Check `url` and the network; is the server up?")
    except RemoteError as e:
        if e.code == "NOT_FOUND":
            # Public clients of this system speak v4 (FACTS 1.6): the rest may work without v3's ping.
            return Check(ok=None, what=what, found="answers, but has no /api/v3/ping")
        return Check(ok=False, what=what, found=e.words, remedy=e.remedy or "Check `url`.")


async def _clock(client: TeamClient, now: Callable[[], datetime]) -> Check:
    what = "clock"
    before = now()
    try:
        theirs = await client.time()
    except RelayError as e:
        return Check(ok=None, what=what, found=str(e))
    after = now()
    ours = before + (after - before) / 2
    skew = (theirs.replace(tzinfo=theirs.tzinfo or UTC) - ours).total_seconds()
    if abs(skew) <= SKEW_S:
        return Check(ok=True, what=what, found=f"differs by {abs(skew):.1f} s")
    way = "behind" if skew > 0 else "ahead of"
    return Check(
        ok=False,
        what=what,
        found=f"ours is {abs(skew):.0f} s {way} the server's",
        remedy="Set this machine's clock by NTP (timedatectl set-ntp true).",
    )


async def _limits(client: TeamClient, settings: TeamSettings) -> list[Check]:
    """Whether our posts are short enough for this server, where it tells its limit."""
    try:
        longest = (await client.features()).max_message_length
    except RelayError:
        return []
    if longest is None or longest >= settings.max_chars:
        return []
    return [
        Check(
            ok=False,
            what="longest message",
            found=f"the server takes {longest} characters, `max_chars` is {settings.max_chars}",
            remedy=f"Set `max_chars: {max(200, longest)}`.",
        )
    ]


async def _token(client: TeamClient, settings: TeamSettings) -> list[Check]:
    if not client.target.token:
        return [Check(ok=False, what="token", found="there is none yet", remedy=TOKEN_REMEDY, credentials=True)]
    try:
        await client.me()
        teams = await client.teams() if settings.team else []
    except RelayError as e:
        refused = isinstance(e, RemoteError) and e.remedy == TOKEN_REMEDY
        return [
            Check(ok=False, what="token", found=str(e), remedy=TOKEN_REMEDY if refused else "", credentials=refused)
        ]
    checks = [Check(ok=True, what="token", found="is taken")]
    if settings.team:
        ours = next((team for team in teams if team.uid.lower() == settings.team.lower()), None)
        if ours is None or ours.is_archive:
            known = ", ".join(f"{team.uid} ({team.name})" for team in teams[:5] if not team.is_archive)
            checks.append(
                Check(
                    ok=False,
                    what="team",
                    found="was deleted" if ours else "is not one of this user's teams",
                    remedy=f"Set `team` to one of: {known}." if known else "Have this user invited to the team.",
                )
            )
        else:
            checks.append(Check(ok=True, what="team", found=ours.name or ours.uid))
    return checks


async def _key(http: Http, client: TeamClient, settings: TeamSettings, keys: Sequence[str]) -> Check:
    what = "key"
    if not keys:
        return Check(ok=False, what=what, found="there is none yet", remedy=KEY_REMEDY, credentials=True)
    if client.target.token and settings.team:
        try:
            listed = {one.api_key: one for one in (await client.integrations(settings.team)).integrations}
        except RelayError:
            pass  # this user may not manage integrations; the other way of asking remains
        else:
            if all(key in listed for key in keys):
                off = [listed[key].comment or listed[key].uid for key in keys if not listed[key].enabled]
                if not off:
                    return Check(ok=True, what=what, found="belongs to an enabled integration")
                return Check(
                    ok=False,
                    what=what,
                    found=f"the integration {', '.join(off)} is switched off",
                    remedy="Switch it on in the group's settings.",
                    credentials=True,
                )
    try:
        # Without the field `message` nothing can be posted; what the server complains about tells whether it knows us.
        response = await http(message_request(client.target.url, key=",".join(keys), message=None))
    except SendError as e:
        return Check(ok=False, what=what, found=str(e), remedy="Check `url` and the network.")
    envelope = read_envelope(response)
    if envelope.ok:
        return Check(ok=True, what=what, found="is taken")
    meaning = meaning_of(envelope, response.status)
    words = envelope.words or foreign_words(response)
    if meaning.verdict is Verdict.CREDENTIALS:
        # A code for a token means the key here: this request has nothing else to prove itself with.
        remedy = KEY_REMEDY if meaning.remedy in ("", TOKEN_REMEDY) else meaning.remedy
        return Check(ok=False, what=what, found=words, remedy=remedy, credentials=True)
    if envelope.ok is False and meaning.reason in ("bad_text", "bad_data"):
        return Check(ok=True, what=what, found="is taken")
    return Check(ok=None, what=what, found=f"cannot be told without posting: {words}")
