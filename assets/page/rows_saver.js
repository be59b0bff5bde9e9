// Saving one row: one save on its way at a time, each on top of the last answer, until the server
// has everything. Nothing that was typed is let go of before that. Knows no element.

import { parts, same } from "./rows_body.js";
import { key } from "./rows_drafts.js";

const PAUSE = 800;
const PATIENCE = 30_000;
const WAITS = [1000, 2000, 4000, 8000];

/**
 * The states: "saved", "editing" (typed, not sent), "saving", "unreachable" (sent again by and by),
 * "refused" (`card` says why; the next change or `flush` tries again), "conflict" (`theirs` is the
 * row as it stands, `seen` as the person wants it, `merged` what was put together so far; `resolve`
 * ends it).
 */
export class Saver {
  state = "saved";
  card = null;
  theirs = null;
  merged = new Map();
  isKept = true;
  #face = null;
  #pending = null;
  #sending = null;
  #timer = null;
  #tries = 0;
  #hurries = false;
  #isEnded = false;

  /**
   * `row` as the server gave it; `hear(saver, outcome)` is called at each turn of events, and
   * `gather(saver)` before texts are compared, so that all that was typed is among them.
   */
  constructor({ row, ask, drafts, hear, gather }) {
    Object.assign(this, { row, ask, drafts, hear, gather });
  }

  /** The row as the person sees it: the server's, under what was typed since. */
  get seen() {
    return { ...this.#face, ...this.row, ...this.#sending?.change, ...this.#pending?.change };
  }

  get isClean() {
    return this.#pending === null && this.#sending === null;
  }

  /** Whether the row was erased for good, so that what was typed has no home any more. */
  get isGone() {
    return this.state === "refused" && this.card.key === "rows.unknown";
  }

  /** The text that the server does not have. */
  get unsaved() {
    const { body = {}, notes, tags } = { ...this.#sending?.change, ...this.#pending?.change };
    return parts({ body, notes, tags }).map((part) => part.text).filter(Boolean).join("\n\n");
  }

  /** Let go of what was typed and take nothing more: the row is erased. */
  end() {
    this.#isEnded = true;
    clearTimeout(this.#timer);
    this.#sending = this.#pending = this.theirs = null;
    this.state = "saved";
    this.drafts.forget(this.row.id);
  }

  /** The person has changed these fields. */
  change(fields) {
    if (this.#isEnded) return undefined;
    this.#pending = { change: { ...this.#pending?.change, ...fields }, key: key() };
    this.#keep();
    if (this.#sending || this.theirs) return this.hear(this);
    this.#turn("editing");
    this.#later(PAUSE, () => this.#send());
  }

  /** Save now what there is. */
  flush() {
    if (this.#sending) this.#hurries = true;
    if (this.state === "unreachable") this.#retry();
    if (!this.#sending && this.#pending && !this.theirs) this.#send();
  }

  /** Go on with what a tab left behind that is gone. */
  adopt(draft) {
    this.#sending = { change: draft.change, revision: draft.revision, key: draft.key };
    this.#pending = draft.next ?? null;
    this.#attempt();
  }

  /**
   * The row as the server gave it again. Where something is not saved yet, only the very state that
   * was written on becomes its ground; another one is shown beneath, and stays theirs.
   */
  renew(row) {
    this.#face = row;
    if (this.isClean ? row.revision >= this.row.revision : row.revision === this.row.revision) this.row = row;
  }

  /** End a conflict by what the person decided, saved on top of the other text. */
  resolve(fields) {
    if (!this.theirs) return;
    this.row = this.theirs;
    this.theirs = null;
    this.merged.clear();
    this.#pending = { change: { ...this.#pending.change, ...fields }, key: key() };
    this.#keep();
    this.#send();
  }

  #send() {
    clearTimeout(this.#timer);
    this.#sending = { ...this.#pending, revision: this.row.revision };
    this.#pending = null;
    this.#attempt();
  }

  async #attempt() {
    this.#keep();
    this.card = null;
    this.#turn("saving");
    try {
      const saved = await within(PATIENCE, this.ask("save", { id: this.row.id, ...this.#sending }));
      if (!this.#isEnded) this.#saved(saved);
    } catch (error) {
      if (!this.#isEnded) await this.#failed(error);
    }
  }

  #saved({ moved, freed, ...row }) {
    this.row = row;
    this.#sending = null;
    this.#tries = 0;
    this.#keep();
    this.#turn(this.#pending ? "editing" : "saved", { moved, freed });
    if (!this.#pending) return;
    if (this.#hurries) this.#send();
    else this.#later(PAUSE, () => this.#send());
    this.#hurries = false;
  }

  async #failed(error) {
    if (error.name !== "Card") return this.#retryLater();
    if (error.key === "rows.changed_elsewhere") return this.#compare();
    this.#takeBack();
    this.card = error;
    this.#turn("refused");
  }

  #retryLater() {
    this.#turn("unreachable");
    this.#later(WAITS[Math.min(this.#tries++, WAITS.length - 1)], () => this.#retry());
  }

  #retry() {
    clearTimeout(this.#timer);
    this.#attempt();
  }

  /** Both have changed the row: go on where nothing clashes, else let the person decide. */
  async #compare() {
    let theirs;
    try {
      theirs = await within(PATIENCE, this.ask("row", { id: this.row.id }));
      await this.gather(this);
    } catch (error) {
      return this.#isEnded ? undefined : this.#failed(error);
    }
    if (this.#isEnded) return undefined;
    const mine = this.#takeBack();
    if (mine.tags) mine.tags = joined(this.row.tags ?? [], mine.tags, theirs.tags);
    if (!clashes(this.row, mine, theirs)) {
      this.row = theirs;
      this.hear(this, { merged: true });
      return this.#send();
    }
    this.theirs = theirs;
    this.#face = theirs;
    return this.#turn("conflict");
  }

  /** What was on its way and what came later, as one pending change again. */
  #takeBack() {
    const change = { ...this.#sending.change, ...this.#pending?.change };
    this.#sending = null;
    this.#pending = { change, key: key() };
    this.#keep();
    return change;
  }

  #keep() {
    const [first, next] = [this.#sending ?? this.#pending, this.#sending && this.#pending];
    if (first === null) this.drafts.forget(this.row.id);
    this.isKept = first === null || this.drafts.keep(this.row.id, { revision: this.row.revision, ...first, ...(next ? { next } : {}) });
  }

  #turn(state, outcome = null) {
    this.state = state;
    this.hear(this, outcome);
  }

  #later(milliseconds, act) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, milliseconds);
  }
}

/** Tags as both sides want them: what either added to `base` is there, what either took out is not. */
function joined(base, mine, theirs) {
  const added = mine.filter((tag) => !base.includes(tag));
  const removed = base.filter((tag) => !mine.includes(tag));
  return [...new Set([...theirs, ...added])].filter((tag) => !removed.includes(tag));
}

/** Whether both sides have written different texts; status and split follow the later wish. */
function clashes(base, mine, theirs) {
  return ["body", "notes"].some(
    (field) => field in mine && !same(theirs[field], mine[field]) && !(field in base && same(theirs[field], base[field])),
  );
}

function within(milliseconds, answer) {
  const tooLate = new Promise((_, reject) => setTimeout(() => reject(new Error("no answer in time")), milliseconds));
  return Promise.race([answer, tooLate]);
}
