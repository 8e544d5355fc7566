// Secrets a form may name. Their values go to the host and never come from there.

const RESERVED = "KEY_FILE"; // FLOWHOST_SECRET_KEY_FILE is a setting

export class Secrets {
  /**
   * @param {(what: string, args: object) => Promise<any>} ask questions to the host
   * @param {object} how
   * @param {boolean} [how.held] what is typed waits in `typed` until the form is saved; else the host has it at once
   * @param {() => void} how.redraw what a field shows has changed
   * @param {(done: {restarted: string[], not_started: string[]}) => void} [how.stored] the host has taken a value
   */
  constructor(ask, { held = false, redraw, stored = () => {} }) {
    Object.assign(this, { ask, held, redraw, stored, all: [], known: false, typed: {}, replacing: "", fault: null });
  }

  /** Ask the host which there are. */
  async learn() {
    let found;
    try {
      found = await this.ask("secrets", {});
    } catch {
      return; // no line: what was known stays
    }
    if (this.known && JSON.stringify(found) === JSON.stringify(this.all)) return;
    Object.assign(this, { all: found, known: true });
    this.redraw();
  }

  find(name) {
    return this.all.find((one) => one.name === name || (one.source === "environment" && variable(one.name) === variable(name)));
  }

  /** A name nobody has yet, made of what the secret is for. */
  freeName(owner, path) {
    const parts = [owner, ...path.join(".").split(".").filter((part) => part !== "config")];
    const stem = parts.join("_").replace(/[^A-Za-z0-9]+/g, "_").replace(/^[^A-Za-z]+|_+$/g, "").toLowerCase().slice(0, 100) || "secret";
    const taken = new Set([RESERVED, ...this.all.map(({ name }) => variable(name)), ...Object.keys(this.typed).map(variable)]);
    let name = stem;
    for (let number = 2; taken.has(variable(name)); number++) name = `${stem}_${number}`;
    return name;
  }

  /** A value was typed. Rejects with words for the person. */
  async take(name, value) {
    if (this.held) this.typed[name] = value;
    else {
      this.stored(await this.ask("secret.put", { name, value }));
      await this.learn();
    }
  }

  /** What waits is stored now, for forms whose own question does not bring it. */
  async store() {
    for (const [name, value] of Object.entries(this.typed)) {
      this.stored(await this.ask("secret.put", { name, value }));
      delete this.typed[name];
    }
    await this.learn();
  }

  /** A value that waits is not wanted any more. */
  drop(name) {
    delete this.typed[name];
  }

  /** Forget everything typed. */
  clear() {
    Object.assign(this, { typed: {}, replacing: "", fault: null });
  }
}

function variable(name) {
  return name.replace(/[^A-Za-z0-9]/g, "_").toUpperCase();
}
