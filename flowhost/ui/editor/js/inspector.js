// The panel at the right: the form of the open node with its problems, values and help; else the flow itself.
import { shownFields } from "./applies.js";
import { chosenKey, chosenPanel } from "./chosen.js";
import { el, icon, iconButton, write } from "./dom.js";
import { short, wentOn } from "./numbers.js";
import { field } from "./form.js";
import { lettersLink } from "./letters.js";
import { afterPress } from "./press.js";
import { UNREAD, nodeOf, valueAt } from "./problems.js";
import { nodeHelp } from "./nodehelp.js";
import { prose, titlesOf } from "./prose.js";
import { pickFor } from "./picks.js";
import { Meanwhile } from "./meanwhile.js";
import { nameOf } from "./people.js";
import { focusField } from "./reaching.js";
import { promiseLine } from "./promises.js";
import { redrawn } from "./redrawn.js";
import { Rescue } from "./rescue.js";
import { linkField } from "./linkfield.js";
import { Secrets } from "./secrets.js";
import { LastValues } from "./values.js";
import { WirePanel } from "./wirepanel.js";

const OUTBOX = { name: "outbox", title: "Outbox", type: "true or false", default: true, docs: "", fields: [], unit: "" };

export class Inspector {
  /** @param {HTMLElement} root @param {import("./editor.js").Editor} editor */
  constructor(root, editor) {
    Object.assign(this, { root, editor });
    const stored = ({ restarted, not_started }) => {
      if (restarted.length) editor.tell(editor.words.secret_restarted.replace("{flows}", restarted.join(", ")));
      if (not_started.length) editor.tell(not_started.join("; "), true);
    };
    this.secrets = new Secrets((what, args) => editor.link.ask(what, args), { redraw: () => this.#build(), stored });
    this.values = editor.values = new LastValues(editor);
    this.rescue = new Rescue(root, editor, () => this.#build());
    new Meanwhile(root, editor);
    this.wires = new WirePanel(editor);
    editor.on("open", () => (this.secrets.clear(), this.#build(), this.#learn()));
    editor.on("change", () => this.#later());
    editor.on("problems", () => this.#later());
    editor.on("links", () => this.#later());
    editor.on("ready", () => this.#build());
    editor.on("showproblems", () => (editor.open(null), editor.select([]), this.#build()));
    editor.on("select", () => this.#follow());
    editor.on("rename", (id) => id && (editor.select([id]), editor.open(id), this.root.querySelector("#fe-name")?.select()));
    editor.on("focusform", () => this.root.querySelector("input, select, textarea")?.focus());
    editor.on("focusfield", (place) => focusField(root, place) || editor.frame.focus({ preventScroll: true }));
    editor.on("people", () => this.#showOthers());
    editor.on("status", ({ of }) => this.#figures(of));
  }

  /** Which secrets there are, where the form may name one. */
  #learn() {
    const { editor } = this;
    const type = editor.opened && editor.types[editor.draft.doc?.nodes[editor.opened]?.type];
    if (type && JSON.stringify(type.fields).includes('"secret":true')) this.secrets.learn();
  }

  /** Another edit may follow at once. */
  #later() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => afterPress(() => this.#build()), 30);
  }

  /** It shows what is selected; a form that is open goes along to another node. */
  #follow() {
    if (this.following) return;
    this.following = true;
    afterPress(() => {
      const { editor } = this;
      this.following = false;
      if (editor.opened && !editor.scene.nodes.has(editor.opened)) return; // it is about to be closed
      const [id] = editor.selected;
      if (id && editor.opened && !chosenKey(editor)) editor.open(id);
      if (this.#key() !== this.shown) this.#build();
    });
  }

  #build() {
    const { editor } = this;
    if (!editor.draft.ready) return;
    const key = this.#key();
    const same = this.shown === key;
    this.shown = key;
    redrawn(this.root, () => [this.rescue.section(), ...this.#subject()].filter(Boolean), () => this.#later(), { same });
    this.#showOthers();
  }

  /** What the panel is about: a wire, several things, the node that is open, or null, which is the flow. */
  #key() {
    const { editor } = this;
    return editor.wire ?? chosenKey(editor) ?? editor.opened;
  }

  #subject() {
    const { wire, opened } = this.editor;
    if (chosenKey(this.editor)) return chosenPanel(this.editor);
    if (wire) return this.wires.sections(wire, this.#wireProblems(wire));
    return opened ? this.#node(opened) : this.#flow();
  }

  #wireProblems(wire) {
    const { problems, draft } = this.editor;
    return problems.filter((one) => draft.doc.wires[Number(/^wires\[(\d+)\]/.exec(one.place)?.[1])] === wire).map((one) => this.#problem({ ...one, message: one.line }));
  }

  // -- the open node

  #node(id) {
    const { editor } = this;
    const node = editor.draft.doc.nodes[id];
    const type = editor.types[node.type];
    const { words } = editor;
    this.letters = lettersLink(editor.flow, id, "fh-link", { title: words.dead_letters_hint }, "");
    this.figures = el("div", "fe-figures", {}, el("span"), this.letters);
    this.others = el("p", "fe-others", { hidden: true, role: "status", "data-testid": "others" });
    this.fault = el("div", "fe-problem fe-problem-error fe-last-fault", { hidden: true, "data-testid": "last-fault" });
    this.#figures(Object.fromEntries([[`n:${id}`, editor.view.figures.get(`n:${id}`)]]));
    return [
      el(
        "div", "fh-panel-head", {},
        icon(type?.icon ?? "extension_off", "fh-node-icon"),
        el("div", "fh-grow", {}, el("h2", "fe-clamped", { title: node.name || id }, node.name || id), el("div", "fh-node-type", {}, node.type)),
        iconButton("close", words.close, () => editor.open(null)),
      ),
      el("p", "fh-panel-summary", {}, type ? type.summary : words.missing_type.replace("{type}", node.type)),
      this.others,
      this.figures, this.fault,
      type?.by_hand ? editor.hand.section(id) : null,
      ...this.#nodeProblems(id),
      this.#guarantees(id),
      ...this.#form(id, node, type),
      this.values.section(id),
      type ? nodeHelp(editor, id, type) : null,
    ].filter(Boolean);
  }

  /** Who has this form open, too: also while somebody types here, when nothing else is drawn. */
  #showOthers() {
    const { words, people, opened } = this.editor;
    if (!this.others || !opened) return;
    const here = [...new Set(people.filter((person) => person.node === opened).map((person) => nameOf(words, person.name)))];
    this.others.hidden = !here.length;
    this.others.replaceChildren(icon("edit"), words.also_editing.replace("{names}", here.join(", ")));
  }

  #form(id, node, type) {
    const { editor } = this;
    const { words, mayEdit } = editor;
    const problemsAt = (place, whole = true) => {
      const full = `nodes.${id}.${place}`;
      const within = (one) => one.place.startsWith(`${full}[`) || one.place.startsWith(`${full}.`);
      const found = editor.problems.filter((one) => !one.calm && one.code !== UNREAD && (one.place === full || (whole && within(one))));
      return found.map((one) => ({ ...one, message: one.place === full ? one.plain : one.line }));
    };
    const set = (path, value, merge) => editor.setNode(id, path, value, merge);
    const read = (path) => valueAt(editor.draft.doc, ["nodes", id, ...path]);
    const pick = node.connection ? (fact, wanted) => pickFor(editor, id, fact, wanted) : null;
    const suggest = (input, kind, path) => editor.emit("suggest", { input, kind, node: id, path });
    const context = { set, read, problemsAt, words, mayEdit, pick, suggest, secrets: this.secrets, owner: () => node.name || id, unread: editor.findings.unread.within(["nodes", id]), units: () => editor.units ?? [], titles: titlesOf(type?.fields) };
    const of = (fact, path, value) => field(fact, { ...context, path, value });
    const name = of({ name: "name", title: words.field_name, type: "text", docs: "", fields: [], unit: "", default: id }, ["name"], node.name);
    name.querySelector("input").id = "fe-name";
    name.querySelector("label").htmlFor = "fe-name";
    const made = [name];
    if (type?.connection) made.push(linkField(editor, node, id, type.connection, context));
    const config = node.config ?? {};
    const told = (name) => problemsAt(`config.${name}`).length > 0;
    const facts = shownFields(type?.fields ?? [], config, told);
    made.push(...facts.filter((fact) => !fact.advanced).map((fact) => of(fact, ["config", fact.name], config[fact.name])));
    if (!type) made.push(of({ name: "config", type: "object", docs: "", fields: [], unit: "" }, ["config"], node.config));
    const advanced = facts.filter((fact) => fact.advanced);
    const changed = advanced.some((fact) => fact.name in config) || (node.delivery && Object.keys(node.delivery).length);
    const rest = advanced.map((fact) => of(fact, ["config", fact.name], config[fact.name]));
    if (type?.leaves_machine) {
      // what leaves the machine waits on disk unless somebody says otherwise
      const delivery = type.delivery?.length ? type.delivery.map((fact) => (fact.name === "outbox" ? { ...fact, default: true } : fact)) : [{ ...OUTBOX, docs: words.outbox_help }];
      rest.push(...delivery.map((fact) => of(fact, ["delivery", fact.name], node.delivery?.[fact.name])));
    }
    const labels = { block: words.disabled_block, pass: words.disabled_pass };
    rest.push(of({ name: "disabled", title: words.field_disabled, labels, blank: words.disabled_not, type: type?.kind === "transform" ? "'block' or 'pass'" : "'block' or 'block'", docs: words.disabled_help, fields: [], unit: "", default: null }, ["disabled"], node.disabled));
    made.push(el("details", "fe-more", { open: Boolean(changed) }, el("summary", "", {}, words.advanced), ...rest));
    return made;
  }

  /** Problems of the node that no field shows. */
  #nodeProblems(id) {
    const type = this.editor.types[this.editor.draft.doc.nodes[id].type];
    const shown = new Set(["name", "connection", "disabled", ...(type?.fields ?? []).map((fact) => `config.${fact.name}`)]);
    const own = this.editor.problems.filter((one) => {
      const { node, rest } = nodeOf(one.place);
      // a form shows inner fields, too, each with what is wrong there
      return node === id && !one.calm && ![...shown].some((place) => rest === place || rest.startsWith(`${place}[`) || rest.startsWith(`${place}.`));
    });
    return own.map((one) => this.#problem({ ...one, message: one.line }));
  }

  /** What the paths into a sink promise, and why it is no more. */
  #guarantees(id) {
    const paths = this.editor.guarantees.filter((path) => path.sink === id);
    if (!paths.length) return null;
    const { words, scene } = this.editor;
    return el("section", "fe-promises", {}, el("h3", "", {}, words.guarantees), ...paths.filter((path) => !path.failed).map((path) => promiseLine(this.editor, path, scene.titleOf(path.source))));
  }

  #problem(one, jump = null) {
    const sign = one.calm ? "radio_button_unchecked" : one.severity === "error" ? "error_outline" : "warning_amber";
    const body = [icon(sign), el("span", "", {}, ...prose(one.message))];
    const kind = `fe-problem fe-problem-${one.calm ? "open" : one.severity}`;
    return jump ? el("button", `${kind} fe-problem-link`, { type: "button", onclick: jump, "data-testid": "problem" }, ...body) : el("div", kind, {}, ...body);
  }

  #figures(of) {
    const figures = of[`n:${this.shown}`];
    if (!figures || !this.figures) return;
    const { words } = this.editor;
    const parts = [`${words[`node_${figures.state}`] ?? figures.state}`, figures.text, `${short(figures.total)} ${figures.total === 1 ? words.seen_one : words.seen}`, ...wentOn(figures, words)];
    for (const word of ["waiting", "held"]) if (figures[word]) parts.push(words[word].replace("{count}", short(figures[word])));
    const text = parts.filter(Boolean).join(" · ");
    const dead = figures.dead ? words.dead.replace("{count}", short(figures.dead)) : "";
    write(this.figures.firstChild, dead ? `${text} · ` : text);
    write(this.letters, dead);
    this.figures.dataset.state = figures.state;
    write(this.fault, figures.error || "");
    this.fault.hidden = !figures.error;
  }

  // -- the flow

  #flow() {
    const { editor } = this;
    const { words, mayEdit, draft } = editor;
    const set = (path, value) => editor.commit([value === undefined ? { op: "unset", path } : { op: "set", path, value }], "edit");
    const read = (path) => valueAt(draft.doc, path);
    const problemsAt = () => [];
    const facts = ["name", "area", "description"].map((name) => ({ name, title: words[`field_${name}`], widget: name === "description" ? "lines" : "", type: "text", docs: words[`flow_${name}_help`] ?? "", fields: [], unit: "", default: null }));
    const fields = facts.map((fact) => field(fact, { path: [fact.name], value: draft.doc[fact.name], set, read, problemsAt, words, mayEdit }));
    const list = editor.problems.map((one) => {
      const { node } = nodeOf(one.place);
      return this.#problem({ ...one, message: node ? `${editor.scene.titleOf(node)}: ${one.line}` : one.line }, () => editor.reach(one.place));
    });
    return [
      el("div", "fh-panel-head", {}, el("h2", "", {}, words.flow_panel)),
      el("section", "fe-problem-list", { "data-testid": "problem-list" }, el("h3", "", {}, words.problems), ...(list.length ? list : [el("p", "fh-sub", {}, Object.keys(draft.doc.nodes).length ? words.no_problems_long : words.no_nodes_long)])),
      ...fields,
    ];
  }
}
