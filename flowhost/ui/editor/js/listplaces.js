// A list that is edited item by item, in a form that may be older than the list: by others, or by this form a moment ago.

export class ListPlaces {
  /**
   * @param {{read: (path: (string | number)[]) => unknown, set: (path: (string | number)[], value: unknown) => void, path: (string | number)[]}} context
   * @param {unknown[]} drawn the list as the form shows it
   */
  constructor({ read, set, path }, drawn) {
    Object.assign(this, { read, set, path, drawn, places: drawn.map((_, index) => index) });
  }

  /** The list of now. */
  get now() {
    const found = this.read(this.path);
    return Array.isArray(found) ? found : found === undefined ? [] : [found];
  }

  /** Where an item of the form is now; null if it was taken away. */
  of(index) {
    this.#follow();
    return this.places[index];
  }

  /** Change an item, or what is at `steps` within; the others stay as they are now. What is set in one that was taken away begins a new one. */
  change(index, steps, value) {
    const place = this.of(index);
    if (place === null && value === undefined) return;
    if (place === null) this.add([steps.reduceRight((inner, step) => ({ [step]: inner }), value)]);
    else if (Array.isArray(this.read(this.path))) this.set([...this.path, place, ...steps], value);
    else this.#store(this.now.with(place, value)); // written without a list
    this.#follow();
  }

  add(items) {
    this.#store([...this.now, ...items]);
  }

  remove(index) {
    const place = this.of(index);
    if (place !== null) this.#store(this.now.toSpliced(place, 1));
  }

  #store(items) {
    this.#follow();
    this.set(this.path, items.length ? items : undefined);
    this.#follow();
  }

  /** Find all items again, step by step: what was done here is not taken for what others did. */
  #follow() {
    const { now } = this;
    this.places = this.places.map((place) => (place === null ? null : whereNow(this.drawn, now, place)));
    this.drawn = now;
  }
}

/** The place of an item after a change: one of as many stays where it is, others are told by what is before or behind. */
export function whereNow(before, now, index) {
  if (before.length === now.length) return index;
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  if (index < now.length && before.slice(0, index + 1).every((item, place) => same(item, now[place]))) return index;
  const moved = index + now.length - before.length;
  return moved >= 0 && before.slice(index).every((item, step) => same(item, now[moved + step])) ? moved : null;
}
