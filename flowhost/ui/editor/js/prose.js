// Sentences of declarations: what stands in backticks is a field, called as its form calls it, or code.
import { el } from "./dom.js";
import { optionsOf } from "./fieldkinds.js";

/**
 * What fields of a form are called, by key; a word that is also a choice of one of them stays as it is.
 * @param {{name: string, title: string, type: string, fields: object[]}[]} facts
 * @returns {Map<string, string>}
 */
export function titlesOf(facts = []) {
  const all = [];
  const gather = (some) => some.forEach((fact) => (all.push(fact), gather(fact.fields ?? [])));
  gather(facts);
  const choices = new Set(all.flatMap((fact) => optionsOf(fact.type ?? "") ?? []));
  // the outer one of two fields of one name is meant
  return new Map(all.toReversed().filter(({ name, title }) => title && !choices.has(name)).map(({ name, title }) => [name, title]));
}

/** `keep` and `keep: true` as the form shows them; null where that is no field. */
function called(code, titles) {
  const [, key, value] = /^(\w+)(?:: (\w+))?$/.exec(code) ?? [];
  const title = titles.get(key);
  if (!title) return null;
  return `“${title}”${value ? ` (${{ true: "on", false: "off" }[value] ?? value})` : ""}`;
}

/** A sentence with fields called as their form calls them; other code keeps its backticks. */
export function named(text, titles) {
  return text.replaceAll(/`([^`]+)`/g, (all, code) => called(code, titles) ?? all);
}

/** @returns {(Node | string)[]} */
export function prose(text, titles = new Map()) {
  return named(text, titles).split(/(`[^`]+`)/).filter(Boolean).map((part) => (/^`.+`$/s.test(part) ? el("code", "fe-code", {}, part.slice(1, -1)) : part));
}
