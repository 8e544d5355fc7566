// Runs before the page is painted: light, dark or as the system has it, remembered in this browser.
(function () {
  const KEY = "flowhost.theme";
  const ORDER = ["system", "light", "dark"];
  const root = document.documentElement;
  const read = () => {
    try {
      const kept = localStorage.getItem(KEY);
      return ORDER.includes(kept) ? kept : "system";
    } catch {
      return "system"; // storage switched off: the system's setting it is
    }
  };
  const apply = (theme) => (root.dataset.theme = theme);
  apply(read());
  window.flowhostTheme = {
    next() {
      const theme = ORDER[(ORDER.indexOf(root.dataset.theme) + 1) % ORDER.length];
      apply(theme);
      try {
        localStorage.setItem(KEY, theme);
      } catch {
        // not remembered, still applied
      }
    },
  };
  // Text being typed is told after a short rest; a click or Enter must never be told before the text it is about.
  const resting = new Map();
  const flush = () => {
    for (const [field, { timer, send }] of [...resting]) {
      clearTimeout(timer);
      resting.delete(field);
      send();
    }
  };
  window.flowhostTyping = {
    later(field, send, rest_ms) {
      clearTimeout(resting.get(field)?.timer);
      const tell = () => {
        resting.delete(field);
        send();
      };
      resting.set(field, { timer: setTimeout(tell, rest_ms), send });
    },
  };
  document.addEventListener("click", flush, true);
  document.addEventListener("keydown", (event) => event.key === "Enter" && flush(), true);

  // NiceGUI shows and hides its own pop-up when the line breaks; the page follows it, but not for a hiccup.
  const HICCUP_MS = 2000;
  const follow = () => {
    const popup = document.getElementById("popup");
    if (!popup) return;
    let since = 0;
    let timer;
    const age = () => {
      const line = document.querySelector("#fh-lost [data-words]");
      const seconds = Math.round((Date.now() - since) / 1000);
      const words = seconds < 100 ? `${seconds}\u202fs` : `${Math.round(seconds / 60)}\u202fmin`;
      if (line) line.textContent = line.dataset.words.replace("{age}", words);
      document.body.classList.toggle("fh-lost", Date.now() - since >= HICCUP_MS);
    };
    const show = () => {
      const lost = popup.getAttribute("aria-hidden") === "false";
      if (lost === Boolean(since)) return;
      since = lost ? Date.now() : 0;
      clearInterval(timer);
      if (lost) timer = setInterval(age, 1000);
      else document.body.classList.remove("fh-lost");
    };
    new MutationObserver(show).observe(popup, { attributes: true, attributeFilter: ["aria-hidden"] });
  };
  document.addEventListener("DOMContentLoaded", follow);
})();
