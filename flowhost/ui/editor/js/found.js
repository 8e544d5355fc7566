// What in the open flow holds some words: nodes, notes and frames, as the host finds them in the others. No DOM.
import { fieldTitle, placeOf } from "./problems.js";

const SHOWN = 80; // characters of a note

/**
 * @param {object} doc the draft
 * @param {string} words with spaces between them; all of them have to be found
 * @returns {{kind: string, node: string, title: string, type?: string, place?: (string | number)[], value?: string}[]}
 */
export function findHere(doc, words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (text) => wanted.every((word) => text.toLowerCase().includes(word));
  const nodes = Object.entries(doc.nodes).map(([id, node]) => nodeHit(id, node, wanted)).filter(Boolean);
  const notes = Object.entries(doc.layout?.notes ?? {}).map(([id, { text }]) => ({ kind: "note", node: `note:${id}`, title: text ?? "" }));
  const frames = Object.entries(doc.layout?.groups ?? {}).map(([id, { name }]) => ({ kind: "frame", node: `group:${id}`, title: name ?? "" }));
  return [...nodes, ...[...notes, ...frames].filter(({ title }) => title && has(title)).map((hit) => ({ ...hit, title: cut(hit.title) }))];
}

function cut(text) {
  const line = text.split(/\s+/).join(" ");
  return line.length > SHOWN ? `${line.slice(0, SHOWN - 1)}…` : line;
}

function nodeHit(id, node, wanted) {
  const own = `${id} ${node.name ?? ""} ${node.type} ${node.connection ?? ""}`.toLowerCase();
  const missing = wanted.filter((word) => !own.includes(word));
  const places = missing.map((word) => leafWith(node, word));
  if (places.includes(null)) return null;
  return { kind: "node", node: id, title: node.name || id, type: node.type, ...places[0] };
}

function leafWith(node, word) {
  for (const key of ["config", "delivery"]) {
    for (const [place, value] of leaves([key], node[key])) {
      if (`${value}`.toLowerCase().includes(word) || `${place.at(-1)}`.toLowerCase().includes(word)) return { place, value: `${value}` };
    }
  }
  return null;
}

function* leaves(place, value) {
  if (value !== null && typeof value === "object") {
    for (const [key, inner] of Object.entries(value)) yield* leaves([...place, Array.isArray(value) ? Number(key) : key], inner);
  } else if (value !== null && value !== undefined) yield [place, value];
}

/**
 * The line below a hit: where it is, and the setting that fits as its form calls it.
 * @param {object} hit of this flow, or of another as the host says it
 * @param {Record<string, object>} types
 * @param {Record<string, string>} words
 */
export function below({ kind, node, type, place = [], value = "", flow_name = "" }, types, words) {
  if (kind === "flow") return [words.found_flow, value].filter(Boolean).join(" · ");
  const set = place.length ? `${fieldTitle(types[type], placeOf(place.map(String)))}: ${value}` : "";
  const what = kind === "node" ? set || (flow_name ? types[type]?.title ?? type : `${node} · ${type}`) : words[`found_${kind}`];
  return [flow_name, what].filter(Boolean).join(" · ");
}
