// What could come next in an expression: names of the message, its fields, functions. Pure.

const MOST = 12;
const DEPTH = 4;

/** Fields of a value as paths: `payload.a.b`, `payload["odd name"]`. */
export function pathsOf(value, start = "payload", depth = DEPTH) {
  if (value === null || typeof value !== "object" || Array.isArray(value) || !depth) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const path = joined(start, name);
    return [{ text: path, detail: shown(inner) }, ...pathsOf(inner, path, depth - 1)];
  });
}

/** What a payload without fields is, as a word; empty where it has fields. */
export function bareKind(payload) {
  if (payload === null || payload === undefined) return "nothing";
  if (Array.isArray(payload)) return "list";
  return { number: "number", string: "text", boolean: "truth" }[typeof payload] ?? "";
}

/** The message itself, for payloads that have no fields to choose from. */
export function partsOf({ payload, topic, unit, quality, time, key }) {
  const parts = Object.entries({ payload, topic, unit, quality, time, key });
  return parts.map(([text, value]) => ({ text, detail: value === undefined ? "" : shown(value) }));
}

/** A path one step longer. */
export function joined(path, name) {
  return typeof name === "number" || !/^[A-Za-z_]\w*$/.test(name) ? `${path}[${JSON.stringify(name)}]` : `${path}.${name}`;
}

/**
 * The part of the text before the cursor that is being written; null within a text in quotes, or outside the braces of a
 * template.
 */
export function wordAt(text, cursor, template = false) {
  let before = text.slice(0, cursor);
  if (template) {
    const open = before.replaceAll("{{", "  ").lastIndexOf("{");
    if (open < 0 || before.replaceAll("}}", "  ").lastIndexOf("}") > open) return null;
    before = " ".repeat(open + 1) + before.slice(open + 1);
  }
  const quotes = before.replaceAll(/\\./g, "  ").match(/['"]/g) ?? [];
  let quote = "";
  for (const mark of quotes) quote = quote === mark ? "" : quote || mark;
  if (quote) return null;
  const [word] = /[A-Za-z_][\w.]*$/.exec(before) ?? [""];
  return { word, start: cursor - word.length };
}

/** What fits to the word, best first. */
export function completions(word, { names, functions, paths }) {
  const low = word.toLowerCase();
  const all = [
    ...paths.map((one) => ({ ...one, kind: "field" })),
    ...names.map((name) => ({ text: name, detail: "", kind: "name" })),
    ...functions.map((one) => ({ text: `${one.name}(`, detail: `${one.signature}: ${one.summary}`, kind: "function" })),
  ];
  const rank = ({ text }) => {
    const lower = text.toLowerCase();
    if (lower.startsWith(low)) return 0;
    return lower.split(/[.[]/).at(-1).startsWith(low.split(".").at(-1)) && !low.includes(".") ? 1 : lower.includes(low) && low.length > 1 ? 2 : 9;
  };
  const seen = new Set();
  return all
    .map((one) => ({ one, rank: rank(one) }))
    .filter(({ one, rank: at }) => at < 9 && one.text !== word && !seen.has(one.text) && seen.add(one.text))
    .sort((a, b) => a.rank - b.rank)
    .slice(0, MOST)
    .map(({ one }) => one);
}

function shown(value) {
  const text = JSON.stringify(value) ?? "";
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}
