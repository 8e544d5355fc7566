// The sheet of keys, made from the list of commands.
import { COMMANDS } from "./commands.js";
import { el } from "./dom.js";

const SHOWN = { Mod: /Mac/.test(globalThis.navigator?.platform ?? "") ? "⌘" : "Ctrl", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc", Delete: "Del" };

export class KeySheet {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    editor.on("keys", () => this.open(editor));
  }

  open(editor) {
    const { words } = editor;
    const groups = Object.groupBy ? Object.groupBy(COMMANDS, (command) => command.group) : grouped(COMMANDS);
    const dialog = el("dialog", "fe-dialog", { "data-testid": "key-sheet", "aria-label": words.keys });
    const close = el("button", "fh-button", { type: "button", onclick: () => dialog.close() }, words.close);
    dialog.append(
      el("div", "fe-dialog-head", {}, el("h2", "", {}, words.keys), close),
      el("div", "fe-keys", {}, ...Object.entries(groups).map(([name, commands]) => this.#group(words, name, commands)), this.#mouse(words)),
    );
    dialog.addEventListener("close", () => (dialog.remove(), editor.frame.focus()));
    document.body.append(dialog);
    dialog.showModal();
  }

  #group(words, name, commands) {
    const rows = commands.map((command) => el("div", "fe-key-row", {}, el("span", "", {}, words[`do_${command.name}`]), el("span", "", {}, ...command.keys.slice(0, 1).map(keyCap))));
    return el("section", "", {}, el("h3", "", {}, words[`keys_${name}`]), ...rows);
  }

  #mouse(words) {
    const row = (does, how) => el("div", "fe-key-row", {}, el("span", "", {}, does), el("span", "fh-sub", {}, how));
    return el("section", "", {}, el("h3", "", {}, words.keys_mouse), ...words.mouse.split("\n").map((line) => row(...line.split(": "))));
  }
}

function keyCap(key) {
  return el("kbd", "", {}, keyName(key));
}

/** A key as it stands on keyboards. */
export function keyName(key) {
  const parts = key === "+" ? ["+"] : key.split("+");
  return parts.map((part) => SHOWN[part] ?? (part.length === 1 ? part.toUpperCase() : part)).join(" ");
}

function grouped(list) {
  const groups = {};
  for (const item of list) (groups[item.group] ??= []).push(item);
  return groups;
}
