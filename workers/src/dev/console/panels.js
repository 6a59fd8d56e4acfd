// Every other part of the page.

import { $, clock, count, el, nothing, part, plural, span } from "./dom.js";
import { ask } from "./ask.js";

export function accounts(view) {
  part("accounts", view.accounts, (all) => {
    const known = Object.values(all);
    return known.length ? known.map(account) : nothing("Nobody is connected yet.");
  });
  part("publish-user", Object.values(view.accounts).filter(isOurs).map(({ user }) => user), (users) => {
    const chosen = $("publish-user").value;
    return users.map((user) => el("option", { value: user, selected: user === chosen ? "" : null }, `as ${user}`));
  });
}

/** Publishing is for these; others came of a dead letter, or keep their tokens themselves. */
const isOurs = ({ provider, on_device }) => provider === "practice" && !on_device;

function account(account) {
  const { user, spoilt } = account;
  const end = { title: "The platform ends the token and tells nobody; the next post has it refreshed", disabled: spoilt ? "" : null, onclick: (event) => ask("expire", { user }, event.currentTarget) };
  return el("div.item.line", { "data-account": user, "data-provider": account.provider }, avatar(user),
    el("div.grow", el("div", el("strong", { title: user }, isId(user) ? account.name ?? user : user), el("span.soft", as(account))), el("p.soft", standing(account))),
    isOurs(account) ? el("button.small", end, "End its token") : null);
}

/** A directory's id of a user is for programs; people have names. */
const isId = (user) => /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(user);

const as = ({ user, name, provider }) => (name && !isId(user) ? ` as ${name} at ${provider}` : ` at ${provider}`);

function standing(account) {
  if (account.needs_consent) return el("span.bad", "needs consent again");
  if (account.spoilt) return el("span.warn", "its access token is ended; publish, and see it refreshed");
  if (account.on_device) return "its tokens are on a phone";
  const until = account.expires_at ? `token good until ${clock(account.expires_at)}` : "token without an end";
  return account.refreshes ? `${until}, refreshed ${plural(account.refreshes, "time", "times")}` : until;
}

export function jobs(view) {
  part("jobs", view.jobs, (all) => (all.length ? all.map(job) : nothing("No job yet.")));
}

const TONES = { published: "good", stored: "good", failed: "bad", "dead letter": "bad", unknown: "warn" };

function job({ id, user, what, way, outcome, why, url }) {
  const tone = TONES[outcome] ?? "plain";
  const stages = way.map(({ what: name, at }, index) => [
    index ? el("i.to", { "aria-hidden": "true" }) : null,
    el(`span.stage.${TONES[name] ?? "plain"}`, { "data-stage": name }, name, index ? el("small", span(at - way[0].at)) : null),
  ]);
  return el("div.item", { "data-job": id, "data-outcome": outcome ?? "" },
    el("div.line", el("span.grow.cut", { title: what }, what), el("span.soft", user)),
    el("div.way", stages, outcome ? null : [el("i.to", { "aria-hidden": "true" }), el("span.stage.busy", "…")]),
    why ? el(`p.why.${tone}`, why) : null,
    url ? el("a.soft", { href: url, target: "_blank", rel: "noopener" }, "the post") : null);
}

export function wall(view) {
  part("wall", view.wall, (posts) => (posts.length ? posts.map(post) : nothing("The first post will show up by itself.")));
}

const post = ({ id, author, text, at }) => el("div.item.line", { "data-post": id },
  avatar(author), el("div.grow", el("div.line", el("strong.grow", author), el("span.soft", at ? clock(at) : "")), el("p.text", text)));

export function phones(view) {
  part("phones", view.phones, (all) => (all.length ? all.map(sms) : nothing("A post that names a phone is told here, also when it fails.")));
}

const sms = ({ id, to, text, septets, at }) => el("div.item", { "data-sms": id, "data-to": to },
  el("div.line", el("code.grow", to), el("span.soft", `${septets} of 160`), el("span.soft", at ? clock(at) : "")), el("p.text", text));

export function phone(view) {
  part("phone-holds", view.phone, ({ tokens, waits, picked_up }) => [
    el("div.item.line", { "data-tokens": tokens }, el("span.grow", "On the phone ", el("code", "+237650000001")), el("span.soft", tokens ? plural(tokens, "token", "tokens") : "no token")),
    el("div.item.line", { "data-waits": waits, "data-picked-up": picked_up }, el("span.grow", "Here, for the phone"),
      waits === "tokens" ? el("span.warn", "newer tokens wait, sealed") : el("span.soft", picked_up ? `nothing; picked up ${plural(picked_up, "time", "times")}` : "nothing")),
  ]);
}

export function sweep(view) {
  part("sweep", view.sweep, (now) => {
    if (!now) return "";
    if (now.resealed !== null) return `${count(now.shards)} shards done, ${count(now.resealed)} sealed anew`;
    return `${count(now.done)} of ${count(now.shards)} shards`;
  });
}

export function versions(view) {
  const most = Math.max(1, ...view.versions.map(({ held }) => held));
  part("versions", view.versions, (all) => all.map(({ key, name, created, held, newest, enabled }) => {
    const bar = el("progress", { max: most, value: held, "aria-label": `held by ${name}` });
    const chip = enabled ? newest && el("span.chip.good", "newest") : el("span.chip", "disabled");
    return el("div.item", { "data-version": name, "data-held": held },
      key ? el("p.soft.cut", { title: key }, short(key)) : null,
      el("div.line", el("code.grow", name.slice(0, 8)), chip, el("span.soft", clock(created)), el("span.held", el("b", count(held)), el("span.soft", " sealed"))), bar);
  }));
}

/** A key's name whose tenant is a GUID, as long as a person needs it. */
const short = (key) => key.replace(/([0-9a-f]{8})-[0-9a-f-]{27}/, "$1…");

export function azure(view) {
  $("azure").hidden = !view.azure;
  part("azure-counts", view.azure, (now) => (now ? [
    el("div.item.line", { "data-vault-calls": now.calls }, el("span.grow.cut", { title: now.vault }, "Key vault ", el("code", new URL(now.vault).hostname)), el("span.held", el("b", count(now.calls)), el("span.soft", " reads of keys"))),
    el("div.item.line", { "data-messages": now.messages }, el("span.grow", "The chat"), el("span.held", el("b", count(now.messages)), el("span.soft", now.messages === 1 ? " message" : " messages"))),
  ] : []));
}

export function letters(view) {
  const { letters: all, missing, waiting } = view.dead;
  $("dead-count").textContent = count(waiting);
  $("mend").hidden = !missing;
  part("mend", missing, (name) => (name ? [
    el("span.grow", "The catalogue lacks ", el("code", name), ". Replay before that is mended, and the letter comes back."),
    el("button.small", { onclick: (event) => ask("mend", {}, event.currentTarget), id: "mend-it" }, "Add it, restart the workers"),
  ] : []));
  part("letters", all, () => (all.length ? all.map(letter) : nothing("None. What cannot be done would wait here for an operator.")));
}

const letter = ({ id, what, code, reason, origin, at }) => el("div.item", { "data-letter": id, "data-code": code },
  el("div.line", el("span.chip.bad", code), el("span.grow.soft.cut", `${what} of ${origin ?? "an unknown queue"}`), el("span.soft", at ? clock(at) : ""),
    el("button.small", { onclick: (event) => ask("replay", { id }, event.currentTarget) }, "Replay")),
  el("p.why", reason));

/** The class of a topic's first word; anybody may publish an event under a name that makes none. */
const family = (topic) => (/^[a-z]+(?=[.-]|$)/.test(topic) ? `.${topic.split(/[.-]/)[0]}` : "");

export function log(view) {
  part("log", view.log, (lines) => (lines.length ? lines.map(({ at, topic, text }) => el("li", { "data-topic": topic },
    el("time", clock(at)), el(`span.topic${family(topic)}`, topic), el("span.said-text", text))) : el("li.nothing", "Nothing was heard yet.")));
}

export function processes(view) {
  part("processes", view.processes, (all) => (all.length ? all.map(({ name, pid, trouble, megabytes }) =>
    el("div.item.line", { "data-process": name },
      el(`i.dot.${trouble ? "bad" : "good"}`, { "aria-hidden": "true" }), el("span.grow", name, trouble ? el("p.why.bad", trouble) : null),
      el("span.soft.number", megabytes === null ? "" : `${count(megabytes)} MB`), el("span.soft.number", String(pid)))) : nothing("They start now.")));
}

/** A disc with the name's first letter, in a colour of its own. */
function avatar(name) {
  const sum = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 9973, 0);
  return el("span.avatar", { "data-hue": sum % 6, "aria-hidden": "true" }, [...name][0]?.toUpperCase() ?? "?");
}
