/** Files on their way: checked against the channel before anything is sent, with progress, and each can be taken back. */
import { Problem, upload } from "../../ui/api.js";
import { size, t } from "../../ui/i18n.js";
import { limitsOf } from "./config.js";
import { conversation } from "./conversations.js";
import { fileProblem } from "./fitting.js";
import { file as asFile } from "./shapes.js";

/**
 * @typedef {{key: number, name: string, mime: string, size: number, share: number, problem: string, file: import("./shapes.js").File_|null, preview: string}} Upload
 */

let count = 0;
/** @type {Map<number, AbortController>} */
const under = new Map();

/** @param {number} number @param {number} key @param {Partial<Upload>} change */
function update(number, key, change) {
  const { uploads } = conversation(number);
  uploads.value = uploads.value.map((u) => (u.key === key ? { ...u, ...change } : u));
}

/** @param {number} number @param {string} channel @param {Iterable<File>} files */
export function addFiles(number, channel, files) {
  for (const file of files) {
    count += 1;
    const key = count;
    const found = fileProblem(file, limitsOf(channel));
    const problem = found ? t(found.key, { name: file.name, most: found.most ? size(found.most) : "", kinds: found.kinds ?? "", size: size(file.size) }) : "";
    const preview = file.type.startsWith("image/") ? URL.createObjectURL(file) : "";
    const { uploads } = conversation(number);
    uploads.value = [...uploads.value, { key, name: file.name, mime: file.type, size: file.size, share: 0, problem, file: null, preview }];
    if (!problem) start(number, channel, key, file);
  }
}

/** @param {number} number @param {string} channel @param {number} key @param {File} file */
async function start(number, channel, key, file) {
  const control = new AbortController();
  under.set(key, control);
  try {
    const raw = await upload("/uploads", file, { signal: control.signal, progress: (share) => update(number, key, { share }) });
    const no = raw.says?.[channel];
    const sentence = typeof no === "string" ? no : (no?.reason ?? "");
    update(number, key, { share: 1, file: asFile(raw), problem: sentence });
  } catch (error) {
    if (!(error instanceof Problem)) return;
    const proxy = error.status === 413 && !error.body.detail;
    update(number, key, { problem: proxy ? t("file.proxy") : error.offline ? t("file.offline") : error.message });
  } finally {
    under.delete(key);
  }
}

/** Take a file back; one under way stops. @param {number} number @param {number} key */
export function removeFile(number, key) {
  under.get(key)?.abort();
  const { uploads } = conversation(number);
  const one = uploads.value.find((u) => u.key === key);
  if (one?.preview) URL.revokeObjectURL(one.preview);
  uploads.value = uploads.value.filter((u) => u.key !== key);
}

/** @param {number} number */
export function clearFiles(number) {
  for (const one of conversation(number).uploads.value) if (one.preview) URL.revokeObjectURL(one.preview);
  conversation(number).uploads.value = [];
}
