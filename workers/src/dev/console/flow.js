// The diagram: one lane a way, from whoever sends over queue and step to how it ended.

import { count, el, part } from "./dom.js";

const LANES = [
  { from: "producers", queue: "exchange-requests", step: "exchange" },
  { from: "producers", queue: "publish-jobs", step: "publish" },
  { from: "publish", queue: "notices", step: "notify" },
  { from: "scheduler", queue: "rotation-ticks", step: "rotate" },
  { from: "rotate", queue: "rotation-shards", step: "rotate-shard" },
  { from: "producers", queue: "revocation-requests", step: "revoke" },
  { from: "revoke", queue: "revocation-shards", step: "revoke-shard" },
  { from: "producers", queue: "connection-queries", step: "query" },
];

/** The columns; those between are arrows. */
const NAMED = ["who sends", "", "queue", "", "step of a worker", "", "how it ended"];

const GOOD = new Set(["stored", "published", "fanned-out", "shard-done", "done", "sent", "revoked", "status"]);
const BAD = new Set(["failed", "dead-lettered", "unknown", "refused", "revocation-failed"]);
const ORDER = ["good", "plain", "bad"];

const NAMES = { "delay.1s": "1 s", "delay.5s": "5 s", "delay.30s": "30 s", "delay.2m": "2 min", "delay.10m": "10 min", "delay.1h": "1 h" };

const before = new Map();

export function flow(view) {
  part("flow", [view.queues, view.delays, view.dead.waiting], () => [
    el("div.lane.names", { "aria-hidden": "true" }, NAMED.map((name) => el("span", name))),
    ...LANES.map((lane) => drawn(lane, view.queues[lane.queue])),
    rest(view),
  ]);
}

function drawn({ from, queue, step }, state) {
  const { waiting = 0, in_flight = 0, consumers = 0, done = 0, rate = 0, outcomes = {} } = state ?? {};
  const moved = done > (before.get(queue) ?? done);
  before.set(queue, done);
  const busy = waiting > 0 || in_flight > 0;
  return el("div.lane", { "data-queue": queue, "data-done": done, "data-moved": moved ? "" : null },
    el("div.end", from),
    arrow(),
    el("div.queue", { "data-busy": busy ? "" : null },
      el("code", queue),
      el("div.figures",
        figure(waiting, "waiting"), figure(in_flight, "in hand"), figure(rate.toFixed(1), "per s"))),
    arrow(),
    el("div.step", { title: consumers ? null : "no worker takes these messages" }, el("strong", step), el("span", `${count(done)} done`)),
    arrow(),
    el("div.outcomes", chips(outcomes)));
}

const arrow = () => el("i.arrow", { "aria-hidden": "true" });

const figure = (number, name) => el("span", el("b", String(number)), ` ${name}`);

function chips(outcomes) {
  const all = Object.entries(outcomes).map(([name, number]) => [name.replace(/^.*\./, ""), number]).filter(([, number]) => number > 0);
  if (all.length === 0) return el("span.soft", "nothing yet");
  const sorted = all.sort(([a], [b]) => ORDER.indexOf(kind(a)) - ORDER.indexOf(kind(b)));
  return sorted.map(([name, number]) => el(`span.chip.${kind(name)}`, { "data-outcome": name }, name, el("b", count(number))));
}

const kind = (name) => (GOOD.has(name) ? "good" : BAD.has(name) ? "bad" : "plain");

function rest({ delays, dead }) {
  return el("div.rest",
    el("div.tiers",
      el("span.name", "Waits to be tried again"),
      delays.map(({ name, waiting }) => el("span.tier", { "data-busy": waiting ? "" : null, "data-delay": name }, NAMES[name] ?? name, waiting ? el("b", count(waiting)) : null))),
    el("a.dead", { href: "#breaking", "data-busy": dead.waiting ? "" : null }, "Dead letters", el("b", count(dead.waiting))));
}
