// What was typed and not yet acknowledged by the server, kept in this browser until it is.
//
// A draft is {revision, change, key, at, next?}: `change` goes out under `key` against `revision`;
// `next` = {change, key} was typed while that was on its way. Sending one twice is safe.

const PREFIX = "studio.draft.";

export class Drafts {
  #tab = key();
  #storage;

  constructor(storage = window.localStorage) {
    this.#storage = storage;
    // Held as long as this tab lives: others take over its drafts only afterwards.
    navigator.locks?.request(lock(this.#tab), () => new Promise(() => {}));
  }

  /** Keep the draft of a row; false where the browser has no room for it. */
  keep(row, draft) {
    try {
      this.#storage.setItem(this.#name(row), JSON.stringify({ ...draft, at: Date.now() }));
      return true;
    } catch {
      return false;
    }
  }

  /** The server has it. */
  forget(row) {
    this.#storage.removeItem(this.#name(row));
  }

  /**
   * Hand over what tabs left behind that have died, now or once they do: `take(row, draft, release)`;
   * it stays in the browser until released.
   */
  inherit(take) {
    for (const tab of new Set(this.#found().map((one) => one.tab))) {
      if (tab === this.#tab) continue;
      const inherit = () => this.#found().filter((one) => one.tab === tab).forEach((one) => this.#handOver(one, take));
      if (navigator.locks) navigator.locks.request(lock(tab), inherit);
      else inherit();
    }
  }

  #handOver({ name, row }, take) {
    const release = () => this.#storage.removeItem(name);
    const draft = read(this.#storage.getItem(name));
    if (draft) take(row, draft, release);
    else release();
  }

  #found() {
    return Object.keys(this.#storage)
      .filter((name) => name.startsWith(PREFIX))
      .map((name) => ({ name, row: name.split(".")[2], tab: name.split(".")[3] }));
  }

  #name(row) {
    return `${PREFIX}${row}.${this.#tab}`;
  }
}

/** A name for one wish, so that it is done once however often it is sent. */
export function key() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function lock(tab) {
  return `studio.tab.${tab}`;
}

function read(text) {
  try {
    const draft = JSON.parse(text);
    return draft && typeof draft.change === "object" && typeof draft.key === "string" ? draft : null;
  } catch {
    return null;
  }
}
