// One node as a card. Figures are written into text nodes; the rest is made anew only when the node changes.
import { el, icon, write } from "./dom.js";
import { lettersLink } from "./letters.js";
import { rate, short, wentOn } from "./numbers.js";
import { portY } from "./geometry.js";
import { toneOf } from "./tones.js";

const FAULT_SHOWN_MS = 60_000;

export class Card {
  /** `hands`: makes the buttons of sources that can be told to send; `flow`: whose letters are linked. */
  constructor(item, type, words, { hands, flow }) {
    Object.assign(this, { words, hands, flow });
    this.root = el("div", "fh-node", { "data-testid": "node", "data-node": item.id, role: "group" });
    this.figures = "";
    this.show(item, type);
  }

  /** Draw the node itself. */
  show(item, type) {
    this.item = item;
    const { node, ports, id } = item;
    const title = node.name || id;
    this.dot = el("span", "fh-dot fh-dot-off");
    this.rate = el("span", "fh-node-rate");
    this.notes = el("span", "fh-node-notes");
    this.total = el("span", "fh-node-total");
    this.trouble = el("span", "fe-trouble", { "aria-hidden": "true" });
    this.fault = el("div", "fe-fault", { hidden: true, "data-testid": "node-fault" });
    this.sampled = el("div", "fe-sampled", { hidden: true, "data-testid": "node-sampled" });
    const head = el(
      "div", "fh-node-head", {},
      icon(type ? type.icon : "extension_off", "fh-node-icon"),
      el("div", "fh-node-names", {}, el("div", "fh-node-title", { title }, title), el("div", "fh-node-type", {}, node.type)),
      this.dot,
    );
    const foot = el("div", "fh-node-foot", {}, this.rate, el("span", "fh-unit", {}, this.words.per_s), this.notes, this.total);
    this.hand = type?.by_hand && this.hands ? this.hands.button(id, "fe-over fe-hand-pill") : null;
    this.root.replaceChildren(head, foot, this.trouble, this.fault, this.sampled, ...(this.hand ? [this.hand] : []), ...this.#ports(item, type, ports));
    this.root.setAttribute("aria-label", `${title}, ${type?.title ?? node.type}`);
    this.kind = type?.kind ?? "unknown";
    this.root.dataset.kind = this.kind;
    this.root.classList.toggle("fh-node-off", Boolean(node.disabled));
    this.root.classList.toggle("fe-missing", !type);
    this.place(item);
    const shown = this.shown;
    this.shown = null;
    this.figures = ""; // its marks are to be made anew, too
    if (this.hand) this.hand.hidden = true;
    if (shown) this.status(shown);
  }

  place({ x, y, w, h }) {
    Object.assign(this.root.style, { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${h}px` });
  }

  /** Selected, near a selected wire, a target that may or may not be wired, edited by somebody else. */
  mark({ selected, target, other }) {
    this.root.setAttribute("aria-current", String(selected));
    this.root.classList.toggle("fe-selected", selected);
    this.root.dataset.target = target;
    this.root.dataset.other = other?.edits ? other.name : "";
    this.root.classList.toggle("fe-held", Boolean(other));
    this.root.style.setProperty("--person", other?.colour ?? "");
  }

  /** Problems of the draft at this node. */
  problems(found) {
    const worst = found.some((one) => one.severity === "error") ? "error" : found.length ? "warning" : "";
    this.root.dataset.problem = worst;
    this.trouble.title = found.map((one) => one.line).join("\n");
    this.trouble.replaceChildren(...(worst ? [icon(worst === "error" ? "error" : "warning")] : []));
  }

  /** What a sample through the draft did here; null where none is shown. */
  sampling(sample) {
    this.sample = sample;
    this.sampled.hidden = !sample;
    write(this.sampled, sample?.text ?? "");
    this.sampled.title = sample?.title ?? "";
    this.sampled.dataset.tone = sample?.tone ?? "";
  }

  /** Figures of this moment. */
  status(figures) {
    if (this.shown === figures) return;
    this.shown = figures;
    this.dot.className = `fh-dot fh-dot-${toneOf(figures)}`;
    this.dot.title = figures.text ? `${figures.state}: ${figures.text}` : figures.state;
    write(this.rate, rate(figures.rate));
    this.#sum(figures);
    this.root.dataset.state = figures.state;
    this.#offer(figures);
    this.#fault(figures);
    const notes = [
      ["bad", "dead", figures.dead], ["bad", "dropped", figures.dropped],
      ["warn", "errors", figures.errors], ["busy", "waiting", this.item.fed ? 0 : figures.waiting], ["busy", "held", figures.held],
    ].filter(([, , count]) => count).slice(0, 2);
    const text = notes.map(([, word, count]) => `${word}${count}`).join();
    if (text === this.figures) return;
    this.figures = text;
    this.notes.replaceChildren(
      ...notes.map(([tone, word, count]) => {
        const text = ((count === 1 && this.words[`${word}_one`]) || this.words[word]).replace("{count}", short(count));
        const title = this.words[`${word}_hint`] ?? (figures.error || null);
        if (word === "dead") return lettersLink(this.flow, this.item.id, `fh-note fh-note-${tone} fe-over`, { title: this.words.dead_letters_hint, tabindex: "-1" }, text);
        return el("span", `fh-note fh-note-${tone}`, { title }, text);
      }),
    );
  }

  /** What came; where some of it was filtered out, what went on, too. */
  #sum({ total, out, filtered }) {
    const text = filtered ? `${short(total)} → ${short(out)}` : short(total);
    if (this.total.textContent === text) return;
    write(this.total, text);
    this.total.title = filtered ? [`${short(total)} ${this.words.seen}`, ...wentOn({ out, filtered }, this.words)].join(", ") : "";
  }

  /** The button stands below the card while it does something. */
  #offer(figures) {
    if (!this.hand) return;
    this.hand.hidden = figures.state !== "running" || !this.hands.editor.maySend;
    this.root.classList.toggle("fe-sends", !this.hand.hidden);
  }

  /** The text of a failure where it arose: while the node is down, and for a while after each failed message. */
  #fault(figures) {
    const down = ["failed", "retrying", "starting"].includes(figures.state);
    const fresh = figures.errors > (this.errors ?? 0);
    this.errors = figures.errors;
    if (fresh) {
      clearTimeout(this.calm);
      this.calm = setTimeout(() => (this.calm = null, this.#fault(this.shown)), FAULT_SHOWN_MS);
    }
    const text = (down && figures.text) || (this.calm ? figures.error : "") || "";
    this.fault.hidden = !text;
    this.root.classList.toggle("fe-failing", Boolean(text)); // its text lies over the neighbours
    write(this.fault, text);
    this.fault.title = text;
    this.fault.dataset.tone = figures.state === "failed" || !down ? "bad" : "warn";
  }

  #ports(item, type, ports) {
    const made = [];
    if (type?.kind !== "source") made.push(port("in", "in", portY(["out"], "out")));
    for (const name of ports) {
      made.push(port(name, "out", portY(ports, name)));
      if (ports.length > 1) made.push(label(name, portY(ports, name)));
    }
    const error = port("error", "out", portY(ports, "error"), "fh-port-error");
    error.classList.toggle("fe-idle", !item.wired.split(",").includes("error"));
    return [...made, error];
  }
}

function port(name, direction, y, more = "") {
  const made = el("span", `fh-port fh-port-${direction} ${more}`.trim(), {
    "data-testid": "port", "data-port": name, "data-direction": direction, title: name,
  });
  made.style.top = `${y}px`;
  return made;
}

function label(name, y) {
  const made = el("span", "fh-port-name", {}, name);
  made.style.top = `${y}px`;
  return made;
}
