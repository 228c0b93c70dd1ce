import { cx, html } from "../../ui/lib.js";
import { t } from "../../ui/i18n.js";
import { IconButton, Icon } from "../../ui/icons.js";
import { conversation } from "../model/conversations.js";
import { chars, optionProblems } from "../model/fitting.js";

/** Quick replies while they are written. @param {{number: number, limits: import("../model/config.js").Limits}} props */
export function Options({ number, limits }) {
  const one = conversation(number);
  const options = one.options.value ?? [];
  const problems = optionProblems(options, limits);
  const set = (/** @type {string[]} */ values) => { one.options.value = values; };
  const full = limits.options !== null && options.length >= limits.options;
  const wrong = problems.find(Boolean);
  return html`<div class="options-edit" role="group" aria-label=${t("options")}>
    ${options.map((option, at) => html`<span key=${at} class=${cx("option-edit", problems[at] && "bad")}>
      <input value=${option} dir="auto" aria-label=${t("option.n", { n: at + 1 })} placeholder=${t("option.n", { n: at + 1 })} size=${Math.max(8, chars(option) + 1)}
        aria-invalid=${problems[at] ? "true" : undefined}
        onInput=${(/** @type {any} */ e) => set(options.with(at, e.target.value))}
        onKeyDown=${(/** @type {KeyboardEvent} */ e) => {
          if (e.key === "Enter" && !e.isComposing) { e.preventDefault(); if (!full && option.trim()) { set([...options, ""]); setTimeout(() => /** @type {HTMLElement|null} */ (document.querySelector(".option-edit:last-of-type input"))?.focus(), 20); } }
          if (e.key === "Backspace" && !option && options.length > 1) { e.preventDefault(); set(options.toSpliced(at, 1)); }
        }} />
      ${limits.option_chars && chars(option) > limits.option_chars - 5 && html`<span class="count">${chars(option)}/${limits.option_chars}</span>`}
      <${IconButton} icon="x" class="small" label=${t("option.remove", { n: at + 1 })} onclick=${() => set(options.length > 1 ? options.toSpliced(at, 1) : [])} /></span>`)}
    ${!full && html`<button type="button" class="link" onClick=${() => set([...options, ""])}><${Icon} name="plus" />${t("option.add")}</button>`}
    ${full && html`<span class="soft">${t("option.full", { count: limits.options ?? 0 })}</span>`}
    ${wrong && html`<span class="bad-text" role="status">${t(`option.${wrong}`, { most: (wrong === "many" ? limits.options : limits.option_chars) ?? 0 })}</span>`}
  </div>`;
}
