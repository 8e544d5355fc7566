// Copy, cut and paste: by the browser's own keys, and from a menu, where the browser may refuse.
import { counted } from "./counted.js";
import { inField } from "./dom.js";

/** The browser's own copy, cut and paste bring nodes, while no field and no marked text has a better use for them. */
export function bindClipboard(editor, signal) {
  const mine = (event) => !inField(event.target) && editor.draft.ready && !document.querySelector("dialog[open]") && !String(getSelection());
  const copy = (event) => {
    if (!mine(event)) return false;
    const text = editor.copy();
    if (!text) return false;
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
    sayCopied(editor);
    return true;
  };
  document.addEventListener("copy", copy, { signal });
  document.addEventListener("cut", (event) => copy(event) && editor.remove(), { signal });
  document.addEventListener(
    "paste",
    (event) => {
      if (!mine(event) || !editor.mayEdit) return;
      const text = event.clipboardData.getData("text/plain");
      if (editor.paste(text)) event.preventDefault();
      else if (text.trim()) editor.tell(editor.words.paste_nothing);
    },
    { signal },
  );
}

/** Copy what is selected without a key press; false if the browser does not let the page. */
export async function toClipboard(editor) {
  try {
    await navigator.clipboard.writeText(editor.copy());
  } catch {
    editor.tell(editor.words.copy_by_key, true);
    return false;
  }
  sayCopied(editor);
  return true;
}

/** Paste at a spot of the plane without a key press. */
export async function fromClipboard(editor, spot) {
  let text;
  try {
    text = await navigator.clipboard.readText();
  } catch {
    return editor.tell(editor.words.paste_by_key, true);
  }
  return editor.paste(text, spot) || editor.tell(editor.words.paste_nothing);
}

function sayCopied(editor) {
  editor.tell(editor.words.copied.replace("{what}", counted(editor.words, editor)));
}
