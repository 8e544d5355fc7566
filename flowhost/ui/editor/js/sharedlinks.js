// Connections in the editor: the host's beside the flow's own, made, changed and tested where they are picked.
import { LinkDialog } from "./linkdialog.js";

const FRESH_MS = 2000;

export class SharedLinks {
  /** @param {import("./editor.js").Editor} editor @param {HTMLElement} root */
  constructor(editor, root) {
    this.editor = editor;
    this.all = [];
    this.asked = -FRESH_MS;
    this.dialog = new LinkDialog(root, editor.words, (what, args) => editor.link.ask(what, args));
    editor.links = this;
    editor.on("ready", () => this.refresh());
    editor.on("open", () => this.refresh());
    // how a link is changes with the flow: a form that shows it keeps up
    editor.on("status", () => editor.opened && performance.now() - this.asked > FRESH_MS && this.refresh());
    editor.on("newconnection", ({ node, type }) => this.#create(node, type));
    editor.on("editconnection", (name) => this.#edit(name));
  }

  /** Connections a node of this type may use: the flow's own before the host's of the same name. */
  fitting(type) {
    const own = Object.entries(this.editor.draft.doc.connections ?? {});
    const names = new Set(own.map(([name]) => name));
    return [
      ...own.filter(([, entry]) => entry.type === type).map(([name]) => ({ name, own: true })),
      ...this.all.filter((link) => link.type === type && !names.has(link.name)).map((link) => ({ ...link, own: false })),
    ];
  }

  /** Ask the host what there is now; who shows it hears `links`. */
  async refresh() {
    let found;
    this.asked = performance.now();
    try {
      found = await this.editor.link.ask("connections", {});
    } catch {
      return; // no line: what was known stays
    }
    if (JSON.stringify(found) === JSON.stringify(this.all)) return;
    this.all = found;
    this.editor.emit("links", found);
  }

  #create(node, type) {
    const { editor } = this;
    const link = { name: "", type, config: {}, fixed: true, choice: true, suggested: this.#freeName(type) };
    this.dialog.open(link, editor.mayEdit, async ({ name, config, own, secrets }) => {
      if (own) await this.#keepOwn(name, { type, config });
      else await editor.link.ask("connection.create", { name, type, config, secrets });
      editor.setNode(node, ["connection"], name);
      await this.refresh();
    });
  }

  #edit(name) {
    const { editor } = this;
    const own = editor.draft.doc.connections?.[name];
    if (own) {
      this.dialog.open({ name, type: own.type, config: own.config, own: true }, editor.mayEdit, ({ config }) => this.#keepOwn(name, { type: own.type, config }));
      return;
    }
    const link = this.all.find((one) => one.name === name);
    if (!link) return editor.emit("newconnection", { node: editor.opened, type: editor.types[editor.draft.doc.nodes[editor.opened].type].connection });
    this.dialog.open(link, editor.mayEdit, async ({ config, secrets }) => {
      const { restarted, restarting } = await editor.link.ask("connection.change", { name, config, version: link.version, secrets });
      if (restarting.length) editor.tell(editor.words.link_restarting.replace("{flows}", restarting.join(", ")));
      if (restarted.length) editor.tell(editor.words.link_restarted.replace("{flows}", restarted.join(", ")));
      await this.refresh();
    });
  }

  async #keepOwn(name, entry) {
    const { words } = this.editor;
    if (!/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name)) throw Object.assign(new Error(words.link_name_help), { place: "name" });
    await this.dialog.secrets.store();
    const value = Object.keys(entry.config).length ? entry : { type: entry.type };
    if (!this.editor.commit([{ op: "set", path: ["connections", name], value }], "edit")) throw new Error(words.link_not_kept);
  }

  #freeName(type) {
    const stem = type.split(".").at(-1);
    const taken = new Set([...Object.keys(this.editor.draft.doc.connections ?? {}), ...this.all.map((link) => link.name)]);
    let name = stem;
    for (let number = 2; taken.has(name); number++) name = `${stem}${number}`;
    return name;
  }
}
