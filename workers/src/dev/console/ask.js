// What the buttons ask of the console, and what is said when it does not work.

import { $ } from "./dom.js";

const token = document.querySelector("meta[name=sealpost-console]").content;

/** Asks for something, with the button held down meanwhile. `undefined`: it did not work, and that was said. */
export async function ask(what, wish = {}, button = null) {
  if (button) button.disabled = true;
  try {
    const answer = await fetch(`/do/${what}`, {
      method: "POST",
      headers: { "content-type": "application/json", "sealpost-console": token },
      body: JSON.stringify(wish),
    });
    const type = answer.headers.get("content-type") ?? "";
    const body = type.startsWith("application/json") ? await answer.json() : { problem: await answer.text() };
    if (answer.ok) return body;
    say(body.problem);
  } catch {
    say("sealpost dev does not answer; does it still run?");
  } finally {
    if (button) button.disabled = false;
  }
  return undefined;
}

let hiding;

export function say(text) {
  const said = $("said");
  said.textContent = text;
  said.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { said.hidden = true; }, 8000);
}
