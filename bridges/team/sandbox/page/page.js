/* The team's page: groups, what is said in them, who writes, and what the server has set up. */

import { act, avatar, ask, clock, fill, h, live, pane, panes, read, t, toast, trouble } from "./kit.js";

const now = { setup: null, chat: null, sender: null, chats: new Map(), unread: new Map() };
const KEPT = 500; // messages of a chat on the page

/* --- the group --- */

const title = h("h2", { text: t("Group") });
const groupTabs = h("div", { class: "row groups", role: "group", "aria-label": t("Groups") });
const chat = h("div", { class: "chat group", role: "log", "aria-label": t("Messages"), tabIndex: 0 });
const quiet = h("p", { class: "empty", text: t("Nothing has been said here. When a customer writes, the relay posts it in this group.") });
const bubbles = new Map();
let atEnd = true;

/* Who reads the newest goes on seeing it. */
const stay = () => {
  if (atEnd) chat.scrollTop = chat.scrollHeight;
};
chat.addEventListener("scroll", () => {
  atEnd = chat.scrollHeight - chat.scrollTop - chat.clientHeight < 60;
});
new ResizeObserver(stay).observe(chat);

const numberIn = (text) => /^(?:→ |ℹ️ )?#(\d+)/.exec(text)?.[1] ?? null;
const fromRelay = (message) => message.by !== "person";

/* Links of media are worth a click; everything else stays text. */
function linked(text) {
  return text.split(/(https?:\/\/[^\s<>"]+)/g).map((piece, i) =>
    i % 2 ? h("a", { href: piece, target: "_blank", rel: "noopener noreferrer", text: piece }) : piece,
  );
}

function bubble(message) {
  const number = fromRelay(message) ? numberIn(message.text) : null;
  const words = message.deleted
    ? h("div", { class: "bubble note", text: t("deleted") })
    : h("div", { class: "bubble", dir: "auto" }, linked(message.text));
  return h(
    "div",
    { class: `line ${message.by}${message.name === nameOf(now.sender) && !fromRelay(message) ? " mine" : ""}`, data: { id: message.id } },
    fromRelay(message) ? h("span", { class: "avatar relay", "aria-hidden": "true", text: "⇄" }) : avatar(message.name),
    h(
      "div",
      { class: "said" },
      h(
        "div",
        { class: "by" },
        h("strong", { text: message.name }),
        fromRelay(message) ? h("span", { class: "tag", text: t(message.by === "integration" ? "integration" : "over the API") }) : null,
        h("span", { class: "soft tiny", text: clock(message.at) }),
        message.edited ? h("span", { class: "soft tiny", text: t("edited") }) : null,
        fromRelay(message)
          ? null
          : h("button", {
              type: "button",
              class: "small quiet again",
              text: t("Repeat the webhook"),
              "aria-label": t("Repeat the webhook of: {text}", { text: message.text.slice(0, 40) }),
              onclick: async () => {
                await act("repeat", { message_id: message.id });
                toast(t("The same webhook was sent once more."));
              },
            }),
      ),
      words,
      h(
        "div",
        { class: "under" },
        number && !message.deleted
          ? h("button", { type: "button", class: "small quiet", text: t("Answer #{n}", { n: number }), onclick: () => address(`#${number} `) })
          : null,
      ),
    ),
  );
}

function put(message, fresh) {
  const known = now.chats.get(message.chat) ?? new Map();
  now.chats.set(message.chat, known);
  known.set(message.id, message);
  if (known.size > KEPT) known.delete(known.keys().next().value);
  if (message.chat !== now.chat) {
    if (fresh) now.unread.set(message.chat, (now.unread.get(message.chat) ?? 0) + 1);
    drawTabs();
    return;
  }
  quiet.hidden = true;
  const box = bubble(message);
  const old = bubbles.get(message.id);
  if (old) old.replaceWith(box);
  else {
    if (fresh) box.classList.add("fresh");
    chat.append(box);
    if (bubbles.size > KEPT) {
      const oldest = bubbles.keys().next().value;
      bubbles.get(oldest).remove();
      bubbles.delete(oldest);
    }
    stay();
  }
  bubbles.set(message.id, box);
}

function drawChat() {
  bubbles.clear();
  const messages = [...(now.chats.get(now.chat)?.values() ?? [])];
  fill(chat, quiet);
  quiet.hidden = messages.length > 0;
  for (const message of messages) put(message, false);
  atEnd = true;
  stay();
  title.textContent = chatName(now.chat);
}

const chatName = (jid) =>
  now.setup?.groups.find((group) => group.jid === jid)?.name ?? now.setup?.people.find((person) => person.jid === jid)?.name ?? jid ?? t("Group");

function drawTabs() {
  const direct = [...now.chats.keys()].filter((jid) => jid.startsWith("d-"));
  const all = [...(now.setup?.groups.map((group) => group.jid) ?? []), ...direct];
  groupTabs.hidden = all.length < 2;
  fill(
    groupTabs,
    all.map((jid) =>
      h("button", {
        type: "button",
        class: "small",
        text: `${chatName(jid)}${now.unread.get(jid) ? ` · ${t("{n} new", { n: now.unread.get(jid) })}` : ""}`,
        "aria-pressed": String(jid === now.chat),
        onclick: () => {
          now.chat = jid;
          now.unread.delete(jid);
          drawTabs();
          drawChat();
        },
      }),
    ),
  );
}

/* --- writing --- */

const who = h("select", { id: "who", "aria-label": t("Write as"), onchange: () => chooseSender(who.value) });
const text = h("textarea", { id: "text", rows: 1, placeholder: t("#42 and your words, or a note for colleagues"), "aria-label": t("Message"), maxLength: 100000 });
const form = h(
  "form",
  {
    class: "reply",
    onsubmit: (event) => {
      event.preventDefault();
      send();
    },
  },
  h(
    "div",
    { class: "row shortcuts" },
    h("label", { class: "tiny soft", htmlFor: "who", text: t("Write as") }),
    who,
    ["/help", "/list"].map((command) => h("button", { type: "button", class: "small", text: command, onclick: () => say(command) })),
    ["/who", "/status", "/close"].map((command) =>
      h("button", { type: "button", class: "small", text: command, onclick: () => address(`${command} #${lastNumber() ?? ""}`) }),
    ),
  ),
  h("div", { class: "compose" }, text, h("button", { class: "primary", type: "submit", text: t("Send") })),
);

const grow = () => {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight + 2}px`;
};
text.addEventListener("input", grow);
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
});

function address(words) {
  const rest = text.value.replace(/^(#\d+|\/\w+( #\d*)?)\s*/, "");
  text.value = words + rest;
  text.focus();
  text.setSelectionRange(text.value.length, text.value.length);
  grow();
}

function lastNumber() {
  const relayed = [...(now.chats.get(now.chat)?.values() ?? [])].filter(fromRelay).reverse();
  return relayed.map((message) => numberIn(message.text)).find(Boolean);
}

async function say(words) {
  await act("say", { text: words, sender: now.sender ?? "", chat: now.chat ?? "" });
  atEnd = true;
}

async function send() {
  const words = text.value;
  if (!words.trim()) return;
  text.value = ""; // at once: a second Enter must not send it again
  grow();
  try {
    await say(words);
  } catch {
    text.value ||= words;
    grow();
  }
}

const nameOf = (jid) => now.setup?.people.find((person) => person.jid === jid)?.name;

function chooseSender(jid) {
  now.sender = jid;
  drawChat();
}

function drawSenders() {
  const people = now.setup.people;
  if (!people.some((person) => person.jid === now.sender)) now.sender = people[0]?.jid ?? null;
  fill(who, people.map((person) => h("option", { value: person.jid, text: person.name, selected: person.jid === now.sender })));
}

const groupPane = h(
  "section",
  {},
  h("div", { class: "head" }, title, groupTabs),
  chat,
  form,
);

/* --- what is set up --- */

const setup = h("div", { class: "stack" });
const setupPane = pane(t("Team"), setup);

function integrationCard(one) {
  const url = h("input", {
    type: "url",
    value: one.webhook_url,
    placeholder: t("no address: nothing is sent"),
    "aria-label": t("Webhook URL"),
    onchange: () => act("set_integration", { uid: one.uid, webhook_url: url.value }),
  });
  return h(
    "div",
    { class: `card${one.enabled ? "" : " off"}` },
    h("div", { class: "row spread" }, h("strong", { text: one.comment || "API/Webhook" }), h("span", { class: one.enabled ? "good tiny" : "bad tiny", text: t(one.enabled ? "on" : "switched off") })),
    h("div", { class: "tiny soft", text: t("in {group}", { group: chatName(one.group) }) }),
    h("div", { class: "tiny" }, t("Key "), h("code", { class: "mono", text: one.key })),
    h("label", { class: "tiny soft" }, t("Webhook URL"), url),
    h(
      "div",
      { class: "row" },
      h("button", {
        type: "button",
        class: "small",
        text: t(one.enabled ? "Switch off" : "Switch on"),
        onclick: () => act("set_integration", { uid: one.uid, enabled: !one.enabled }),
      }),
      h("button", {
        type: "button",
        class: "small",
        text: t("Delete"),
        onclick: () => act("delete_integration", { uid: one.uid }),
      }),
    ),
  );
}

function drawSetup() {
  const { team, people, integrations, sms, qr, invitations } = now.setup;
  fill(
    setup,
    h("div", {}, h("strong", { text: team.name }), h("div", { class: "mono soft", text: team.uid })),
    h("h3", { text: t("Integrations") }),
    integrations.map(integrationCard),
    integrations.length ? null : h("p", { class: "soft tiny", text: t("None: posts with the old key are refused.") }),
    h("div", {}, h("button", { type: "button", class: "small", text: t("New integration"), onclick: () => act("add_integration", { chat: now.chat?.startsWith("g-") ? now.chat : "" }) })),
    h("h3", { text: t("People") }),
    h(
      "ul",
      { class: "list" },
      people.map((person) =>
        h(
          "li",
          { class: "member" },
          avatar(person.name),
          h("span", { class: "main" }, h("span", { text: person.name }), h("span", { class: "tiny soft", text: `${person.phone} · ${person.status}` })),
        ),
      ),
    ),
    h("div", {}, h("button", { type: "button", class: "small", text: t("Add a colleague"), onclick: addPerson })),
    h("h3", { text: t("Logins under way") }),
    sms.map((code) => h("div", { class: "card" }, h("div", { class: "tiny soft", text: t("SMS to {phone}, until {time}", { phone: code.phone, time: clock(code.until) }) }), h("strong", { class: "code mono", text: code.code }))),
    qr.map((code) =>
      h(
        "div",
        { class: "card" },
        h("div", { class: "tiny soft", text: t("QR code, until {time}", { time: clock(code.until) }) }),
        h("img", { class: "qr", src: `_sandbox/qr/${encodeURIComponent(code.token)}.png`, alt: t("QR code to log in with"), loading: "lazy" }),
        h("code", { class: "mono", text: code.token }),
      ),
    ),
    sms.length + qr.length ? null : h("p", { class: "soft tiny", text: t("None. A code asked for with sms-login, or a QR code, shows here.") }),
    invitations.length ? h("h3", { text: t("Invitations") }) : null,
    invitations.map((one) => h("code", { class: "mono", text: one.token })),
  );
}

async function addPerson() {
  const values = await ask({ title: t("Add a colleague"), fields: [{ name: "name", label: t("Name"), required: true }, { name: "phone", label: t("Phone (made up if empty)") }], confirm: t("Add") });
  if (values) await act("add_person", values);
}

function takeSetup(value) {
  now.setup = value;
  if (!now.chat || !(value.groups.some((group) => group.jid === now.chat) || now.chats.has(now.chat))) now.chat = value.groups[0]?.jid ?? null;
  drawSenders();
  drawTabs();
  // Somebody typing an address is not disturbed; the next change draws it.
  if (!setup.contains(document.activeElement) || document.activeElement.tagName !== "INPUT") drawSetup();
}

/* --- all together --- */

const wrong = trouble();

panes([
  { id: "group", label: t("Group"), element: groupPane, kind: "wide" },
  { id: "team", label: t("Team"), element: setupPane, kind: "narrow" },
]);

live({
  event(kind, data) {
    wrong.event(kind, data);
    if (kind === "message") {
      const first = !now.chats.get(data.chat)?.size;
      put(data, true);
      if (first) drawTabs();
    } else if (kind === "setup") takeSetup(data);
  },
  async resync() {
    const state = await read("_sandbox/state?for=page");
    now.chats.clear();
    now.unread.clear();
    for (const message of state.messages) {
      const known = now.chats.get(message.chat) ?? new Map();
      known.set(message.id, message);
      now.chats.set(message.chat, known);
    }
    takeSetup(state);
    drawSetup();
    drawChat();
    drawTabs();
    await wrong.load();
  },
});
