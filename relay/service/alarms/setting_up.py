"""The watcher of a deployment, put together from its configuration."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping

from relay.config.alarms import mail_server
from relay.config.load import Config
from relay.contract import Http, Texts
from relay.observe.alarms import Limits
from relay.routing.accounts import Accounts
from relay.service.alarms.facts import FactFinder
from relay.service.alarms.tellers import DeskTeller, MailTeller, WebhookTeller
from relay.service.alarms.watch import AlarmWatch, Teller
from relay.store.store import Store
from relay.store.told_alarms import ToldAlarms


def alarm_watch(
    config: Config,
    store: Store,
    texts: Texts,
    *,
    holder: str,
    names: Callable[[], Collection[str]],
    http: Http,
    tell_desks: Callable[[str, str], Awaitable[None]],
    history_problem: Callable[[], str | None],
    wrong_hook_secrets: Callable[[], Mapping[str, int]],
) -> AlarmWatch:
    """Build it. `http`: with which the webhook is reached; `tell_desks(text, once)`: a notice to every desk."""
    wanted, tellers = config.alarms, list[Teller]()
    if wanted.desks:
        tellers.append(DeskTeller(texts, tell_desks))
    if wanted.webhook is not None:
        url, secret = wanted.webhook.url.get_secret_value(), wanted.webhook.secret.get_secret_value()
        tellers.append(WebhookTeller(texts, http, url, secret))
    if wanted.email is not None:
        server = mail_server(wanted.email.smtp.get_secret_value())
        tellers.append(MailTeller(texts, server, wanted.email.sender, wanted.email.to))
    facts = FactFinder(
        store,
        names,
        data_dir=config.data_dir,
        public_url=config.public_url,
        history_problem=history_problem,
        wrong_hook_secrets=wrong_hook_secrets,
    )
    limits = Limits(oldest_s=wanted.oldest, disk_bytes=wanted.disk)
    return AlarmWatch(facts, ToldAlarms(store), tuple(tellers), limits, holder=holder)


def teller_of_desks(
    accounts: Accounts, tell: Callable[[str, str, str], Awaitable[None]]
) -> Callable[[str, str], Awaitable[None]]:
    """`tell(desk, text, seen)` for one desk made to one for all of them; each hears it once."""

    async def all_desks(text: str, once: str) -> None:
        for desk in accounts.desks():
            await tell(desk.name, text, f"seen:notice:{once}:{desk.name}")

    return all_desks
