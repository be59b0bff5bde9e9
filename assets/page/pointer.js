// Whether the person is in the middle of a click. A browser gives no click to what was not there when
// the button went down, so what news would draw anew waits until it is up again.

let isDown = false;
const waiting = new Set();

/** Resolves when no button of the pointer is down. */
export function released() {
  return isDown ? new Promise((resolve) => waiting.add(resolve)) : Promise.resolve();
}

/** After the click, which comes right behind the button. */
function soon() {
  setTimeout(() => {
    isDown = false;
    for (const go of waiting) go();
    waiting.clear();
  });
}

window.addEventListener("pointerdown", () => (isDown = true), true);
window.addEventListener("pointermove", (event) => isDown && event.buttons === 0 && soon(), true);
for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, soon, true);
window.addEventListener("blur", soon);
