// Small helpers: text is always set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with classes, attributes and children. */
export function el(tag, classes = "", attributes = {}, ...children) {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  for (const [name, content] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), content);
    else if (content === true) made.setAttribute(name, "");
    else if (content !== null && content !== undefined && content !== false) made.setAttribute(name, content);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** An SVG element. */
export function shape(tag, attributes = {}) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, content] of Object.entries(attributes)) made.setAttribute(name, content);
  return made;
}

/** One of the bundled icons; decorative. */
export function icon(name, classes = "") {
  return el("i", `material-icons fh-icon ${classes}`.trim(), { "aria-hidden": "true" }, name);
}

/** A button with an icon, named for those who cannot see it. */
export function iconButton(name, label, onclick, attributes = {}) {
  return el("button", "fh-icon-button", { type: "button", title: label, "aria-label": label, onclick, ...attributes }, icon(name));
}

/** Write a text, if it differs. */
export function write(target, text) {
  const own = target.firstChild;
  if (own === null) {
    if (text) target.textContent = text;
  } else if (own.data !== text) own.data = text;
}

/** Whether keys typed now belong to a field. */
export function inField(target) {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
}

/** Put a text into the clipboard; also where the page did not come over https. False if the browser refuses. */
export async function copyToClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = el("textarea", "", { style: "position: fixed; opacity: 0" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** Let the browser keep a text as a file. */
export function saveFile(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "application/yaml" }));
  el("a", "", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
