// Samples: messages through the draft, with no target touched; what came out can be kept as a test.
import { el, icon } from "./dom.js";
import { count, short } from "./numbers.js";
import { sampleMarks } from "./samplemarks.js";

const EXAMPLE = [{ topic: "line1/temp", payload: { value: 21.5 } }];

export class Samples {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    editor.samples = this;
    this.texts = new Map(); // source -> what is written for it
    const { words } = editor;
    this.source = el("select", "fh-input", { "aria-label": words.sample_source, "data-testid": "sample-source", onchange: () => this.#sourceChosen() });
    this.text = el("textarea", "fh-input fe-mono fs-text", { spellcheck: "false", "aria-label": words.sample_messages, "data-testid": "sample-text" });
    this.text.addEventListener("input", () => (this.texts.set(this.source.value, this.text.value), this.#say("")));
    this.last = button("history", words.sample_last, () => this.#takeLast(), "sample-last");
    this.advance = el("input", "fh-input fs-advance", { placeholder: "60s", "aria-label": words.sample_advance, title: words.sample_advance_help, "data-testid": "sample-advance", spellcheck: "false" });
    this.run = button("play_arrow", words.sample_run, () => this.#run(), "sample-run", "fh-primary");
    this.note = el("div", "fs-note", { role: "status", "data-testid": "sample-note" });
    this.result = el("div", "fs-result", { "data-testid": "sample-result" }, el("p", "fh-sub", {}, words.sample_intro));
    this.name = el("input", "fh-input", { placeholder: words.case_name, "aria-label": words.case_name, "data-testid": "case-name", spellcheck: "false" });
    this.keep = button("bookmark_add", words.case_keep, () => this.#keep(), "case-keep");
    this.cases = button("checklist", words.case_run, () => this.#cases(), "case-run", "fh-quiet");
    this.keep.disabled = true;
    this.root = el(
      "div", "fs-panel", {},
      el("div", "fs-given", {},
        el("div", "fs-line", {}, this.source, this.last), this.text,
        el("div", "fs-line", {}, el("label", "fh-sub fs-after", {}, words.sample_advance, this.advance), el("span", "fh-grow"), this.run),
        this.note,
        el("div", "fs-line fs-keep", {}, this.name, this.keep, this.cases),
      ),
      this.result,
    );
    editor.on("change", () => this.root.isConnected && this.#sources());
  }

  shown() {
    this.#sources();
    // so that there are last messages to take
    this.editor.watch(this.#sourceIds(), "sample");
    this.#mark(this.marked);
  }

  hidden() {
    this.editor.watch([], "sample");
    this.editor.view.mark({ sampled: null });
  }

  /** The canvas says what the result says, as long as it is seen. */
  #mark(marked) {
    this.marked = marked;
    this.editor.view.mark({ sampled: marked ?? null });
  }

  /** The message a node was given last by a sample; null if none. */
  newestInto(id) {
    const before = [...this.editor.scene.wires.values()].filter((wire) => wire.target === id);
    for (const { source, port } of before) {
      const output = this.found?.nodes.find((node) => node.node === source)?.outputs.find((one) => one.port === port);
      if (output?.messages.length) return output.messages.at(-1);
    }
    return null;
  }

  #sourceIds() {
    return Object.keys(this.editor.draft.doc.nodes).filter((id) => this.editor.scene.kindOf(id) === "source");
  }

  #sources() {
    const ids = this.#sourceIds();
    const before = ids.includes(this.source.value) ? this.source.value : ids[0];
    this.source.replaceChildren(...ids.map((id) => el("option", "", { value: id, selected: id === before }, this.editor.scene.titleOf(id))));
    this.run.disabled = this.last.disabled = !ids.length;
    if (!ids.length) this.#say(this.editor.words.sample_no_source);
    if (before !== undefined) this.#sourceChosen();
  }

  #sourceChosen() {
    const id = this.source.value;
    if (!this.texts.has(id)) this.texts.set(id, JSON.stringify(EXAMPLE, null, 1));
    if (document.activeElement !== this.text) this.text.value = this.texts.get(id);
  }

  #takeLast() {
    const kept = this.editor.values.kept.get(this.source.value) ?? [];
    if (!kept.length) return this.#say(this.editor.words.sample_none_seen, true);
    const messages = kept.slice(0, 10).reverse().map(({ topic, payload, unit, quality }) => ({ topic, payload, ...(unit ? { unit } : {}), ...(quality === "good" ? {} : { quality }) }));
    this.text.value = JSON.stringify(messages, null, 1);
    this.texts.set(this.source.value, this.text.value);
    this.#say(this.editor.words.sample_taken.replace("{count}", count(messages.length)));
  }

  /** Messages by source; throws words for the person. */
  #given() {
    const given = {};
    for (const id of this.#sourceIds()) {
      const text = id === this.source.value ? this.text.value : this.texts.get(id);
      if (!text?.trim() || (id !== this.source.value && text === JSON.stringify(EXAMPLE, null, 1))) continue;
      given[id] = asMessages(text);
    }
    return given;
  }

  async #run() {
    const { editor } = this;
    const { words } = editor;
    let given;
    try {
      given = this.#given();
    } catch (error) {
      return this.#say(words.json_wrong.replace("{reason}", error.message), true);
    }
    await this.#sent();
    this.run.disabled = true;
    this.#say(words.sample_running);
    try {
      this.found = await editor.link.ask("sample", { given, advance: this.advance.value.trim() });
      this.given = given;
      this.#say("");
      this.#show();
      editor.emit("sampled", this.found);
    } catch (error) {
      this.#say(error.place ? `${error.place}: ${error.message}` : error.message, true);
    }
    this.run.disabled = false;
  }

  /** The host tries what it has: what was typed last goes first. */
  async #sent() {
    document.activeElement?.blur?.();
    for (let tries = 0; tries < 60 && this.editor.draft.pending.length; tries++) await new Promise((done) => setTimeout(done, 50));
  }

  #show() {
    const { words } = this.editor;
    this.keep.disabled = !this.editor.mayEdit;
    this.#mark(sampleMarks(this.found.nodes, (id) => this.editor.scene.kindOf(id), words));
    this.result.replaceChildren(...this.found.nodes.map((node) => this.#node(node)), this.found.balanced ? "" : el("p", "fe-problem fe-problem-error", {}, words.sample_unbalanced));
  }

  #node(node) {
    const { editor } = this;
    const { words, scene } = editor;
    const kind = scene.kindOf(node.node);
    const facts = [
      kind === "source" ? "" : words.sample_in.replace("{count}", short(node.in)), node.filtered ? words.sample_filtered.replace("{count}", short(node.filtered)) : "",
      node.pending ? words.held.replace("{count}", short(node.pending)) : "", node.dead ? words.dead.replace("{count}", short(node.dead)) : "",
    ];
    const head = el("button", "fs-node", { type: "button", title: words.sample_jump, onclick: () => editor.jump(node.node) }, el("span", "fs-title", {}, scene.titleOf(node.node)), el("span", "fh-sub", {}, facts.filter(Boolean).join(" · ")));
    const parts = node.outputs.map(({ port, count, messages }) => this.#messages(port === "out" ? "" : port, count, messages));
    if (node.received) parts.push(this.#messages(words.sample_would_get, node.received.count, node.received.messages, "target"));
    const error = node.errors ? el("div", "fe-problem fe-problem-error", {}, icon("error_outline"), el("span", "", {}, node.error)) : null;
    return el("section", "fs-step", { "data-testid": "sample-node", "data-node": node.node }, head, error, ...parts);
  }

  #messages(label, count, messages, look = "") {
    const lines = messages.map((message) =>
      el("details", "fe-value", {}, el("summary", "", {}, icon("chevron_right", "fe-twist"), message.topic ? el("span", "fs-topic", {}, message.topic) : null, el("span", "fe-mono fh-grow fe-value-text", {}, JSON.stringify(message.payload)), message.quality === "good" ? null : el("span", "fh-note fh-note-warn", {}, message.quality)), el("pre", "fe-json", {}, JSON.stringify(message, null, 2))),
    );
    const more = count > messages.length ? el("p", "fh-sub", {}, `+ ${short(count - messages.length)}`) : null;
    return el("div", "fs-out", { "data-look": look }, label ? el("div", "fs-port", {}, `${label} (${short(count)})`) : null, ...(lines.length ? lines : [el("p", "fh-sub", {}, this.editor.words.sample_nothing)]), more);
  }

  async #keep() {
    const { editor } = this;
    const { words } = editor;
    const name = this.name.value.trim();
    if (!name) return (this.name.focus(), this.#say(words.case_unnamed, true));
    const sinks = this.found.nodes.filter((node) => node.received && editor.scene.kindOf(node.node) === "sink");
    const expect = Object.fromEntries(sinks.map(({ node, received }) => [node, received.messages.map(({ topic, payload, exact }) => ({ ...(topic ? { topic } : {}), ...(exact ? { payload } : {}) }))]));
    const dead = this.found.dead.length;
    const advance = this.advance.value.trim();
    try {
      if (sinks.some(({ received }) => received.count > received.messages.length)) throw new Error(words.case_too_long);
      const path = await editor.link.ask("case.keep", { case: { name, given: this.given, ...(advance ? { advance } : {}), expect, ...(dead ? { dead } : {}) } });
      this.#say(words.case_kept.replace("{path}", path));
      this.name.value = "";
    } catch (error) {
      this.#say(error.message, true);
    }
  }

  async #cases() {
    const { words, link } = this.editor;
    await this.#sent();
    this.#say(words.sample_running);
    try {
      const cases = await link.ask("cases", {});
      this.#say(cases.length ? "" : words.case_none);
      this.keep.disabled = true;
      this.#mark(null);
      this.result.replaceChildren(...cases.map(({ name, failures }) => el("section", "fs-step", { "data-testid": "case", "data-passed": String(!failures.length) }, el("div", "fs-node", {}, icon(failures.length ? "error_outline" : "check", failures.length ? "fh-bad" : "fs-ok"), el("span", "fs-title", {}, name), el("span", "fh-sub", {}, failures.length ? words.case_failed : words.case_passed)), ...failures.map((line) => el("pre", "fe-json", {}, line)))));
    } catch (error) {
      this.#say(error.message, true);
    }
  }

  #say(text, wrong = false) {
    this.note.textContent = text;
    this.note.dataset.wrong = String(wrong);
  }
}

/** What was typed as messages: a list of them, one of them, or a bare payload. */
export function asMessages(text) {
  const typed = JSON.parse(text);
  const isMessage = (one) => one !== null && typeof one === "object" && !Array.isArray(one) && "payload" in one;
  if (Array.isArray(typed) && typed.length && typed.every(isMessage)) return typed;
  return [isMessage(typed) ? typed : { payload: typed }];
}

function button(sign, label, onclick, testid, kind = "") {
  return el("button", `fh-button ${kind}`.trim(), { type: "button", onclick, "data-testid": testid }, icon(sign), el("span", "", {}, label));
}
