import { BarChart, ReliabilityChart } from "./charts";
import { byId, bytes, clock, color, el, fixed, icon, percent, rows, seconds } from "./dom";
import type { Event, Feature, Model, Performance, Shadow, Snapshot } from "./types";

export function verdict(m: Model): void {
  const box = byId("verdict");
  const findings = m.verdict.findings.filter((f) => f.kind !== "healthy");
  box.dataset.level = m.verdict.level;
  const words: Record<string, string> = { healthy: "Healthy", warning: "Warning", critical: "Critical", learning: "Learning", unknown: "Nothing seen yet" };
  const list = el("ul");
  for (const f of findings) list.append(el("li", { "data-level": f.level, "data-kind": f.kind }, el("i", { "aria-hidden": "true" }, icon(f.level)), el("span", {}, f.words)));
  box.replaceChildren(
    el("div", { class: "who" }, `${m.name}${m.version ? " · version " + m.version : ""} · since ${clock(m.verdict.since)}`),
    el("p", { class: "level" }, el("i", { "aria-hidden": "true" }, icon(m.verdict.level)), words[m.verdict.level] ?? m.verdict.level),
    findings.length ? list : el("div", {}, "Inputs, answers and accuracy are what the reference says they should be."));
}

const tones: Record<string, string> = { major: "critical", minor: "warning", alarm: "warning", quiet: "healthy" };
const stateWords: Record<string, string> = { major: "large drift", minor: "small drift", alarm: "changing", quiet: "as before" };
const severity = (f: Feature): number => ["quiet", "alarm", "minor", "major"].indexOf(f.state);

// Features keeps one card a feature, worst first.
export class Features {
  private readonly cards = new Map<string, { root: HTMLElement; bars: BarChart; chip: HTMLElement; text: HTMLElement }>();

  update(m: Model): void {
    const derived = [m.prediction, m.confidence].filter((f): f is Feature => f !== undefined);
    const all = [...m.features, ...derived];
    const box = byId("features");
    if (!all.length) { box.replaceChildren(el("div", { class: "empty" }, m.reference.note ?? "No reference yet.")); this.cards.clear(); return; }
    all.sort((a, b) => severity(b) - severity(a) || (severity(a) > 0 ? (b.psi ?? 0) - (a.psi ?? 0) : 0));
    for (const name of [...this.cards.keys()]) if (!all.some((f) => f.name === name)) this.cards.delete(name);
    const roots = all.map((f) => this.card(f));
    if (box.children.length !== roots.length || roots.some((r, i) => box.children[i] !== r)) box.replaceChildren(...roots);
    for (const f of all) this.draw(f);
  }

  resize(): void { for (const c of this.cards.values()) c.bars.resize(); }

  restyle(): void { for (const c of this.cards.values()) c.bars.restyle(); }

  private card(f: Feature): HTMLElement {
    let c = this.cards.get(f.name);
    if (!c) {
      const bars = new BarChart(), chip = el("span", { class: "chip" }), text = el("p");
      c = { bars, chip, text, root: el("article", { class: "feature", "data-feature": f.name }, el("header", {}, el("h3", {}, f.name), chip), bars.box, text) };
      this.cards.set(f.name, c);
    }
    return c.root;
  }

  private draw(f: Feature): void {
    const c = this.cards.get(f.name);
    if (!c) return;
    const tone = tones[f.state] ?? "neutral";
    c.root.dataset.state = f.state;
    c.chip.dataset.tone = tone;
    c.chip.textContent = `${icon(tone)} ${stateWords[f.state] ?? f.state}`;
    c.root.title = f.reason;
    const range = f.psi_lower !== undefined && f.psi_upper !== undefined ? ` [${fixed(f.psi_lower, 2)}, ${fixed(f.psi_upper, 2)}]` : "";
    c.text.textContent = f.samples ? `PSI ${fixed(f.psi, 3)}${range} · KS ${fixed(f.ks, 3)} · n ${f.samples}` : "no values yet";
    const bins = f.bins.filter((b) => b.reference > 0 || b.current > 0 || b.lower !== undefined);
    c.bars.update(bins.map((b) => b.label), bins.map((b) => b.reference), bins.map((b) => b.current), f.state === "major" ? "critical" : f.state === "quiet" ? "cur" : "second");
    c.bars.box.setAttribute("role", "img");
    c.bars.box.setAttribute("aria-label", `Distribution of ${f.name}: reference and current, ${stateWords[f.state] ?? f.state}`);
  }
}

export function shadows(m: Model): void {
  const box = byId("shadows");
  if (!m.shadows.length) { box.replaceChildren(el("div", { class: "empty" }, "No shadow is configured: agreement is unknown.")); return; }
  const cards = m.shadows.map((s) => shadowCard(s));
  if (m.identity) cards.push(identityCard(m));
  box.replaceChildren(...cards);
}

function shadowCard(s: Shadow): HTMLElement {
  const bad = s.alarm && (s.role === "twin" || s.role === "reference-precision");
  const chip = el("span", { class: "chip", "data-tone": !s.up ? "warning" : bad ? "critical" : "healthy" }, !s.up ? "▲ down" : bad ? "✕ disagrees" : "✓ running");
  return el("article", { class: "card", "data-shadow": s.name, "data-up": String(s.up) },
    el("h3", {}, s.name, el("small", {}, s.role), " ", chip),
    s.error ? el("div", { class: "empty" }, s.error) : "",
    rows([
      ["disagreement", s.disagreement_ratio === undefined ? "–" : `${percent(s.disagreement_ratio)} [${percent(s.disagreement_lower)}, ${percent(s.disagreement_upper)}]`],
      ["noise floor", percent(s.noise_floor_ratio)], ["mean JS distance", fixed(s.js_distance_mean)],
      ["replayed", `${s.inferences.toLocaleString("en")} (${s.failures.toLocaleString("en")} lost)`], ["restarts", String(s.restarts)],
      ["provider", s.provider ?? "–"], ["lag", seconds(s.lag_seconds)], ["outputs", s.decision ?? "–"],
    ]));
}

function identityCard(m: Model): HTMLElement {
  const id = m.identity!;
  const words = id.probes === 0 ? "not probed yet" : id.match ? "✓ the registered model" : id.like ? `✕ answers like ${id.like}` : "✕ like no known model";
  return el("article", { class: "card", "data-testid": "identity", "data-match": String(id.match) },
    el("h3", {}, "what is served", el("small", {}, "by its fingerprint"), " ", el("span", { class: "chip", "data-tone": id.probes === 0 ? "neutral" : id.match ? "healthy" : "critical" }, words)),
    id.error ? el("div", { class: "empty" }, id.error) : "", rows([["probes", id.probes.toLocaleString("en")]]));
}

// Quality shows what late labels say.
export class Quality {
  private readonly reliability = new ReliabilityChart(byId("reliability"));

  update(p: Performance | undefined): void {
    const a = p?.accuracy;
    byId("labels").textContent = !p ? "" : [
      a ? `accuracy ${fixed(a.value)} [${fixed(a.lower)}, ${fixed(a.upper)}] over ${a.n} labels` : p.undefined ?? "",
      p.baseline_accuracy === undefined ? "" : `reference ${fixed(p.baseline_accuracy)}`,
      p.coverage_ratio === undefined ? "" : `${percent(p.coverage_ratio, 0)} labelled`,
      p.calibration?.ece_equal_width === undefined ? "" : `calibration error ${fixed(p.calibration.ece_equal_width)}`,
    ].filter(Boolean).join(" · ");
    if (p?.calibration) this.reliability.update(p.calibration.reliability);
    confusion(p);
  }

  resize(): void { this.reliability.resize(); }

  restyle(): void { this.reliability.restyle(); }
}

function confusion(p: Performance | undefined): void {
  const box = byId("confusion");
  if (!p?.accuracy) { box.replaceChildren(el("div", { class: "empty" }, "Labels have not come yet: POST them to /api/v1/labels.")); return; }
  const order = p.confusion.labels.map((_, i) => i).sort((x, y) => p.confusion.labels[x].localeCompare(p.confusion.labels[y], "en", { numeric: true })).slice(0, 25);
  const table = el("table", { "aria-label": "Confusion matrix, actual by row, predicted by column" });
  table.append(el("tr", {}, el("th"), ...order.map((j) => el("th", { scope: "col" }, p.confusion.labels[j]))));
  const [good, bad] = [color("healthy"), color("critical")];
  for (const i of order) {
    const total = p.confusion.counts[i].reduce((s, n) => s + n, 0);
    table.append(el("tr", {}, el("th", { scope: "row" }, p.confusion.labels[i]), ...order.map((j) => {
      const n = p.confusion.counts[i][j], share = total ? n / total : 0;
      const strength = n === 0 ? 0 : Math.round(12 + 58 * Math.sqrt(share));
      return el("td", { style: n ? `background: color-mix(in srgb, ${i === j ? good : bad} ${strength}%, transparent)` : "", title: `${n} of ${total}` }, n ? String(n) : "");
    })));
  }
  box.replaceChildren(el("div", { class: "scroll" }, table));
}

export function tap(s: Snapshot, m: Model): void {
  const lost = Object.entries(s.tap.dropped).filter(([, n]) => n > 0).map(([k, n]) => `${k} ${n}`).join(", ");
  const odd = Object.entries(s.tap.anomalies).filter(([, n]) => n > 0).map(([k, n]) => `${k} ${n}`).join(", ");
  const bad = Object.entries(m.requests.total).filter(([k, n]) => k !== "success" && n > 0).map(([k, n]) => `${k} ${n}`).join(", ");
  byId("tap").replaceChildren(el("h3", {}, "Tap"), rows([
    ["upstream", s.tap.upstream ?? "–"], ["requests", `${(m.requests.total["success"] ?? 0).toLocaleString("en")} successful`], ["failed", bad || "none"],
    ["sampled", `${s.tap.sampled.toLocaleString("en")} (rate ${s.tap.sample_rate})`], ["dropped", lost || "none"], ["odd payloads", odd || "none"],
    ["queue", `${bytes(s.tap.queue_bytes)} of ${bytes(s.tap.queue_capacity_bytes)}`],
  ]));
}

export function events(list: Event[]): void {
  const ul = el("ul", { class: "events", "data-testid": "events", tabindex: "0" });
  for (const e of list.slice(-60).reverse()) ul.append(el("li", { "data-level": e.level }, el("time", { datetime: e.time }, clock(e.time)), el("i", { "aria-hidden": "true" }, icon(e.level)), el("span", {}, e.words)));
  byId("events").replaceChildren(el("h3", {}, "Events"), list.length ? ul : el("div", { class: "empty" }, "Nothing has happened yet."));
}

export function reference(m: Model): void {
  const r = m.reference;
  const name = r.source.split("/").pop() ?? r.source;
  byId("reference").textContent = r.provisional
    ? (r.wanted ? `learning a provisional reference: ${r.rows} of ${r.wanted} records` : `against a provisional reference of the first ${r.rows} records`)
    : r.rows ? `against ${r.rows.toLocaleString("en")} rows of ${name}; pale: reference, solid: now` : (r.note ?? "");
}
