// Which nodes of the running flow fail, and which sources bring nothing: what the state of the flow does not say.
import { el, icon } from "./dom.js";
import { count } from "./numbers.js";
import { clock, exact } from "./times.js";

const FRESH_MS = 60_000; // a failed message counts as trouble this long
const PATIENCE_MS = 10_000; // a source may take this long to bring its first message
const LOOK_MS = 5000;
/** States of a flow in which messages move. */
export const RUNS = new Set(["running", "starting", "draining"]);

/**
 * Nodes in trouble: down, cut off from their target, or with failed messages in the last minute; `dying` is what the host
 * counted, also before this page was opened.
 * @param {Map<string, object>} figures by key
 * @param {Map<string, {errors: number, at: number}>} seen kept between two looks: errors, and when they grew
 */
export function failing(figures, seen, now) {
  const found = [];
  for (const [key, { state, down, errors, dying }] of figures) {
    if (!key.startsWith("n:")) continue;
    const before = seen.get(key);
    // errors from before this page was opened are no news
    const grew = before && errors > before.errors ? now : errors < (before?.errors ?? 0) ? -Infinity : before?.at ?? -Infinity;
    seen.set(key, { errors, at: grew });
    if (dying || state === "failed" || state === "retrying" || (down && state !== "idle" && state !== "stopped") || now - grew < FRESH_MS) found.push(key.slice(2));
  }
  return found;
}

/** Whether a source that leads to a target has brought nothing since its run began, long enough to say so. */
export function silent(type, figures, since, now) {
  return Boolean(since) && now - Date.parse(since) >= PATIENCE_MS && type?.kind === "source" && Boolean(type.connection) && figures?.state === "running" && !figures.total;
}

export class Trouble {
  /** @param {HTMLElement} before where its button goes @param {import("./editor.js").Editor} editor */
  constructor(before, editor) {
    Object.assign(this, { editor, seen: new Map(), found: [], at: -1 });
    this.text = el("span");
    this.root = el("button", "fh-button fe-in-trouble", { type: "button", hidden: true, "data-testid": "in-trouble", onclick: () => this.#next() }, icon("error_outline"), this.text);
    before.before(this.root);
    editor.on("status", () => this.#look());
    this.timer = setInterval(() => this.#look(), LOOK_MS);
  }

  #next() {
    this.at = (this.at + 1) % this.found.length;
    this.editor.jump(this.found[this.at]);
  }

  #look() {
    const { editor } = this;
    const { figures } = editor.view;
    const flow = figures.get("f:");
    const runs = RUNS.has(flow?.state);
    if (flow?.run !== this.run) this.seen.clear();
    this.run = flow?.run;
    this.found = runs ? failing(figures, this.seen, performance.now()).filter((id) => editor.scene.nodes.has(id)) : [];
    this.root.hidden = !this.found.length;
    const { words } = editor;
    this.text.textContent = (this.found.length === 1 ? words.in_trouble_one : words.in_trouble).replace("{count}", count(this.found.length));
    this.root.title = words.in_trouble_why.replace("{names}", this.found.map((id) => editor.scene.titleOf(id)).join(", "));
    this.#silence(runs ? flow.since : "");
  }

  /** A silent source says so on its card. */
  #silence(since) {
    const { view, scene, types, words } = this.editor;
    const time = clock(since);
    for (const [id, card] of view.cards) {
      const type = types[scene.nodes.get(id)?.node.type];
      const says = silent(type, view.figures.get(`n:${id}`), since, Date.now());
      const text = says ? words.silent.replace("{time}", time) : "";
      // an attribute that is written is drawn anew, also where it is the same
      if ((card.root.dataset.silent ?? "") === text) continue;
      card.root.dataset.silent = text;
      card.root.title = says ? exact(since) : "";
    }
  }
}
