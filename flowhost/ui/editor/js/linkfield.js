// The connection of a node: picked, made, changed and tested right at its field.
import { el, icon, iconButton } from "./dom.js";

/**
 * @param {import("./editor.js").Editor} editor
 * @param {object} node as it stands in the draft
 * @param {string} id of the node
 * @param {string} type of the connection it needs
 * @param {{problemsAt: (place: string) => object[], set: Function, mayEdit: boolean}} context
 */
export function linkField(editor, node, id, type, { problemsAt, set, mayEdit }) {
  const { words, links } = editor;
  const fitting = links.fitting(type);
  const chosen = fitting.find((one) => one.name === node.connection);
  const group = (label, ones) => (ones.length ? el("optgroup", "", { label }, ...ones.map(({ name }) => el("option", "", { value: name, selected: name === node.connection }, name))) : null);
  const input = el(
    "select", "fh-input", { id: "fe-connection", disabled: !mayEdit },
    el("option", "", { value: "" }, words.choose), group(words.link_of_flow, fitting.filter((one) => one.own)), group(words.link_of_host, fitting.filter((one) => !one.own)),
    node.connection && !chosen ? el("option", "", { value: node.connection, selected: true }, node.connection) : null,
    el("option", "", { value: "+" }, words.new_connection),
  );
  input.addEventListener("change", () => {
    if (input.value !== "+") return set(["connection"], input.value || undefined);
    editor.emit("newconnection", { node: id, type });
    input.value = node.connection ?? "";
  });
  const problems = problemsAt("connection").map((one) => el("div", "fe-problem fe-problem-error", { role: "alert" }, icon("error_outline"), one.message));
  const edit = chosen ? iconButton("tune", words.edit_connection, () => editor.emit("editconnection", node.connection), { "data-testid": "connection-edit" }) : null;
  const result = el("div", "fl-result", { role: "status", "data-testid": "connection-result" });
  const test = chosen ? iconButton("network_check", words.link_test, () => tryOut(editor, chosen, result), { "data-testid": "connection-test" }) : null;
  if (chosen && !chosen.own) showState(words, chosen, result);
  return el(
    "div", `fe-field${problems.length ? " fe-wrong" : ""}`, { "data-testid": "field", "data-field": "connection" },
    el("div", "fe-field-head", {}, el("label", "fe-label", { for: "fe-connection", title: "connection" }, words.field_connection), node.connection ? null : el("span", "fe-due", {}, words.required)),
    el("div", "fe-row", {}, input, edit, test), ...problems, result,
  );
}

function showState(words, { state, text, tested }, result) {
  if (tested && state === "idle") return show(result, tested);
  result.dataset.ok = state === "up" ? "true" : state === "down" ? "false" : "";
  const said = words[`link_state_${state}`];
  // "Connected: connected to broker ..." says it twice
  const whole = text.toLowerCase().startsWith(said.toLowerCase()) ? text.charAt(0).toUpperCase() + text.slice(1) : [said, text].filter(Boolean).join(": ");
  result.replaceChildren(el("span", "", {}, whole));
}

async function tryOut(editor, link, result) {
  delete result.dataset.ok;
  result.replaceChildren(icon("autorenew", "fh-spin"), editor.words.link_testing);
  try {
    const entry = editor.draft.doc.connections?.[link.name];
    const found = link.own
      ? await editor.link.ask("connection.try", { name: link.name, type: entry.type, config: entry.config ?? {}, own: true })
      : await editor.link.ask("connection.test", { name: link.name });
    show(result, found);
  } catch (error) {
    show(result, { ok: false, text: error.message });
  }
}

function show(result, { ok, text }) {
  result.dataset.ok = String(ok);
  result.replaceChildren(icon(ok ? "check" : "error_outline"), el("span", "", {}, text));
}
