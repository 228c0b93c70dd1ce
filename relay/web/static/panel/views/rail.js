import { cx, html, useEffect, useRef } from "../../ui/lib.js";
import { t } from "../../ui/i18n.js";
import { Icon, IconButton } from "../../ui/icons.js";
import { Avatar } from "../../ui/avatar.js";
import { TABS, filters, setFilters } from "../model/address.js";
import { counts } from "../model/inbox.js";
import { me } from "../model/people.js";
import { soundBlocked, wish, wishes, chime } from "../model/notify.js";
import { overlay } from "./overlays.js";

const ICONS = { mine: "user-check", unassigned: "user-plus", waiting: "clock", open: "inbox", snoozed: "alarm-clock", closed: "archive", failed: "triangle-alert" };

/** The lists, with how many are in each. `strip`: in a line above the list, where there is no room beside it. @param {{strip?: boolean}} props */
export function Tabs({ strip }) {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const { tab: chosen } = filters.value;
  useEffect(() => {
    if (strip) box.current?.querySelector("[aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  }, [chosen]);
  return html`<nav ref=${box} class=${strip ? "tab-strip" : "tab-list"} aria-label=${t("tabs")}>
    ${TABS.map((tab) => {
      const count = counts.value[tab] ?? 0;
      if (strip && tab === "failed" && !count && chosen !== tab) return null;
      return html`<a key=${tab} href=${`/panel?tab=${tab}`} class=${cx("tab", tab === "failed" && count && "bad")} aria-current=${chosen === tab ? "page" : undefined}
        onClick=${(/** @type {MouseEvent} */ e) => { if (e.ctrlKey || e.metaKey) return; e.preventDefault(); setFilters({ tab }); }}>
        <${Icon} name=${ICONS[tab]} /><span class="tab-name">${t(`tab.${tab}`)}</span>
        <span class="tab-count">${count || ""}</span></a>`;
    })}
  </nav>`;
}

/** The left edge of a wide screen. */
export function Rail() {
  return html`<div class="pane rail">
    <div class="brand"><svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="9" /><path d="M9 12h9a5 5 0 0 1 0 10h-1M9 12l4-4M9 12l4 4M14 22h-1" /></svg><span>Relay</span></div>
    <${Tabs} />
    <div class="rail-foot">
      <${SoundHint} />
      <button type="button" class="rail-button" onClick=${() => { overlay.value = { name: "palette" }; }}><${Icon} name="zap" />${t("palette.short")}<kbd>Ctrl K</kbd></button>
      <div class="rail-me">
        <${Avatar} name=${me.value.name} id=${me.value.name} size="small" /><span class="who" dir="auto">${me.value.name}</span>
        <${IconButton} icon="keyboard" label=${t("key.help")} keys="?" onclick=${() => { overlay.value = { name: "help" }; }} />
        <${IconButton} icon="settings" label=${t("settings")} onclick=${() => { overlay.value = { name: "settings" }; }} />
      </div>
    </div>
  </div>`;
}

/** Says that the browser keeps us silent, until a click makes it otherwise. */
export function SoundHint() {
  if (!soundBlocked.value || !wishes.value.sound || wishes.value.who === "off") return null;
  return html`<button type="button" class="hint-button" onClick=${() => chime()}><${Icon} name="volume-x" />${t("sound.blocked")}</button>`;
}

export const toggleSound = () => wish({ sound: !wishes.value.sound });
