"""What all sandboxes share. A sandbox is the other side of a bridge, as a real aiohttp application with its own page.

How to build one::

    class Switches(SandboxSwitches):                       # what can go wrong at the far side, as data
        paid: bool = Field(True, title="Paid", description="Off: every method answers 402.")
        failing: int = Field(0, ge=0, le=1000, title="Fail the next", description="That many requests get a 503.")

    class Write(ActionModel):                              # what a person or a script can do here
        text: str

    class Far:                                             # your state and your rules
        def __init__(self, options: SandboxOptions) -> None:
            self.kit = SandboxKit(options, title="Far side", switches=Switches(), page_dir=HERE / "page",
                                  state=self.state, reset=self.reset)
            self.kit.action("write", Write, self.write)    # POST _sandbox/act/write {"text": "hi"}
            self.kit.app.router.add_post("/api/send", self.api_send)       # the documented API

        async def write(self, act: Write) -> dict[str, Any]:
            message = self.remember(act.text)
            self.kit.hub.publish("message", message)       # every open page hears of it
            self.kit.hooks.send(HookCall(url=self.kit.hook("message"), label="message", form=(("text", act.text),)))
            return {"id": message["id"]}                   # the action's JSON answer

    def far_sandbox(options: SandboxOptions) -> Sandbox:
        return Far(options).kit.sandbox()

Routes that come with the kit, all relative, so that an application works under any prefix:

==================================  ==================================================================================
`GET  /`                            the page: a shell that loads `kit.css`, `page.css`, `kit.js`, `page.js`
`GET  _sandbox/static/<file>`       files of `bridges/sandbox_kit/page` and of `page_dir` (which must hold `page.js`;
                                    it imports `./kit.js`; `page.css` is optional)
`GET  _sandbox/events`              server-sent events: `{"kind": "message", "data": {...}}`; `resync` = read the state
`GET  _sandbox/live`                the same over a WebSocket, for pages: it is none of a browser's six connections
`POST _sandbox/presets/<name>`      make one of the `presets`; `none` ends it
`GET  _sandbox/state`               your `state(for_page)` as JSON; `?for=page` leaves out what only tests want to see
`GET  _sandbox/switches`            {"values": {...}, "fields": [...]}; POST a JSON object to change some of them
`POST _sandbox/reset`               back to the beginning: switches, ids, hook log, and your `reset()`
`POST _sandbox/act/<name>`          your actions; a JSON object in, a JSON value out; 400 {"error": sentence} on a no
`GET  _sandbox/hooks`               the log of hooks sent, newest last: what was answered, when the next try is
==================================  ==================================================================================

Whatever changes something below `_sandbox/` takes `Content-Type: application/json` only: another site's form cannot
send that. A request must call the sandbox by an address, `localhost` or a name it knows (`Host`): a stranger's name
that was made to point here (DNS rebinding) is refused. No other site may show the page in a frame. What the sandbox is
told to fetch it fetches through `options.fetch`, which is led into no network of ours; hooks go to `options.hooks` and
to what `options.posts_to` allows, and nowhere else, whatever the API or an action is told.
Hooks: `kit.hooks.send(HookCall(...))` goes on in the background, retried with growing pauses; hooks of the same `lane`
go one after the other. `await kit.hooks.ask(HookCall(...))` is one try with the answer. `kit.hooks.pauses_s` may be set
at any time (a switch). `kit.ids` gives identifiers that a `seed` makes deterministic. `kit.background(coro)` runs
something until it ends or the application stops. Keep your own state bounded (`deque(maxlen=...)`).

The page's side is `page/kit.js`, documented at its top; `kit.css` holds the style, including a phone.
"""

from __future__ import annotations

from bridges.sandbox_kit.answers import dumps, json_response, now_rfc3339
from bridges.sandbox_kit.events import EventHub
from bridges.sandbox_kit.hooks import RETRY_PAUSES_S, HookAnswer, HookCall, HookFile, HookSender
from bridges.sandbox_kit.ids import Ids
from bridges.sandbox_kit.kit import PAGE_HEADERS, SandboxKit
from bridges.sandbox_kit.models import ActionError, ActionModel, Preset, SandboxSwitches

__all__ = [
    "PAGE_HEADERS",
    "RETRY_PAUSES_S",
    "ActionError",
    "ActionModel",
    "EventHub",
    "HookAnswer",
    "HookCall",
    "HookFile",
    "HookSender",
    "Ids",
    "Preset",
    "SandboxKit",
    "SandboxSwitches",
    "dumps",
    "json_response",
    "now_rfc3339",
]
