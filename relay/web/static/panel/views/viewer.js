import { html, useEffect, useState } from "../../ui/lib.js";
import { Dialog } from "../../ui/dialog.js";
import { t } from "../../ui/i18n.js";
import { Icon, IconButton } from "../../ui/icons.js";
import { fileKind } from "../model/shapes.js";

/** Pictures and films in large; arrows go on, Escape goes back. @param {{files: import("../model/shapes.js").File_[], at: number, onclose: () => void}} props */
export function Viewer({ files, at: first, onclose }) {
  const [at, setAt] = useState(first);
  const file = files[at];
  const step = (/** @type {number} */ by) => setAt((i) => Math.min(files.length - 1, Math.max(0, i + by)));
  useEffect(() => {
    const key = (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "ArrowRight") step(1);
      else if (event.key === "ArrowLeft") step(-1);
      else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", key);
    return () => document.removeEventListener("keydown", key);
  }, []);
  const kind = fileKind(file);
  return html`<${Dialog} title=${file.name || t("list.file")} onclose=${onclose} class="viewer" plain=${true}>
    <header><bdi>${file.name}</bdi>${files.length > 1 && html`<span class="soft">${at + 1} / ${files.length}</span>`}<span class="spring"></span>
      <a class="icon-button" href=${file.big || file.url} download=${file.name} aria-label=${t("download")} title=${t("download")}><${Icon} name="download" /></a>
      <${IconButton} icon="x" label=${t("close")} onclick=${onclose} /></header>
    <div class="viewer-stage">
      ${files.length > 1 && html`<${IconButton} icon="chevron-left" label=${t("previous")} disabled=${at === 0} onclick=${() => step(-1)} />`}
      ${kind === "image" ? html`<img src=${file.big || file.url} alt=${file.name} />` : kind === "video" ? html`<video src=${file.url} controls></video>` : kind === "audio" ? html`<audio src=${file.url} controls></audio>` : html`<a class="button" href=${file.url} download=${file.name}><${Icon} name="download" />${file.name}</a>`}
      ${files.length > 1 && html`<${IconButton} icon="chevron-right" label=${t("next")} disabled=${at === files.length - 1} onclick=${() => step(1)} />`}
    </div>
  </${Dialog}>`;
}
