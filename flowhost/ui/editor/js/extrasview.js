// Draws notes and frames: frames below the wires, notes among the cards. What they say is text, never markup.
import { el } from "./dom.js";

export class ExtrasView {
  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.view = view;
    this.shown = new Map(); // key -> {root, item, text}
  }

  /** Bring all of them up to date. */
  draw() {
    const { scene, marks } = this.view;
    const wanted = new Map([
      ...[...scene.groups.values()].map((group) => [`group:${group.id}`, group]),
      ...[...scene.notes.values()].map((note) => [`note:${note.id}`, note]),
    ]);
    for (const [key, { root }] of this.shown) {
      if (wanted.has(key)) continue;
      root.remove();
      this.shown.delete(key);
    }
    for (const [key, item] of wanted) {
      const made = this.shown.get(key) ?? this.#make(key);
      this.#place(made, item);
      made.root.classList.toggle("fe-selected", marks.extras.has(key));
      made.root.classList.toggle("fe-frame-joins", key === `group:${marks.frame}`);
      const text = key.startsWith("note:") ? item.text : item.name || this.view.words.group_unnamed;
      if (made.text.textContent !== text && !made.writing) made.text.textContent = text;
    }
  }

  /** Show a note in another size while its corner is pulled. */
  stretch(id, [w, h]) {
    const { root } = this.shown.get(`note:${id}`);
    Object.assign(root.style, { width: `${w}px`, height: `${h}px` });
  }

  /** Let the person write into a note or the name of a frame; false where none can be seen. */
  write(key) {
    const item = this.view.scene.extra(key);
    if (!item || this.view.plane.hidden) return false;
    this.draw(); // it may be new
    const made = this.shown.get(key);
    if (made.writing) return true;
    const note = key.startsWith("note:");
    const before = note ? item.text : item.name;
    const input = el(note ? "textarea" : "input", "fe-write", { "data-testid": "extra-write", "aria-label": this.view.words[note ? "note_text" : "group_name"] });
    input.value = before;
    made.writing = true;
    made.text.replaceWith(input);
    input.focus();
    input.select();
    const leave = (keep) => {
      if (!made.writing) return;
      made.writing = false;
      const text = note ? input.value : input.value.trim();
      input.replaceWith(made.text);
      if (keep && (text !== before || (note && !text.trim()))) this.view.onWrite?.(key, text);
      this.view.draw();
    };
    input.addEventListener("blur", () => leave(true));
    input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      const done = event.key === "Escape" || (event.key === "Enter" && (!note || event.ctrlKey || event.metaKey));
      if (!done) return;
      event.preventDefault();
      leave(note || event.key === "Enter"); // what was written into a note is not given up by a key
      this.view.frame.focus();
    });
    for (const name of ["pointerdown", "dblclick", "wheel"]) input.addEventListener(name, (event) => event.stopPropagation());
    return true;
  }

  #make(key) {
    const note = key.startsWith("note:");
    const text = el("div", note ? "fe-note-text" : "fe-group-name", note ? {} : { "data-extra": key });
    const root = note
      ? el("div", "fe-note", { "data-extra": key, "data-testid": "note", role: "note" }, text, el("span", "fe-note-grip", { "aria-hidden": "true" }))
      : el("div", "fe-group", { "data-testid": "group", "data-group": key.slice(6), role: "group" }, text);
    const made = { root, text, item: null, writing: false };
    this.shown.set(key, made);
    if (note) this.view.plane.append(root);
    else this.view.plane.prepend(root);
    return made;
  }

  #place(made, item) {
    const { x, y, w, h } = item;
    const spot = `${x} ${y} ${w} ${h}`;
    if (made.spot === spot) return;
    made.spot = spot;
    Object.assign(made.root.style, { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${h}px` });
  }
}
