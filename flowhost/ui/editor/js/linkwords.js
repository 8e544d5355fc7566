// What is said of a connection's settings, in the words of their form, and once. No DOM.
import { fieldTitle } from "./problems.js";
import { named, titlesOf } from "./prose.js";

/** What is said of a field names it as the form does. */
export function inWords(text, kind) {
  const [, place, rest] = /^connections\.[^.]+\.(config\.[\w.[\]]+): (.*)$/s.exec(text) ?? [];
  const said = named(rest ?? text, titlesOf(kind?.fields));
  return place ? `${fieldTitle(kind, place)}: ${said}` : said;
}

/** The same; what stands at its field already is not said again, but where to look. */
export function once(text, kind, problems, words) {
  const said = inWords(text, kind);
  const at = problems.find(({ severity, message }) => severity === "error" && said.endsWith(inWords(message, kind)));
  return at ? words.link_at_field.replace("{field}", fieldTitle(kind, at.place)) : said;
}
