"""One team-chat group as a desk: joins the way in, the way out and the abilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from bridges.team.client import Target, TeamClient
from bridges.team.echoes import is_own_post
from bridges.team.envelope import classify_response
from bridges.team.inbound import parse_hook, verify_key
from bridges.team.login import finish_login, finish_qr_login, hints_of, normal_phone, request_code, temp_token_of
from bridges.team.outbound import fit_parts, render_request
from bridges.team.phone import BadPhone
from bridges.team.probing import probe_desk
from bridges.team.provisioning import WHAT, provision_integration
from bridges.team.settings import TeamSettings
from bridges.team.shapes import Login
from bridges.team.spec import SPEC
from relay.contract import (
    Bridge,
    BridgeContext,
    BridgeSpec,
    Check,
    CodeSent,
    Http,
    LoggedIn,
    RawRequest,
    Sandbox,
    SandboxOptions,
    VerifiedRequest,
)
from relay.contract.errors import RelayError, RemoteError, SendError
from relay.contract.model import Contact, Delivery, Event, OutboundRequest, Outcome, Part, RawResponse


class TeamBridge(Bridge[TeamSettings]):
    """A group of colleagues: customers' words go in, answers that begin with `#42` or `@username` come out."""

    spec: ClassVar[BridgeSpec] = SPEC

    def __init__(self, settings: TeamSettings, context: BridgeContext) -> None:
        super().__init__(settings, context)
        self._keys = settings.keys

    # in

    def verify(self, request: RawRequest) -> VerifiedRequest:
        return verify_key(request, self._keys)

    def parse(self, verified: VerifiedRequest) -> Sequence[Event]:
        return (parse_hook(verified),)

    def is_own_post(self, text: str, contact: Contact, desks: Sequence[str]) -> bool:
        return is_own_post(text, contact, desks, self.context)

    # out

    def fit(self, delivery: Delivery) -> Sequence[Part]:
        return fit_parts(delivery, self.settings, self.context)

    def render(self, delivery: Delivery, part: Part) -> OutboundRequest:
        return render_request(delivery, part, self.settings, self.context, self._keys)

    def classify(self, response: RawResponse) -> Outcome:
        return classify_response(response)

    # abilities

    def client(self, http: Http) -> TeamClient:
        """The whole API, as the user of our token."""
        token = self.settings.token.get_secret_value() if self.settings.token else ""
        return TeamClient(http, Target(url=self.context.url, token=token))

    async def probe(self, http: Http) -> Sequence[Check]:
        return await probe_desk(http, self.client(http), self.settings, self._keys)

    async def provision(self, http: Http, hooks: Mapping[str, str]) -> Sequence[Check]:
        try:
            checks, key = await provision_integration(
                self.client(http), self.settings, name=self.context.name, hook=hooks[""], keys=self._keys
            )
        except (RemoteError, SendError) as e:
            remedy = e.remedy if isinstance(e, RemoteError) else "Check `url` and the network."
            return (Check(ok=False, what=WHAT, found=getattr(e, "words", "") or str(e), remedy=remedy),)
        if key and key not in self._keys and self.settings.key_file is not None:
            self._keys = (*self._keys, key) if len(self._keys) > 1 else (key,)  # what was just written counts at once
        return checks

    # logging in

    @property
    def token_path(self) -> Path | None:
        return self.settings.token_file

    async def send_code(self, http: Http, phone: str) -> CodeSent:
        try:
            sent = await request_code(self._anybody(http), phone)
        except BadPhone as e:
            raise RelayError(str(e)) from None
        until = sent.code_valid_until.isoformat() if sent.code_valid_until else ""
        return CodeSent(phone=sent.phone, digits=sent.code_length, valid_until=until)

    async def log_in(self, http: Http, phone: str, code: str) -> LoggedIn:
        client = self._anybody(http)
        try:
            login = await finish_login(client, await normal_phone(client, phone), code)
        except BadPhone as e:
            raise RelayError(str(e)) from None
        return await self._logged_in(client, login)

    async def log_in_by_qr(self, http: Http, text: str) -> LoggedIn:
        client = self._anybody(http)
        login = await finish_qr_login(client, temp_token_of(text, self.context.url))
        return await self._logged_in(client, login)

    def _anybody(self, http: Http) -> TeamClient:
        return TeamClient(http, Target(url=self.context.url))

    async def _logged_in(self, client: TeamClient, login: Login) -> LoggedIn:
        hints = await hints_of(client.logged_in(login), self.settings, login.me)
        return LoggedIn(token=login.token, who=login.me.phone, hints=hints)

    @classmethod
    def sandbox(cls, options: SandboxOptions) -> Sandbox:
        from bridges.team.sandbox.app import build_sandbox  # noqa: PLC0415 -- only deployments with a sandbox load it

        return build_sandbox(options)
