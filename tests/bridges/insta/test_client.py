"""Every documented method against the sandbox, over real HTTP; probing, provisioning and the account's identity."""

import json

import pytest

from relay.contract import HasBotId, Identified, Probing, Provisioning
from relay.contract.errors import RemoteError
from relay.contract.model import RawResponse
from tests.bridges.insta.conftest import FarSide, answer, make_bridge
from tests.bridges.support import SessionHttp


async def test_get_info(far: FarSide):
    channel = await far.client.get_info()
    assert (channel.id, channel.user_id, channel.username, channel.status) == (
        "235",
        "47367670531",
        "getcourseru",
        True,
    )
    assert await far.client.get_info(http_method="POST") == channel
    assert far.http.sent[-1].method == "POST"


async def test_get_url(far: FarSide):
    link = await far.client.get_url()
    assert link.url == "https://ig.me/m/getcourseru" and link.user_id == "47367670531"


async def test_get_and_set_webhook(far: FarSide):
    assert (await far.client.get_webhook()).webhook == far.relay.url
    there = "https://api.getloo.ru/hook_test.php"
    assert (await far.client.set_webhook(there)).webhook == there
    assert (await far.client.get_webhook()).webhook == there
    with pytest.raises(RemoteError, match="url"):
        await far.client.set_webhook("nowhere")


async def test_send_message(far: FarSide):
    sent = await far.client.send_message(
        username="anna.travels", user_id="47367670001", caption="Привет", options=["Да", "Нет"]
    )
    assert len(sent.queue_id) == 40
    (arrival,) = (await far.state())["arrivals"]
    assert arrival["queue_id"] == sent.queue_id
    assert (arrival["caption"], arrival["options"], arrival["file"]) == ("Привет", ["Да", "Нет"], None)
    with pytest.raises(RemoteError, match="caption") as caught:
        await far.client.send_message(username="a", user_id="1", caption="x" * 1001)
    assert caught.value.status == 400


async def test_everything_works_as_a_form_too(far: FarSide):
    bridge = make_bridge(far.url, encoding="form")
    client = bridge.client(far.http)
    await client.send_message(username="anna.travels", user_id="47367670001", caption="я & ты", options=["Да", "Нет"])
    (arrival,) = (await far.state())["arrivals"]
    assert (arrival["caption"], arrival["options"]) == ("я & ты", ["Да", "Нет"])
    assert (await client.set_webhook("https://x.example/h")).webhook == "https://x.example/h"


async def test_the_token_never_shows(far: FarSide):
    await far.client.get_info()
    await far.client.send_message(username="a", user_id="1", caption="x")
    token = far.bridge.settings.token.get_secret_value()
    assert all(token in r.url and token not in r.safe_url for r in far.http.sent)


@pytest.mark.parametrize(
    ("switch", "code", "remedy"),
    [
        ({"token_rejected": True}, "bad_token", "token"),
        ({"unpaid": "402"}, "unpaid", "pay"),
        ({"fail_next": 1, "fail_status": 502}, "http_502", ""),
        ({"html_next": 1}, "unexpected_answer", "url"),
    ],
)
async def test_a_no_says_what_to_do(far: FarSide, switch, code, remedy):
    await far.switch(**switch)
    with pytest.raises(RemoteError) as caught:
        await far.client.get_info()
    assert caught.value.code == code and remedy in caught.value.remedy
    assert far.bridge.settings.token.get_secret_value() not in str(caught.value)


async def test_answers_in_other_shapes_are_read_or_told():
    async def get_info(body: object) -> object:
        async def http(_):
            return RawResponse(status=200, body=json.dumps(body).encode())

        return await make_bridge().client(http).get_info()

    numbers = {"id": 235, "user_id": 47367670531, "status": True}
    texts = {"id": "235", "user_id": "47367670531", "status": "true", "new": 1}
    channel = await get_info({"result": {"success": 1}, "channel": numbers})
    assert channel == await get_info({"result": {"success": "true"}, "channel": texts})
    with pytest.raises(RemoteError, match="lacks or misstates: user_id"):
        await get_info({"result": {"success": True}, "channel": {"id": "235"}})
    with pytest.raises(RemoteError, match="lacks or misstates: channel"):
        await get_info({"result": {"success": True}, "channel": None})
    with pytest.raises(RemoteError, match="нет каналов"):
        await get_info({"result": {"success": False}, "error": "нет каналов"})


# --- probing --------------------------------------------------------------------------------------------------------


def test_the_abilities_are_found_by_their_protocols(bridge):
    assert isinstance(bridge, Probing) and isinstance(bridge, Provisioning)
    assert isinstance(bridge, Identified) and isinstance(bridge, HasBotId)


async def test_a_good_account(far: FarSide):
    (check,) = await far.bridge.probe(far.http)
    assert check.ok and "@getcourseru" in check.found
    assert (await far.state())["arrivals"] == []


@pytest.mark.parametrize(
    ("switch", "found", "credentials"),
    [
        ({"token_rejected": True}, "токен", True),
        ({"unpaid": "402"}, "активных каналов", True),
        ({"unpaid": "status_false"}, "not paid for or not logged in", True),
        ({"fail_next": 1, "fail_status": 500}, "500", False),
    ],
)
async def test_a_bad_account_is_told_with_a_remedy_and_found_well_again(far: FarSide, switch, found, credentials):
    await far.switch(**switch)
    (check,) = await far.bridge.probe(far.http)
    assert check.ok is False and found in check.found and check.credentials is credentials
    assert check.remedy or not credentials
    await far.switch(token_rejected=False, unpaid="no")
    (check,) = await far.bridge.probe(far.http)
    assert check.ok


async def test_nobody_there(far: FarSide):
    bridge = make_bridge("http://127.0.0.1:1")
    (check,) = await bridge.probe(SessionHttp(far.session))
    assert check.ok is False and "no answer" in check.found and "url" in check.remedy and not check.credentials
    (check,) = await bridge.provision(SessionHttp(far.session), {"<secret>": "https://r.example/h"})
    assert check.ok is False and not check.changed


async def test_a_token_that_suddenly_belongs_to_somebody_else_is_seen(far: FarSide):
    before = await far.bridge.identity(far.http)
    assert before == "47367670531" == await far.bridge.identity(far.http)
    await far.switch(other_account=True)
    assert await far.bridge.identity(far.http) not in ("", before)


# --- provisioning ---------------------------------------------------------------------------------------------------


async def test_ours_is_left_as_it_is(far: FarSide):
    (check,) = await far.bridge.provision(far.http, {"<secret>": far.relay.url})
    assert check.ok and not check.changed
    assert "setWebHook" not in (await far.state())["requests"]


async def test_none_older_secrets_and_somebody_elses_are_told_apart(far: FarSide):
    ours = "https://relay.example.com/hooks/shop/"
    await far.act("webhook", url="")
    (check,) = await far.bridge.provision(far.http, {"<secret>": ours + "one"})
    assert check.ok and check.changed and "none before" in check.found
    (check,) = await far.bridge.provision(far.http, {"<secret>": ours + "two"})
    assert check.changed and "older secret" in check.found
    await far.act("webhook", url="https://crm.example.org/secret-of-theirs")
    (check,) = await far.bridge.provision(far.http, {"<secret>": ours + "two"})
    assert check.changed and "somebody else" in check.found and "crm.example.org" in check.found
    assert "secret-of-theirs" not in check.found
    assert (await far.client.get_webhook()).webhook == ours + "two"


async def test_provisioning_says_no_in_words(far: FarSide):
    (check,) = await far.bridge.provision(far.http, {})
    assert check.ok is None
    await far.switch(token_rejected=True)
    (check,) = await far.bridge.provision(far.http, {"<secret>": "https://r.example/h"})
    assert check.ok is False and check.credentials and "token" in check.remedy


async def test_the_bridges_own_request_is_accepted_by_the_sandbox(far: FarSide):
    delivery = answer("Здравствуйте! " * 200, options=("Да",))
    for part in far.bridge.fit(delivery):
        outcome = far.bridge.classify(await far.http(far.bridge.render(delivery, part)))
        assert outcome.verdict == "accepted" and outcome.remote_id
    assert len((await far.state())["arrivals"]) == 6
