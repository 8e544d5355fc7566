// What a tab remembers over a reload: edits not confirmed yet, steps of undo, selection, and where one looked.

const KEEP_AFTER_MS = 150;

export class Memory {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    // a flow that was deleted leaves nothing to another one of its id
    this.key = `flowhost.editor.${editor.flow}@${editor.life}`;
    const text = sessionStorage.getItem(this.key);
    if (!text) return;
    try {
      const kept = JSON.parse(text);
      editor.draft.restore(kept);
      this.view = kept.view;
    } catch {
      sessionStorage.removeItem(this.key); // written by another version
    }
  }

  /** Keep it in a moment: edits often follow each other. */
  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.keep(), KEEP_AFTER_MS);
  }

  /** Keep it now. */
  keep() {
    const { draft, view, selected, words } = this.editor;
    if (!draft.ready) return;
    const { x, y, k } = view.camera;
    try {
      sessionStorage.setItem(this.key, JSON.stringify({ ...draft.keep(), view: { x, y, k }, selected: [...selected] }));
    } catch {
      this.editor.tell(words.storage_full, true);
    }
  }
}

/** The id of this tab, the same after a reload. */
export function tabId() {
  const known = sessionStorage.getItem("flowhost.tab");
  if (known) return known;
  const made = crypto.randomUUID();
  sessionStorage.setItem("flowhost.tab", made);
  return made;
}
