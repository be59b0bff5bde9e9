// Before the first paint: light or dark, and the place; then watched over.
//
// Not a module, so that the browser runs it at once. Gradio sets `dark` on the body by the system's
// wish when it starts; a choice kept in `studio.theme` outlives that.

(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  function wished() {
    const asked = new URLSearchParams(location.search).get("__theme");
    const kept = asked ?? localStorage.getItem("studio.theme");
    return kept === "light" || kept === "dark" ? kept : "system";
  }

  function apply() {
    const isDark = wished() === "dark" || (wished() === "system" && system.matches);
    for (const element of [root, document.body]) {
      if (element && element.classList.contains("dark") !== isDark) element.classList.toggle("dark", isDark);
    }
    root.dataset.theme = wished();
  }

  apply();
  root.dataset.place = location.hash.slice(1).split("/")[0] || "start";
  system.addEventListener("change", apply);
  window.addEventListener("studio:theme", apply);
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    new MutationObserver(apply).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  });
})();
