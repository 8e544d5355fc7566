// What kind of input a declared field needs, and how typed text becomes a value. Pure.

/**
 * @param {{type: string, widget: string, fields: object[]}} fact
 * @returns {{shape: string, options?: unknown[], item?: object, number?: boolean, whole?: boolean, mono?: boolean, long?: boolean, expression?: boolean}}
 */
export function kindOf({ type, widget, fields = [], default: fallback, required }) {
  const options = optionsOf(type);
  if (options) return { shape: "choice", options };
  if (type === "object or true or false" && fields.length) return { shape: "optional" };
  if (/^(whole )?number or list of text$/.test(type)) return { shape: "names" };
  const own = /^true or false or object of (.+)$/.exec(type);
  if (own) return { shape: "ownOr", item: kindOf({ type: own[1] }) };
  // what neither is by itself has three states
  if (type === "true or false") return fallback === null && !required ? { shape: "choice", options: [true, false] } : { shape: "flag" };
  if (widget === "code") return { shape: "code", mono: true };
  const list = /^list of (.+)$/.exec(type);
  if (list) return list[1] === "object" ? { shape: fields.length ? "objects" : "json" } : { shape: "rows", item: kindOf({ type: list[1] }) };
  const pairs = /^object of (.+)$/.exec(type);
  if (pairs && ["text", "expression", "template", "number", "whole number"].includes(pairs[1])) return { shape: "pairs", item: kindOf({ type: pairs[1] }) };
  if (type === "object") return { shape: fields.length ? "nested" : "json" };
  const simple = scalar(type);
  if (simple && widget === "lines") return { ...simple, long: true, prose: true };
  if (simple && widget === "condition") return { ...simple, condition: true };
  return simple && widget === "unit" ? { ...simple, unit: true } : simple ?? { shape: "json" };
}

function scalar(type) {
  if (type === "text") return { shape: "line" };
  if (type === "template") return { shape: "line", mono: true, template: true };
  if (type === "expression") return { shape: "line", mono: true, expression: true };
  if (type === "number") return { shape: "line", number: true };
  if (type === "whole number") return { shape: "line", number: true, whole: true };
  return null;
}

/** `'a' or 'b'` and `0 or 1`: the choices; null for anything else. */
export function optionsOf(type) {
  const parts = type.split(" or ");
  if (parts.length < 2) return null;
  const options = parts.map((part) => {
    if (/^'.*'$|^".*"$/s.test(part)) return part.slice(1, -1).replaceAll("\\t", "\t");
    return /^-?\d+$/.test(part) ? Number(part) : undefined;
  });
  return options.includes(undefined) ? null : [...new Set(options)];
}

/**
 * The value a person typed; `undefined` for nothing. What is no number stays text: the check at the field says so.
 */
export function parseValue(kind, text) {
  if (text.trim() === "") return undefined;
  if (!kind.number) return text;
  const number = Number(text.trim().replace(/^(-?\d+),(\d+)$/, "$1.$2"));
  return Number.isFinite(number) ? number : text;
}

/** A value as text for an input. */
export function shownValue(value) {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A number, or names with commas between them; JSON stays possible. Raises where that is none. */
export function namesOf(text) {
  const bare = text.trim();
  if (!bare) return undefined;
  if (/^[[{]/.test(bare)) return JSON.parse(bare);
  const number = Number(bare);
  if (Number.isFinite(number)) return number;
  return bare.split(/[,\n]/).map((name) => name.trim()).filter(Boolean);
}

/** The same as text; names that would be read differently stand as JSON. */
export function shownNames(value) {
  if (!Array.isArray(value)) return shownValue(value);
  const text = value.join(", ");
  try {
    if (JSON.stringify(namesOf(text)) === JSON.stringify(value)) return text;
  } catch {
    // a name begins as JSON does
  }
  return JSON.stringify(value);
}

/** The code of a unit as people write it; anything else as it is, for the check at the field. */
export function codeOf(text, units) {
  const bare = text.trim();
  if (units.some(({ code }) => code === bare)) return bare;
  return units.find(({ spellings }) => spellings.includes(bare))?.code ?? bare;
}
