// Where on the page the person is: the start page or one of the places of the loop.
//
// The address's hash says it, so that reload, bookmarks and the back button work; a mark on the
// root element shows it, so that the style sheet alone hides all other places.

import { announce } from "./bus.js";

export const START = "start";
const root = document.documentElement;

/** The place that is shown. */
export function here() {
  return root.dataset.place ?? START;
}

/** Show `place`; the back button leads back. */
export function go(place) {
  if (wanted() === place) return show(true);
  location.hash = place === START ? "" : place;
}

function wanted() {
  return location.hash.slice(1).split("/")[0] || START;
}

/** Put the address's place before the person; the focus goes to its title, for readers of screens. */
function show(isMove) {
  const known = document.querySelectorAll(".place");
  const place = [...known].some((one) => one.id === `place-${wanted()}`) ? wanted() : START;
  const isOther = place !== here();
  root.dataset.place = place;
  if (!isMove) return;
  if (isOther) window.scrollTo(0, 0);
  focusTitle(place);
  announce("moved", { place });
}

function focusTitle(place) {
  const title = document.querySelector(`#place-${place} :is(h1, h2)`);
  if (!title) return;
  title.tabIndex = -1;
  title.focus({ preventScroll: true });
}

window.addEventListener("hashchange", () => show(true));
show(false);
