// Asking about something that moves: one question at a time, and always the newest.

const AGAIN = 2000;

/**
 * Calls `act(wish)` for the newest wish, `pause` milliseconds after it was made. While an answer is
 * awaited, wishes wait, and only the last of them is asked; so answers come in their order and none
 * that is overtaken comes late. A server that does not answer is asked again.
 */
export class Latest {
  constructor(act, { pause, answered, failed, late = () => {}, patience = 400 }) {
    Object.assign(this, { act, pause, answered, failed, late, patience, wish: null, timer: null, isAsking: false });
  }

  /** Whether something is still to be asked or answered. */
  get isOwed() {
    return this.wish !== null || this.isAsking;
  }

  want(wish) {
    this.wish = wish;
    this.timer ??= setTimeout(() => this.#go(), this.pause);
  }

  async #go() {
    this.timer = null;
    if (this.isAsking) return;
    this.isAsking = true;
    while (this.wish !== null) await this.#ask();
    this.isAsking = false;
  }

  async #ask() {
    const wish = this.wish;
    this.wish = null;
    const late = setTimeout(this.late, this.patience);
    try {
      this.answered(await this.act(wish), wish);
    } catch (error) {
      if (error.name === "Unreachable") setTimeout(() => this.wish === null && this.want(wish), AGAIN);
      this.failed(error);
    } finally {
      clearTimeout(late);
    }
  }
}
