import { cx, html } from "../../ui/lib.js";
import { size, t } from "../../ui/i18n.js";
import { Icon, IconButton } from "../../ui/icons.js";
import { removeFile } from "../model/uploads.js";

/** Files that go with the answer. @param {{number: number, uploads: import("../model/uploads.js").Upload[]}} props */
export function UploadList({ number, uploads }) {
  return html`<ul class="uploads" aria-label=${t("files")}>${uploads.map((u) => html`<li key=${u.key} class=${cx("upload", u.problem && "bad")}>
    ${u.preview ? html`<img src=${u.preview} alt="" />` : html`<${Icon} name=${u.mime.startsWith("audio/") ? "music" : u.mime.startsWith("video/") ? "video" : "file"} />`}
    <span class="upload-main"><bdi>${u.name}</bdi>
      ${u.problem ? html`<span class="bad-text" role="alert">${u.problem}</span>` : u.file ? html`<span class="soft">${size(u.size)}</span>` : html`<progress max="1" value=${u.share} aria-label=${t("upload.progress", { name: u.name })}></progress>`}</span>
    <${IconButton} icon="x" class="small" label=${u.file || u.problem ? t("file.remove", { name: u.name }) : t("upload.cancel")} onclick=${() => removeFile(number, u.key)} />
  </li>`)}</ul>`;
}
