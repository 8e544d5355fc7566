// Finds node types by what people type: title, type id, keywords, plugin, summary.

const RECENT_KEY = "flowhost.recent";
const RECENT_KEPT = 6;

/** Node types that fit some words, best first. Every word has to be found somewhere. */
export function findTypes(types, words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  if (!wanted.length) return types;
  return types
    .map((type) => [score(type, wanted), type])
    .filter(([points]) => points > 0)
    .sort(([a, one], [b, other]) => b - a || one.title.localeCompare(other.title))
    .map(([, type]) => type);
}

/** Types by category, in the order people build a flow in. */
export function byCategory(types, order) {
  const groups = new Map();
  for (const type of types) groups.set(type.category, [...(groups.get(type.category) ?? []), type]);
  const rank = (name) => (order.includes(name) ? order.indexOf(name) : order.length);
  return [...groups].sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b));
}

/** Ids of the types used last in this browser. */
export function recentTypes() {
  try {
    const kept = JSON.parse(localStorage.getItem(RECENT_KEY) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return []; // storage switched off or spoilt: nothing is recent
  }
}

/** Remember that a type was used. */
export function noteUse(id) {
  try {
    localStorage.setItem(RECENT_KEY, JSON.stringify([id, ...recentTypes().filter((one) => one !== id)].slice(0, RECENT_KEPT)));
  } catch {
    // not remembered, still used
  }
}

/** Whether a node of this type can be put at the end of a loose wire. */
export function fits(type, wired) {
  if (!wired) return true;
  return wired.forwards ? type.kind !== "source" : type.kind !== "sink";
}

function score(type, wanted) {
  let sum = 0;
  for (const word of wanted) {
    const points = Math.max(
      beginning(type.title, word, 10, 6), beginning(type.type, word, 9, 5),
      ...type.keywords.map((keyword) => beginning(keyword, word, 5, 3)),
      beginning(type.plugin ?? "", word, 4, 2), beginning(type.summary, word, 2, 1),
    );
    if (!points) return 0;
    sum += points;
  }
  return sum;
}

function beginning(text, word, first, within) {
  const lower = text.toLowerCase();
  if (lower.startsWith(word)) return first;
  if (lower.split(/[\s._-]+/).some((part) => part.startsWith(word))) return first - 1;
  return lower.includes(word) ? within : 0;
}
