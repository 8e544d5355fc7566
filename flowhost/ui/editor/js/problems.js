// What is wrong with the draft as the page says it: in words for those who draw, and calmly of what is new. No DOM.
import { named, titlesOf } from "./prose.js";
import { Unread } from "./unread.js";

const OPEN = new Set(["missing-field", "connection-missing", "no-input", "source-unwired", "unwired-port"]); // not done yet

/** The code of what a form cannot read: the field itself shows it. */
export const UNREAD = "unread";

/** The node a place of the flow belongs to, and the place within it. */
export function nodeOf(place) {
  const [, node = null, rest = ""] = /^nodes\.([a-z0-9_]+)(?:\.(.*))?$/.exec(place) ?? [];
  return { node, rest };
}

/** Steps of a place: `config.rules[0].where` is config, rules, 0, where. */
export function stepsOf(place) {
  return place.split(/[.[\]]+/).filter(Boolean);
}

/** A place from its steps. */
export function placeOf(steps) {
  return steps.map((step, index) => (/^\d+$/.test(step) ? `[${step}]` : index ? `.${step}` : step)).join("");
}

/** The value at a place of a document; undefined where there is none. */
export function valueAt(doc, steps) {
  return steps.reduce((inner, step) => (inner !== null && typeof inner === "object" ? inner[step] : undefined), doc);
}

/** What people call the field at a place within a node; empty for the node itself. */
export function fieldTitle(type, rest) {
  const [part, ...steps] = stepsOf(rest);
  let facts = part === "delivery" ? type?.delivery : type?.fields;
  if (part !== "config" && part !== "delivery") return part ?? "";
  const titles = [];
  for (const step of steps) {
    const fact = facts?.find((one) => one.name === step);
    titles.push(fact ? fact.title || fact.name : /^\d+$/.test(step) ? String(Number(step) + 1) : step);
    facts = fact?.fields?.length ? fact.fields : facts;
  }
  return titles.join(" ");
}

/**
 * A finding of lint in words for those who draw; what is frequent has a sentence of its own.
 * @param {{place: string, message: string, code?: string, severity: string}} problem
 * @param {object} type of the node it is at
 * @param {Record<string, string>} words
 */
export function plainText({ place, message, code, severity }, type, words) {
  const { rest } = nodeOf(place);
  const [, quoted = ""] = /'([^']*)'/.exec(message) ?? [];
  const field = fieldTitle(type, rest);
  const own = words[`problem_${code}_${severity}`] ?? words[`problem_${code}`];
  if (own) return own.replace("{field}", field).replace("{name}", quoted);
  const said = named(message, titlesOf(type?.fields));
  return said.charAt(0).toUpperCase() + said.slice(1);
}

/** The same for a list, where it does not stand at its field. */
export function listText(problem, type, words) {
  const { rest } = nodeOf(problem.place);
  const field = fieldTitle(type, rest);
  const names = !field || rest === "connection" || words[`problem_${problem.code}`]?.includes("{field}");
  return names ? problem.plain : `${field}: ${problem.plain}`;
}

/** What this page knows beside lint: nodes nobody has worked on yet, and what the last messages showed. */
export class Findings {
  constructor() {
    this.fresh = new Set(); // nodes put here a moment ago
    this.touched = new Set(); // those of them that somebody began to fill in
    this.noted = new Map(); // place -> {place, steps, text, message, of}
    this.unread = new Unread(); // what was typed and is no value of its field
  }

  /** A node is new: what it lacks is no mistake yet. */
  added(id) {
    this.fresh.add(id);
  }

  /** Its form was left; true if what it lacks is said as a mistake from now on. */
  left(id) {
    return this.touched.delete(id) && this.fresh.delete(id);
  }

  /** Somebody wants to deploy: what is lacking is a mistake now. */
  all() {
    const some = this.fresh.size > 0;
    this.fresh.clear();
    return some;
  }

  /** What an expression made of the last message; empty: nothing to say. True if that is news. */
  note(steps, text, message, of = null) {
    const place = placeOf(steps);
    const before = this.noted.get(place);
    if ((before?.text === text ? before.message : "") === message) return false;
    if (message) this.noted.set(place, { place, steps, text, message, of });
    else this.noted.delete(place);
    return true;
  }

  /** Findings of lint and of the last messages, for a draft. */
  of(linted, doc, types, words) {
    const typeOf = (place) => types[doc?.nodes[nodeOf(place).node]?.type];
    // what nobody has touched is empty, whatever rule says so
    const calm = ({ code, place }, { node } = nodeOf(place)) => this.fresh.has(node) && (OPEN.has(code) || !this.touched.has(node));
    // an answer of lint may be about the draft of a moment ago
    const late = ({ code, place }) => (code === "missing-field" || code === "connection-missing") && ![undefined, null, ""].includes(valueAt(doc, stepsOf(place)));
    const holds = linted.filter((one) => !late(one));
    const said = holds.map((one) => ({ ...one, calm: calm(one), plain: plainText(one, typeOf(one.place), words) }));
    const standing = [...this.noted.values()].filter(({ steps, text }) => valueAt(doc, steps) === text);
    const places = new Set(holds.map((one) => one.place));
    const seen = standing.filter(({ place }) => !places.has(place)).map(({ place, message }) => ({ place, message, plain: message, severity: "warning", code: "last-message", calm: false }));
    const unread = this.unread.standing((steps) => valueAt(doc, steps)).filter(({ place }) => doc?.nodes[nodeOf(place).node]);
    const refused = unread.map((one) => ({ ...one, plain: one.message, severity: "error", code: UNREAD, calm: false }));
    return [...said, ...refused, ...seen].map((one) => ({ ...one, line: listText(one, typeOf(one.place), words) }));
  }
}
