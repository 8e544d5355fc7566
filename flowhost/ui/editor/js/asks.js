// Questions to the host over a line that may break: each gets an answer, or an error in words, in its time.

const PATIENCE_MS = 60_000;

export class Asks {
  /** @param {(frame: object) => boolean} send false where there is no line @param {Record<string, string>} words */
  constructor(send, words) {
    Object.assign(this, { send, words });
    this.waiting = new Map();
    this.number = 0;
  }

  /** @returns {Promise<any>} rejects with an Error that has a `place` */
  ask(what, args) {
    const n = ++this.number;
    return new Promise((resolve, reject) => {
      if (!this.send({ t: "ask", n, what, args })) return reject(fault(this.words.line_lost));
      const timer = setTimeout(() => this.#settle(n, { ok: false, error: this.words.no_answer }), PATIENCE_MS);
      this.waiting.set(n, { resolve, reject, timer });
    });
  }

  /** An answer came. */
  take(frame) {
    this.#settle(frame.n, frame);
  }

  /** The line broke: nobody knows what became of the questions. */
  lost() {
    for (const n of [...this.waiting.keys()]) this.#settle(n, { ok: false, error: this.words.line_lost });
  }

  #settle(n, { ok, value, error, place = "" }) {
    const one = this.waiting.get(n);
    if (!one) return;
    this.waiting.delete(n);
    clearTimeout(one.timer);
    if (ok) one.resolve(value);
    else one.reject(fault(error, place));
  }
}

function fault(message, place = "") {
  return Object.assign(new Error(message), { place });
}
