// The page: the view comes as server-sent events, whole each time; forms and buttons ask for things.

import { $ } from "./dom.js";
import { ask, say } from "./ask.js";
import { flow } from "./flow.js";
import { accounts, azure, jobs, letters, log, phone, phones, processes, sweep, versions, wall } from "./panels.js";

const PHASES = { starting: "starting", running: "running", ending: "ending" };

function show(view) {
  phase(view.phase);
  link("wall-link", view.wall_url);
  link("metrics-link", view.metrics_url);
  flow(view);
  accounts(view);
  jobs(view);
  wall(view);
  azure(view);
  phones(view);
  phone(view);
  sweep(view);
  versions(view);
  letters(view);
  log(view);
  processes(view);
}

function phase(name) {
  $("phase").textContent = PHASES[name] ?? name;
  $("phase").dataset.is = name;
  document.body.dataset.phase = name;
}

function link(id, url) {
  $(id).hidden = !url;
  if (url) $(id).href = url;
}

const live = new EventSource("/live");
live.addEventListener("message", (event) => show(JSON.parse(event.data)));
live.addEventListener("error", () => {
  phase("away");
  $("phase").textContent = "no connection to sealpost dev";
});

const user = () => $("publish-user").value || "ada";

$("connect-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  // opened by the click itself, since later no browser lets a page do that
  const tab = window.open("about:blank", "_blank");
  const begun = await ask("connect", { user: $("connect-user").value }, event.submitter);
  if (begun && tab) {
    tab.opener = null;
    tab.location.replace(begun.url);
  } else if (begun) {
    say(`This browser opens no page for us; go on at ${begun.url}`);
  } else {
    tab?.close();
  }
});

$("publish-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const phone = $("publish-phone").value.replaceAll(/\s/g, "");
  const notify = phone ? { phone, language: $("publish-language").value } : null;
  ask("publish", { user: user(), text: $("publish-text").value, notify }, event.submitter);
});

const signedIn = () => $("azure-user").value;

$("on-behalf").addEventListener("click", (event) => ask("on-behalf", { user: signedIn() }, event.currentTarget));

$("chat-form").addEventListener("submit", (event) => {
  event.preventDefault();
  ask("chat", { user: signedIn(), text: $("chat-text").value }, event.submitter);
});

for (const what of ["phone-connect", "phone-expire", "phone-online"]) {
  $(what).addEventListener("click", (event) => ask(what, {}, event.currentTarget));
}

$("phone-form").addEventListener("submit", (event) => {
  event.preventDefault();
  ask("phone-post", { text: $("phone-text").value }, event.submitter);
});

$("rotate").addEventListener("click", (event) => ask("rotate", {}, event.currentTarget));

for (const button of document.querySelectorAll("[data-break]")) {
  button.addEventListener("click", () => ask("break", { kind: button.dataset.break, user: user() }, button));
}
