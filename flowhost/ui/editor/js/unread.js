// Texts of fields that cannot be read: kept as typed, each counts as a mistake until it is readable or put back. No DOM.
import { placeOf } from "./problems.js";

export class Unread {
  /** @param {() => void} changed */
  constructor(changed = () => {}) {
    Object.assign(this, { changed, held: new Map() }); // place -> {path, text, message, before}
  }

  /** What is typed in a field and holds none of its values; undefined where the value is another by now. */
  at(path, value) {
    const found = this.held.get(placeOf(path));
    return found && stands(found, value) ? found : undefined;
  }

  /** Keep a text that cannot be read; `value` is what the field holds meanwhile, null where that does not matter. */
  put(path, value, text, message) {
    const before = this.held.get(placeOf(path));
    if (before?.message === message && JSON.stringify(before.text) === JSON.stringify(text)) return;
    this.held.set(placeOf(path), { path, text, message, before: value === null ? null : JSON.stringify(value) });
    this.changed();
  }

  /** The field can be read, or was put back. */
  drop(path) {
    if (this.held.delete(placeOf(path))) this.changed();
  }

  clear() {
    this.held.clear();
  }

  /** Those that stand: the value of each is still the one they were typed over. */
  standing(valueOf) {
    return [...this.held].filter(([, one]) => stands(one, valueOf(one.path))).map(([place, { message }]) => ({ place, message }));
  }

  /** The same for the fields of one thing, by their paths from it. */
  within(prefix) {
    return {
      at: (path, value) => this.at([...prefix, ...path], value),
      put: (path, ...rest) => this.put([...prefix, ...path], ...rest),
      drop: (path) => this.drop([...prefix, ...path]),
    };
  }
}

function stands({ before }, value) {
  return before === null || before === JSON.stringify(value);
}
