// Elements without markup: every text is a text node, whatever is in it.

export const $ = (id) => document.getElementById(id);

/** An element: `el("p.soft", {title: "…"}, "text", other)`. What is null or false is left out. */
export function el(name, ...parts) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  element.classList.add(...classes);
  if (parts.length && isAttributes(parts[0])) {
    for (const [key, value] of Object.entries(parts.shift())) {
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value);
    }
  }
  element.append(...parts.flat(Infinity).filter((part) => part !== null && part !== undefined && part !== false));
  return element;
}

const isAttributes = (part) => part !== null && typeof part === "object" && !Array.isArray(part) && !(part instanceof Node);

const shown = new Map();

/** Draws a part only when what it shows has changed, so that nothing moves under a hand that is about to click. */
export function part(id, of, draw) {
  const text = JSON.stringify(of);
  if (shown.get(id) === text) return;
  shown.set(id, text);
  $(id).replaceChildren(...[draw(of)].flat(Infinity));
}

export const count = (number) => number.toLocaleString("en");

export const plural = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;

export const clock = (at) => new Date(at).toLocaleTimeString("en-GB");

/** A span of time, short. */
export function span(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}

export const nothing = (text) => el("p.nothing", text);
