// The drawer below the canvas: trying samples out, and messages as they come.
import { el, icon, iconButton } from "./dom.js";

export class Dock {
  /**
   * @param {HTMLElement} root
   * @param {import("./editor.js").Editor} editor
   * @param {{name: string, icon: string, label: string, part: {root: HTMLElement, shown?: () => void, hidden?: () => void}}[]} tabs
   */
  constructor(root, editor, tabs) {
    Object.assign(this, { root, tabs, open: "" });
    const { words } = editor;
    this.buttons = new Map(tabs.map(({ name, icon: sign, label }) => [name, el("button", "fd-tab", { type: "button", role: "tab", "data-testid": `dock-${name}`, onclick: () => this.show(this.open === name ? "" : name) }, icon(sign), label)]));
    this.body = el("div", "fd-body", { hidden: true });
    root.append(el("div", "fd-tabs", {}, el("div", "fd-list", { role: "tablist" }, ...this.buttons.values()), el("span", "fh-grow"), iconButton("expand_more", words.close, () => this.show(""), { "data-testid": "dock-close" })), this.body);
    this.show("");
  }

  /** Show a tab; none closes the drawer. */
  show(name) {
    this.tabs.find((tab) => tab.name === this.open)?.part.hidden?.();
    this.open = name;
    const tab = this.tabs.find((one) => one.name === name);
    this.body.hidden = !tab;
    this.root.dataset.open = String(Boolean(tab));
    this.body.replaceChildren(...(tab ? [tab.part.root] : []));
    for (const [key, button] of this.buttons) button.setAttribute("aria-selected", String(key === name));
    tab?.part.shown?.();
  }
}
