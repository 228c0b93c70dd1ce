/** Requests to /api/v1. What it answers with is JSON; what it refuses is a `Problem` with a sentence. */

/** Something the server refused, or that did not reach it (status 0). */
export class Problem extends Error {
  /** @param {number} status @param {any} body @param {number} [retryAfter] seconds */
  constructor(status, body, retryAfter = 0) {
    super(body?.detail || body?.title || `HTTP ${status}`);
    this.status = status;
    this.body = body ?? {};
    this.retryAfter = retryAfter;
  }

  get offline() {
    return this.status === 0;
  }
}

export const ROOT = "/api/v1";

/** What the page knows about its session; set once by the page. */
export const session = {
  csrf: "",
  /** Called when the session has ended; resolves when somebody has logged in again. @type {() => Promise<void>} */
  expired: () => new Promise(() => {}),
};

/** @param {string} method @param {BodyInit|undefined} body @param {Record<string,string>} headers */
function prepared(method, body, headers) {
  const all = { Accept: "application/json", ...headers };
  if (method !== "GET") all["X-Relay-CSRF"] = session.csrf;
  return { method, body, headers: all, credentials: /** @type {const} */ ("same-origin"), cache: /** @type {const} */ ("no-store") };
}

/**
 * @param {string} method
 * @param {string} path below /api/v1
 * @param {any} [value] sent as JSON
 * @param {{headers?: Record<string,string>, signal?: AbortSignal, keepalive?: boolean}} [more]
 * @returns {Promise<any>}
 */
export async function ask(method, path, value, { headers = {}, signal, keepalive } = {}) {
  const body = value === undefined ? undefined : JSON.stringify(value);
  if (body !== undefined) headers = { "Content-Type": "application/json", ...headers };
  let response;
  try {
    response = await fetch(ROOT + path, { ...prepared(method, body, headers), signal, keepalive });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, { detail: "" });
  }
  if (response.status === 401) {
    await session.expired();
    return ask(method, path, value, { headers, signal, keepalive });
  }
  return answer(response);
}

/** @param {Response} response */
async function answer(response) {
  const body = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) throw new Problem(response.status, body, Number(response.headers.get("Retry-After")) || 0);
  return body;
}

/** "?a=1&b=2" of what is set. @param {Record<string, string|number|null|undefined>} values */
export function query(values) {
  const pairs = Object.entries(values).filter(([, v]) => v !== undefined && v !== null && v !== "");
  return pairs.length ? `?${new URLSearchParams(pairs.map(([k, v]) => [k, String(v)]))}` : "";
}

/**
 * Send a file, with progress: only XMLHttpRequest tells how much has gone.
 * @param {string} path
 * @param {File} file
 * @param {{progress?: (share: number) => void, signal?: AbortSignal}} [more]
 * @returns {Promise<any>}
 */
export function upload(path, file, { progress, signal } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", ROOT + path);
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-Relay-CSRF", session.csrf);
    request.upload.onprogress = (event) => event.lengthComputable && progress?.(event.loaded / event.total);
    request.onload = () => {
      if (request.status < 300) resolve(request.response);
      else reject(new Problem(request.status, request.response));
    };
    request.onerror = () => reject(new Problem(0, {}));
    request.onabort = () => reject(new DOMException("aborted", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    const form = new FormData();
    form.append("file", file, file.name);
    request.send(form);
  });
}
