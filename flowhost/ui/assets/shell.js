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
  // NiceGUI shows and hides its own pop-up when the line breaks; the page's banner follows it.
  const follow = () => {
    const popup = document.getElementById("popup");
    if (!popup) return;
    const show = () => document.body.classList.toggle("fh-lost", popup.getAttribute("aria-hidden") === "false");
    new MutationObserver(show).observe(popup, { attributes: true, attributeFilter: ["aria-hidden"] });
  };
  document.addEventListener("DOMContentLoaded", follow);
})();
