/* The phone of the customers: one plays several of them, and watches what the business answers. */

import { act, append, ask, avatar, clock, fill, h, live, pane, panes, read, said, t, toast, trouble } from "./kit.js";

const now = { account: {}, webhook: "", customers: new Map(), messages: new Map(), comments: new Map(), chosen: null };
const unread = new Map();

/* --- parts --- */

const people = h("ul", { class: "list", "aria-label": t("Customers") });
const newcomer = h("button", { type: "button", class: "small", id: "new-customer", text: t("New customer"), onclick: addCustomer });
const who = h("div", { class: "top" });
const chat = h("div", { class: "chat", id: "chat", role: "log", "aria-live": "polite", "aria-label": t("Conversation") });
const draft = h("textarea", {
  id: "draft",
  rows: 1,
  placeholder: t("Message…"),
  "aria-label": t("Message"),
  oninput: grow,
  onkeydown: (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  },
});
const sheet = h("div", { class: "sheet", role: "menu", hidden: true });
const plus = h("button", {
  type: "button",
  id: "attach",
  "aria-label": t("Send something else"),
  "aria-haspopup": "menu",
  "aria-expanded": "false",
  text: "+",
  onclick: () => toggleSheet(sheet.hidden),
});
const form = h(
  "form",
  { class: "compose", onsubmit: write },
  h("div", { class: "menu" }, plus, sheet),
  draft,
  h("button", { type: "submit", class: "primary", id: "send", text: t("Send") }),
);
const phone = h("div", { class: "phone" }, who, chat, h("div", { class: "bottom" }, form));
const comments = h("div", { class: "stack" });
const commentDraft = h("textarea", { id: "comment", rows: 1, placeholder: t("Add a comment…"), "aria-label": t("Comment") });
const address = h("input", { type: "url", id: "webhook", "aria-label": t("Webhook address"), placeholder: t("https://…/hooks/shop/…"), onchange: setWebhook });
const post = pane(
  "Post",
  h(
    "div",
    { class: "stack" },
    h(
      "article",
      { class: "post" },
      h("div", { class: "row" }, h("strong", { id: "post-author" })),
      h("img", { src: "_sandbox/files/photo-1/post.jpg", alt: t("A lake between hills") }),
      h("p", { text: t("New dates for the lake tour are out. Questions? Ask below.") }),
    ),
    comments,
    h("form", { class: "compose", onsubmit: writeComment }, commentDraft, h("button", { type: "submit", class: "primary", text: t("Post") })),
  ),
);
const wrong = trouble([pane(t("Webhook"), h("label", { class: "stack tiny soft" }, t("Webhook, as setWebHook sets it"), address))]);

const view = panes([
  { id: "people", label: t("Customers"), element: pane(t("Customers"), people, newcomer), kind: "narrow" },
  { id: "phone", label: t("Phone"), element: h("section", {}, phone), kind: "bare" },
  { id: "post", label: t("Post"), element: post, kind: "post-pane" },
], tellOpen);
view.show("phone");

append(sheet, [
  item(t("Photo"), () => send("photo")),
  item(t("Video"), () => send("film")),
  item(t("Voice message"), () => send("voice")),
  item(t("Comment under the post"), () => {
    view.show("post");
    commentDraft.focus();
  }),
  item(t("Something unknown"), sendUnknown),
]);

function item(label, action) {
  return h("button", {
    type: "button",
    role: "menuitem",
    text: label,
    onclick: () => {
      toggleSheet(false);
      action();
    },
  });
}

function toggleSheet(open) {
  sheet.hidden = !open;
  plus.setAttribute("aria-expanded", String(open));
  if (open) sheet.querySelector("button").focus();
}

document.addEventListener("click", (event) => {
  if (!sheet.hidden && !event.target.closest(".menu")) toggleSheet(false);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !sheet.hidden) {
    toggleSheet(false);
    plus.focus();
  }
});

/* --- doing --- */

async function write(event) {
  event.preventDefault();
  const text = draft.value;
  if (!text.trim()) return;
  draft.value = "";
  grow();
  try {
    await act("write", { customer_id: now.chosen, text });
  } catch {
    draft.value = text;
  }
}

async function send(what) {
  const text = draft.value.trim();
  draft.value = "";
  grow();
  await act("send", { customer_id: now.chosen, what, text });
}

async function sendUnknown() {
  const wanted = await ask({
    title: t("A message of a type nobody has documented"),
    fields: [
      { name: "type", label: t("Type"), value: "story_mention", required: true },
      { name: "text", label: t("Text, if any") },
    ],
    confirm: t("Send"),
  });
  if (wanted) await act("unknown", { customer_id: now.chosen, ...wanted });
}

async function writeComment(event) {
  event.preventDefault();
  const text = commentDraft.value.trim();
  if (!text) return;
  commentDraft.value = "";
  await act("comment", { customer_id: now.chosen, text });
}

async function addCustomer() {
  const wanted = await ask({
    title: t("New customer"),
    fields: [
      { name: "username", label: t("User name, without @"), placeholder: t("anna.travels"), required: true },
      { name: "name", label: t("Name in the profile"), placeholder: "Анна" },
    ],
    confirm: t("Create"),
  });
  if (!wanted) return;
  const { id } = await act("customer", wanted);
  choose(id);
}

async function rename() {
  const customer = now.customers.get(now.chosen);
  const wanted = await ask({
    title: t("Rename; the id stays"),
    fields: [
      { name: "username", label: t("User name, without @"), value: customer.username, required: true },
      { name: "name", label: t("Name in the profile"), value: customer.name },
    ],
    confirm: t("Rename"),
  });
  if (wanted) await act("rename", { customer_id: customer.id, ...wanted });
}

async function setWebhook() {
  await act("webhook", { url: address.value.trim() });
  toast(t("Hooks go there from now on."));
}

function choose(id) {
  now.chosen = id;
  unread.delete(id);
  drawPeople();
  drawWho();
  drawChat();
  view.show("phone");
}

/* The conversation counts as open while it is really looked at: not in the background, nor behind another tab. */
function tellOpen() {
  const looking = document.visibilityState === "visible" && chat.offsetParent !== null;
  act("open", { customer_id: looking ? now.chosen : null }).catch(() => {});
}
document.addEventListener("visibilitychange", tellOpen);

function grow() {
  draft.style.height = "auto";
  draft.style.height = `${Math.min(draft.scrollHeight + 2, 140)}px`;
}

/* --- showing --- */

const nameOf = (customer) => customer?.name || (customer?.username ? `@${customer.username}` : t("A customer"));

function drawPeople() {
  const last = new Map();
  for (const message of now.messages.values()) last.set(message.customer_id, message);
  const ordered = [...now.customers.values()].sort((a, b) => Number(last.get(b.id)?.id ?? 0) - Number(last.get(a.id)?.id ?? 0));
  fill(
    people,
    ordered.map((customer) => {
      const message = last.get(customer.id);
      const preview = message ? `${message.mine ? t("You: ") : ""}${message.text || message.note || message.media?.filename || ""}` : `@${customer.username}`;
      const fresh = unread.get(customer.id);
      return h(
        "li",
        {},
        h(
          "button",
          { type: "button", class: "item", "aria-current": String(customer.id === now.chosen), data: { customer: customer.id }, onclick: () => choose(customer.id) },
          avatar(nameOf(customer)),
          h("span", { class: "main" }, h("strong", { dir: "auto", text: nameOf(customer) }), h("span", { class: "soft tiny", dir: "auto", text: preview })),
          fresh ? h("span", { class: "badge", "aria-label": t("{n} unread", { n: fresh }), text: String(fresh) }) : null,
        ),
      );
    }),
  );
}

function drawWho() {
  const customer = now.customers.get(now.chosen);
  const account = now.account.username ?? "";
  commentDraft.placeholder = customer ? t("Comment as {name}…", { name: nameOf(customer) }) : t("Comment…");
  document.getElementById("post-author").textContent = `@${account}`;
  fill(
    who,
    h("button", { type: "button", class: "quiet back", "aria-label": t("All customers"), text: "‹", onclick: () => view.show("people") }),
    avatar(account),
    h(
      "div",
      { class: "main" },
      h("div", { class: "clip" }, h("strong", { text: now.account.name ?? "" }), " ", h("span", { class: "soft tiny", text: `@${account}` })),
      h("div", { class: "clip tiny soft", id: "playing", dir: "auto", text: customer ? t("you are {name} (@{user})", { name: nameOf(customer), user: customer.username }) : "" }),
    ),
    h("button", { type: "button", class: "small quiet", text: t("Rename"), onclick: rename }),
  );
}

function bubble(message) {
  const comment = message.comment_id ? now.comments.get(message.comment_id) : null;
  const failed = message.state === "failed" ? h("span", { class: "bad", text: t("not delivered") }) : null;
  const byHand = () => {
    const steps = { queued: ["pending", "delivered", "fail"], pending: ["delivered", "fail"], delivered: ["read"] }[message.state] ?? [];
    return h(
      "span",
      { class: "hand" },
      steps.map((status) => h("button", { type: "button", text: t(status), onclick: () => act("report", { message_id: message.id, status }) })),
    );
  };
  const box = said({
    id: message.id,
    mine: message.mine,
    text: message.text,
    media: message.media,
    at: message.at,
    note: message.note ? t("sent: {note}", { note: message.note }) : "",
    chips: message.options,
    onchip: (option) => act("tap", { message_id: message.id, option }),
    state: message.mine ? "" : message.state,
    under: message.mine ? null : [failed, byHand()],
  });
  if (comment) box.prepend(h("div", { class: "quoted", dir: "auto", text: t("answered your comment: {text}", { text: comment.text }) }));
  return box;
}

const isNearEnd = () => chat.scrollHeight - chat.scrollTop - chat.clientHeight < 120;
const toEnd = () => (chat.scrollTop = chat.scrollHeight);
chat.addEventListener("load", (event) => event.target.tagName === "IMG" && toEnd(), true);

function drawChat() {
  const shown = [...now.messages.values()].filter((message) => message.customer_id === now.chosen);
  fill(
    chat,
    shown.length
      ? shown.map(bubble)
      : h("p", { class: "empty", text: t("Say hello: what you write here is what a customer would write on Instagram.") }),
  );
  toEnd();
}

function putMessage(message) {
  const known = now.messages.has(message.id);
  now.messages.set(message.id, message);
  if (message.customer_id === now.chosen) {
    const old = chat.querySelector(`[data-id="${CSS.escape(message.id)}"]`);
    if (old) old.replaceWith(bubble(message));
    else if (!known) {
      const follow = isNearEnd() || message.mine;
      chat.querySelector(".empty")?.remove();
      const box = bubble(message);
      box.classList.add("fresh");
      chat.append(box);
      if (follow) toEnd();
    }
  } else if (!known && !message.mine) {
    unread.set(message.customer_id, (unread.get(message.customer_id) ?? 0) + 1);
  }
  if (!known) drawPeople();
}

function drawComments() {
  fill(
    comments,
    [...now.comments.values()].slice(-100).map((comment) => {
      const customer = now.customers.get(comment.customer_id);
      return h(
        "div",
        { class: "comment" },
        avatar(nameOf(customer)),
        h("p", { dir: "auto" }, h("strong", { text: `${customer?.username ?? ""} ` }), comment.text),
        h("div", { class: "tiny soft", text: `${clock(comment.at)} · ${t(comment.answered ? "answered in direct" : "not answered yet")}` }),
      );
    }),
  );
}

function setAddress(url) {
  now.webhook = url;
  if (document.activeElement !== address) address.value = url;
}

async function resync() {
  const state = await read("_sandbox/state?for=page");
  now.account = state.account;
  now.customers = new Map(state.customers.map((customer) => [customer.id, customer]));
  now.messages = new Map(state.messages.map((message) => [message.id, message]));
  now.comments = new Map(state.comments.map((comment) => [comment.id, comment]));
  if (!now.customers.has(now.chosen)) now.chosen = state.open ?? state.customers[0]?.id ?? null;
  setAddress(state.webhook);
  drawPeople();
  drawWho();
  drawChat();
  drawComments();
  tellOpen();
  await wrong.load();
}

live({
  resync,
  event(kind, data) {
    wrong.event(kind, data);
    if (kind === "message") putMessage(data);
    else if (kind === "customer") {
      now.customers.set(data.id, data);
      drawPeople();
      if (data.id === now.chosen) drawWho();
    } else if (kind === "comment") {
      now.comments.set(data.id, data);
      drawComments();
    } else if (kind === "webhook") setAddress(data);
  },
});
