// What was typed and not yet acknowledged by the server, kept in this browser until it is.
//
// A draft is {revision, change, key, at, next?}: `change` goes out under `key` against `revision`;
// `next` = {change, key} was typed while that was on its way. Sending one twice is safe.

const PREFIX = "studio.draft.";
// Plain HTTP beyond this machine has no locks. There a draft whose time is that old has lost its tab:
// a living one renews it, and a hidden one may be woken only once a minute.
const RENEWAL = 20_000;
const OLD = 120_000;

export class Drafts {
  #tab = key();
  #storage;
  #isLeaving = false;

  constructor(storage = window.localStorage) {
    this.#storage = storage;
    // Held as long as this tab lives: others take over its drafts only afterwards.
    if (navigator.locks) navigator.locks.request(lock(this.#tab), () => new Promise(() => {}));
    else this.#renewForEver();
  }

  /** Keep the draft of a row; false where the browser has no room for it. */
  keep(row, draft) {
    try {
      this.#storage.setItem(this.#name(row), JSON.stringify({ ...draft, at: this.#now() }));
      return true;
    } catch {
      return false;
    }
  }

  /** The server has it. */
  forget(row) {
    this.#storage.removeItem(this.#name(row));
  }

  /** Nothing is to be kept of these rows, whichever tab wrote it. */
  erase(rows) {
    this.#found().filter(({ row }) => rows.includes(row)).forEach(({ name }) => this.#storage.removeItem(name));
  }

  /**
   * Hand over what tabs left behind that have died, now or once they do: `take(row, draft, release)`;
   * it stays in the browser until released.
   */
  inherit(take) {
    if (!navigator.locks) return this.#inheritOld(take);
    for (const tab of new Set(this.#others().map((one) => one.tab))) {
      navigator.locks.request(lock(tab), () => this.#others().filter((one) => one.tab === tab).forEach((one) => this.#handOver(one, take)));
    }
    return undefined;
  }

  #inheritOld(take) {
    const isOld = ({ name }) => !(Date.now() - read(this.#storage.getItem(name))?.at < OLD);
    this.#others().filter(isOld).forEach((one) => this.#handOver(one, take));
    setTimeout(() => this.#inheritOld(take), RENEWAL);
  }

  /** Keep the time of this tab's drafts young, until it goes: then they are old at once. */
  #renewForEver() {
    const renew = (isLeaving) => {
      this.#isLeaving = isLeaving;
      this.#found().filter(({ tab }) => tab === this.#tab).forEach(({ name, row }) => this.keep(row, read(this.#storage.getItem(name))));
    };
    setInterval(() => renew(this.#isLeaving), RENEWAL);
    window.addEventListener("pagehide", () => renew(true));
    window.addEventListener("pageshow", () => renew(false));
  }

  #now() {
    return this.#isLeaving ? 0 : Date.now();
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

  #others() {
    return this.#found().filter(({ tab }) => tab !== this.#tab);
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
