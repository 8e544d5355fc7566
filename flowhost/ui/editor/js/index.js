// The editor as an element of the page: palette, canvas, panel, and the bar above.
import { addNote } from "./annotate.js";
import { bindKeys } from "./commands.js";
import { ContextMenu } from "./contextmenu.js";
import { Editor } from "./editor.js";
import { icon, el, iconButton } from "./dom.js";
import { keepFocus } from "./focus.js";
import { Bar } from "./bar.js";
import { Inspector } from "./inspector.js";
import { Minimap } from "./minimap.js";
import { widthHandle } from "./panelwidth.js";
import { Palette } from "./palette.js";
import { QuickAdd } from "./quickadd.js";
import { KeySheet } from "./keysheet.js";
import { keepOnLeaving } from "./leaving.js";
import { DebugPanel } from "./debug.js";
import { Dock } from "./dock.js";
import { Expressions } from "./expressions.js";
import { Samples } from "./samples.js";
import { say } from "./say.js";
import { SharedLinks } from "./sharedlinks.js";
import { Search } from "./search.js";
import { SelectBar } from "./selectbar.js";
import { WirePick } from "./wirepick.js";
import { YamlView } from "./yamlview.js";

export default {
  props: { facts: String },
  emits: ["deploy", "start", "switch", "history"],
  template: `<div class="fe-editor" data-testid="editor"></div>`,
  mounted() {
    const facts = JSON.parse(this.facts);
    const root = this.$el;
    const palette = el("aside", "fe-palette", { "aria-label": facts.words.palette });
    const frame = el("div", "fh-graph fe-frame", { "data-testid": "canvas", tabindex: "0", role: "application", "aria-label": facts.words.canvas });
    const panel = el("aside", "fe-panel", { "aria-label": facts.words.panel });
    const bar = el("div", "fe-bar", { role: "toolbar", "aria-label": facts.words.bar });
    const dock = el("section", "fe-dock", { "aria-label": facts.words.dock });
    const yaml = el("aside", "fe-yaml", { "aria-label": facts.words.yaml, "data-testid": "yaml" });
    root.append(bar, el("div", "fe-body", {}, palette, el("div", "fe-middle", {}, frame, dock), yaml, widthHandle(panel, facts.words), panel));
    const editor = new Editor(frame, facts);
    this.editor = editor;
    new SharedLinks(editor, root);
    new Expressions(editor);
    this.parts = [
      new Palette(palette, editor, facts.categories), new Bar(bar, editor, (name, detail) => this.$emit(name, detail)),
      new Inspector(panel, editor), new QuickAdd(editor), new Minimap(editor), new KeySheet(editor), new Search(editor),
      new WirePick(editor), new SelectBar(editor), new ContextMenu(editor), new YamlView(yaml, editor),
    ];
    editor.dock = new Dock(dock, editor, [
      { name: "sample", icon: "science", label: facts.words.dock_sample, part: new Samples(editor) },
      { name: "debug", icon: "bug_report", label: facts.words.dock_debug, part: new DebugPanel(editor) },
    ]);
    palette.hidden = !editor.mayEdit;
    frame.append(tools(editor), emptyHint(editor), hintLine(editor), loadingHint(editor));
    editor.on("tell", ({ text, bad }) => say(text, bad));
    this.unbind = bindKeys(editor, root);
    this.unfocus = keepFocus(editor, root);
    window.__flowhost = editor;
    this.staying = keepOnLeaving(editor, root);
  },
  methods: {
    /** The dialog that was asked for stands open. */
    asked() {
      this.editor.emit("asked");
    },
    /** A place of the flow, such as `nodes.filter.config.where`: its form opens, with the caret in the field. */
    reach(place) {
      this.editor.reach(place);
    },
  },
  unmounted() {
    this.unbind();
    this.staying();
    this.unfocus();
    this.editor.release();
  },
};

function tools(editor) {
  const { words, view } = editor;
  return el(
    "div", "fh-graph-tools fe-over", {},
    iconButton("add", words.zoom_in, () => view.camera.zoom(1.25)),
    iconButton("remove", words.zoom_out, () => view.camera.zoom(0.8)),
    iconButton("fit_screen", words.fit, () => view.fit()),
    editor.mayEdit ? iconButton("sticky_note_2", words.do_note, () => addNote(editor), { "data-testid": "add-note" }) : "",
  );
}

/** What stands there until the draft has come, and why it does not. */
function loadingHint(editor) {
  const { words } = editor;
  const text = el("p", "", { role: "status" }, words.loading);
  const box = el("div", "fe-empty fe-loading", { "data-testid": "loading" }, icon("autorenew", "fh-spin"), text);
  editor.on("ready", () => (box.hidden = true));
  editor.on("line", ({ state, reason }) => {
    text.textContent = { open: words.loading, lost: words.loading_lost, closed: words.line_closed.replace("{reason}", reason) }[state];
    box.classList.toggle("fe-stuck", state === "closed");
  });
  return box;
}

/** What an empty canvas says. */
function emptyHint(editor) {
  const { words } = editor;
  const box = el(
    "div", "fe-empty", { hidden: true, "data-testid": "empty-hint" },
    icon("account_tree"), el("h2", "", {}, words.empty_title), el("p", "", {}, editor.mayEdit ? words.empty_text : words.read_only_why),
  );
  editor.on("change", ({ after }) => (box.hidden = Object.keys(after.nodes).length > 0));
  return box;
}

/** Why something cannot be done, said while it is tried. */
function hintLine(editor) {
  const line = el("div", "fe-hint", { hidden: true, role: "status", "data-testid": "hint" });
  editor.on("hint", (text) => {
    line.hidden = !text;
    line.textContent = text ?? "";
  });
  return line;
}
