// Where the rows come from: the server, and what it has said lately, so that the next row is there
// before it is asked for.

const MOST_KEPT = 120;
const AHEAD = 4;

export class Source {
  #rows = new Map();
  #asked = new Map();
  #ask;

  constructor(ask) {
    this.#ask = ask;
  }

  /** The row as it was at least at `revision`, if it is at hand. */
  peek(id, revision) {
    const row = this.#rows.get(id);
    return row && row.revision >= revision ? row : null;
  }

  /** The row as it is now. */
  async row(id) {
    const asked = this.#asked.get(id) ?? this.#ask("row", { id });
    this.#asked.set(id, asked);
    try {
      const row = await asked;
      this.put(row);
      return row;
    } finally {
      this.#asked.delete(id);
    }
  }

  /** Fetch the rows around `at` of `heads`, those ahead first. */
  warm(heads, at) {
    const around = Array.from({ length: AHEAD }, (_, n) => [heads[at + n + 1], heads[at - n - 1]]).flat();
    for (const head of around) {
      if (head && !this.peek(head.id, head.revision)) this.row(head.id).catch(() => {});
    }
  }

  put(row) {
    this.#rows.delete(row.id);
    this.#rows.set(row.id, row);
    if (this.#rows.size > MOST_KEPT) this.#rows.delete(this.#rows.keys().next().value);
  }

  drop(ids) {
    for (const id of ids) this.#rows.delete(id);
  }
}
