// The bar above the canvas: undo, redo, problems, who is here, state of the flow, deploy.
import { el, icon, iconButton, write } from "./dom.js";
import { count as counted, rate } from "./numbers.js";
import { colourOf } from "./people.js";
import { UNREAD, nodeOf } from "./problems.js";
import { roving } from "./roving.js";
import { toneOf } from "./tones.js";
import { Trouble } from "./trouble.js";

export class Bar {
  /**
   * @param {HTMLElement} root
   * @param {import("./editor.js").Editor} editor
   * @param {(name: string, detail?: unknown) => void} ask what only the host's page can do
   */
  constructor(root, editor, ask) {
    Object.assign(this, { editor, ask });
    const { words } = editor;
    this.undo = iconButton("undo", words.undo, () => editor.undo(), { "data-testid": "undo" });
    this.redo = iconButton("redo", words.redo, () => editor.redo(), { "data-testid": "redo" });
    this.find = iconButton("search", words.search, () => editor.emit("search"), { "data-testid": "search" });
    this.keys = iconButton("keyboard", words.keys, () => editor.emit("keys"), { "data-testid": "keys" });
    this.yaml = iconButton("code", words.yaml_toggle, () => editor.emit("yaml"), { "data-testid": "yaml-toggle" });
    this.history = iconButton("history", words.history, () => ask("history", { tab: editor.link.tab }), { "data-testid": "history-open" });
    this.role = editor.mayEdit ? "" : el("span", "fe-readonly", { title: words.read_only_why, "data-testid": "read-only" }, icon("lock"), words.read_only);
    this.line = el("span", "fe-line", { role: "status", "data-testid": "line" });
    this.people = el("span", "fe-people", { "data-testid": "people" });
    this.problems = el("button", "fh-button fe-problems", { type: "button", "data-testid": "problems", onclick: () => editor.emit("showproblems") });
    this.state = el("span", "fh-state", { "data-testid": "flow-state" });
    this.rates = el("span", "fe-rates");
    this.changed = el("span", "fe-changed", { "data-testid": "draft-state" });
    this.deploy = el(
      "button", "fh-button fh-primary fe-deploy", { type: "button", "data-testid": "deploy", onclick: () => editor.emit("deploy") },
      icon("rocket_launch"), el("span", "", {}, words.deploy),
    );
    this.power = el("button", "fh-button", { type: "button", "data-testid": "flow-switch", onclick: () => this.#switch() });
    root.append(
      this.undo, this.redo, this.find, this.yaml, this.history, this.keys, this.role, this.line, el("span", "fh-grow"), this.people, this.rates, this.state, this.power,
      this.problems, this.changed, this.deploy,
    );
    new Trouble(this.problems, editor);
    const settle = roving(root, "button", "across");
    new MutationObserver(settle).observe(root, { childList: true, subtree: true, attributeFilter: ["disabled", "hidden"] });
    editor.on("undo", () => this.#showUndo());
    editor.on("problems", (found) => this.#showProblems(found));
    editor.on("people", (people) => this.#showPeople(people));
    editor.on("line", (line) => this.#showLine(line));
    editor.on("status", ({ of }) => of["f:"] && this.#showFlow(of["f:"]));
    editor.on("deployed", (frame) => this.#showDeployed(frame));
    editor.on("change", ({ before }) => before && this.#draftChanged());
    editor.on("deploy", () => this.#deploy());
    editor.on("asked", () => this.#asking(false));
    this.#showUndo();
    this.#showProblems([]);
    this.power.hidden = true;
  }

  #showUndo() {
    const { draft, mayEdit } = this.editor;
    this.undo.disabled = !mayEdit || !draft.undoStack.length;
    this.redo.disabled = !mayEdit || !draft.redoStack.length;
  }

  #showProblems(found) {
    const { words } = this.editor;
    const all = found.filter((one) => one.severity === "error");
    const errors = all.filter((one) => !one.calm).length;
    const open = all.length - errors;
    const { doc } = this.editor.draft;
    const drawn = !doc || Object.keys(doc.nodes).length > 0; // nothing is known before the draft has come
    const [worst, sign, text, count] = errors
      ? ["error", "error_outline", words.errors_count, all.length]
      : open
        ? ["open", "radio_button_unchecked", words.errors_open, open]
        : found.length ? ["warning", "warning_amber", words.warnings_count, found.length] : drawn ? ["", "check", words.no_problems, 0] : ["none", "radio_button_unchecked", words.no_nodes, 0];
    this.problems.replaceChildren(icon(sign), el("span", "", {}, text.replace("{count}", counted(count))));
    this.problems.title = words.problems_why;
    this.problems.dataset.worst = worst;
  }

  #showPeople(people) {
    this.people.replaceChildren(...people.slice(0, 5).map((person) => el("span", "fe-person", { title: person.name, style: `--person: ${colourOf(person.id)}` }, person.name.slice(0, 2).toUpperCase())));
    this.people.title = people.length ? this.editor.words.people.replace("{names}", people.map((person) => person.name).join(", ")) : "";
  }

  #showLine({ state, reason, unsent }) {
    if (state !== "open") this.#asking(false);
    const { words } = this.editor;
    const text = state === "open" ? "" : state === "closed" ? words.line_closed.replace("{reason}", reason) : words.line_lost;
    write(this.line, text);
    this.line.dataset.state = state;
    this.line.title = unsent ? words.unsent.replace("{count}", counted(unsent)) : "";
  }

  #showFlow(flow) {
    const { words } = this.editor;
    this.running = ["running", "starting", "draining"].includes(flow.state);
    const shown = flow.ails ? "retrying" : flow.state;
    this.state.replaceChildren(el("span", `fh-dot fh-dot-${toneOf({ ...flow, state: shown })}`), words[`state_${shown}`] ?? shown);
    this.state.title = flow.text;
    write(this.rates, this.running ? `${rate(flow.rate)}${words.per_s}` : "");
    this.power.hidden = !this.editor.mayOperate;
    const label = this.running ? words.stop : words.start;
    if (this.powerLabel === label) return;
    this.powerLabel = label;
    this.power.replaceChildren(icon(this.running ? "stop" : "play_arrow"), el("span", "", {}, label));
  }

  #showDeployed(frame) {
    const changed = frame.t === "draft" ? frame.changed : false;
    this.deployedRev = frame.t === "deployed" ? frame.rev : changed ? -1 : frame.rev;
    this.revision = frame.t === "draft" ? frame.deployed : frame.revision;
    this.#say(changed);
  }

  #draftChanged() {
    const { draft } = this.editor;
    this.#say(draft.pending.length > 0 || draft.rev !== this.deployedRev);
  }

  #say(changed) {
    const { words } = this.editor;
    const text = !changed ? words.draft_same : this.revision ? words.draft_changed : words.draft_new;
    write(this.changed, text.replace("{revision}", this.revision));
    this.changed.title = this.changed.textContent;
    this.changed.dataset.changed = String(changed);
    this.deploy.classList.toggle("fh-primary", changed); // quiet while there is nothing to deploy
    this.deploy.hidden = !this.editor.mayEdit;
    // it looks idle but can be pressed: a field that is being typed in is taken over by the click
    this.deploy.classList.toggle("fh-primary", changed);
    write(this.deploy.lastChild, changed ? words.deploy : words.deploy_nothing);
  }

  /** What the page says is wrong, for the dialog to say it in the same words. */
  #said() {
    const { problems, scene } = this.editor;
    return problems.map(({ place, message, line, code }) => {
      const { node } = nodeOf(place);
      return { place, message, text: node ? `${scene.titleOf(node)}: ${line}` : line, noted: code === "last-message", unread: code === UNREAD };
    });
  }

  /** The dialog may take seconds to come; until then its button turns. */
  #asking(on) {
    const sign = this.deploy.firstChild;
    this.deploy.setAttribute("aria-busy", String(on));
    sign.classList.toggle("fh-spin", on);
    write(sign, on ? "autorenew" : "rocket_launch");
  }

  #deploy() {
    if (this.deploy.getAttribute("aria-busy") === "true") return;
    this.#asking(true);
    document.activeElement?.blur?.(); // a field that is being typed in is taken over first
    if (this.editor.findings.all()) this.editor.showProblems();
    this.#onceSent((draft) => this.ask("deploy", { rev: draft.rev, said: this.#said() }));
  }

  /** The page decides what starts, so it has to know the draft as it stands here. */
  #switch() {
    if (this.running) return this.ask("switch", "stop");
    document.activeElement?.blur?.();
    return this.#onceSent((draft) => this.ask("start", { rev: draft.rev, said: this.#said() }));
  }

  /** Do something as soon as the host has all edits. */
  #onceSent(then) {
    const { draft, words } = this.editor;
    const ask = () => {
      if (draft.pending.length) return false;
      then(draft);
      return true;
    };
    if (ask()) return;
    const started = performance.now();
    const timer = setInterval(() => {
      if (ask()) clearInterval(timer);
      else if (performance.now() - started > 5000) {
        clearInterval(timer);
        this.#asking(false);
        this.editor.tell(words.deploy_unsent, true);
      }
    }, 50);
  }
}
