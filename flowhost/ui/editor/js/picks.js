// Pick lists of a node's form: asked of the target its connection leads to.
import { pick } from "./pickdialog.js";

/**
 * @param {import("./editor.js").Editor} editor
 * @param {string} id of the node
 * @param {object} fact the field
 * @param {{many: boolean, taken: string[], take: (values: string[]) => void}} wanted
 */
export function pickFor(editor, id, fact, wanted) {
  const { words, draft } = editor;
  const look = (under, search) => {
    const node = draft.doc.nodes[id];
    const own = draft.doc.connections?.[node.connection];
    return editor.link.ask("browse", { connection: node.connection, own, list: fact.choices_from, under, search, config: node.config ?? {} });
  };
  pick(document.querySelector(".fe-editor"), { title: words.pick_title.replace("{field}", fact.title || fact.name), look, ...wanted }, words);
}
