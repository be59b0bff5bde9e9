// Light, dark, or as the system wishes; `theme.js` applies it, and kept it so before the first paint.

const KEY = "studio.theme";
const NEXT = { system: "light", light: "dark", dark: "system" };

/** What is chosen now: "system", "light" or "dark". */
export function shownTheme() {
  return document.documentElement.dataset.theme ?? "system";
}

/** Choose the next of the three. */
export function cycleTheme() {
  localStorage.setItem(KEY, NEXT[shownTheme()]);
  const address = new URL(location.href);
  if (address.searchParams.has("__theme")) {
    address.searchParams.delete("__theme");
    history.replaceState(null, "", address);
  }
  window.dispatchEvent(new Event("studio:theme"));
}
