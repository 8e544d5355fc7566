// Which fields of a form mean something as it is filled in; the others are left out until they do.

/**
 * Whether a field applies: any of its conditions holds. `true` in a condition stands for any value that is switched on or
 * filled in, `false` for none, a list for one of its values.
 * @param {{only_if?: Record<string, unknown>[]}} fact
 * @param {{name: string, default: unknown}[]} facts the fields beside it
 * @param {Record<string, unknown>} values of these, by name
 */
export function applies({ only_if = [] }, facts, values) {
  if (!only_if.length) return true;
  const valueOf = (name) => values?.[name] ?? facts.find((one) => one.name === name)?.default;
  return only_if.some((all) => Object.entries(all).every(([name, wanted]) => holds(valueOf(name), wanted)));
}

/**
 * The fields to show: those that apply, and those that hold a value all the same or have something wrong with them, so
 * that nothing is out of sight that counts. These come with `idle`.
 * @param {(name: string) => boolean} told whether something is said of the field of that name
 */
export function shownFields(facts, values, told) {
  return facts.flatMap((fact) => {
    if (applies(fact, facts, values)) return [fact];
    return values?.[fact.name] !== undefined || told(fact.name) ? [{ ...fact, idle: true }] : [];
  });
}

function holds(value, wanted) {
  // what a secret or the environment says is known on the host alone
  if (isReference(value)) return true;
  if (typeof wanted === "boolean" && typeof value !== "boolean") return isSet(value) === wanted;
  return Array.isArray(wanted) ? wanted.includes(value) : value === wanted;
}

function isReference(value) {
  return value !== null && typeof value === "object" && ("env" in value || "secret" in value);
}

function isSet(value) {
  if (value === undefined || value === null || value === "" || value === 0) return false;
  return !Array.isArray(value) || value.length > 0;
}
