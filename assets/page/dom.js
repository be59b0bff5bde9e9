// Elements from plain values. Text always becomes a text node, so nothing a row says can run.

/** An element: attributes by name, `on…` as listeners, `class`, `data`; children may nest. */
export function h(tag, attributes = {}, ...children) {
  return made(document.createElement(tag), attributes, children);
}

/** An element of a drawing: as `h`, for the tags of SVG. */
export function svg(tag, attributes = {}, ...children) {
  return made(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function made(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) set(element, name, value);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "data") Object.assign(element.dataset, value);
  else if (name in element && typeof value !== "string" && !(element instanceof SVGElement)) element[name] = value;
  else element.setAttribute(name, value === true ? "" : value);
}

/** Put `children` in the place of all that `element` holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter(Boolean));
  return element;
}
