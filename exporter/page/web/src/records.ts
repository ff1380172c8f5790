// Single records, what decides the answers, and experiments: each card only
// where there is something to show.
import { byId, el, fixed, percent } from "./dom";
import type { Experiment, Model, WorstRecord } from "./types";

const reasons: Record<string, string> = { wrong: "wrong though sure", disagreement: "the shadow disagrees", low_confidence: "unsure", outlier: "far from the reference" };

export function records(m: Model, list: WorstRecord[]): void {
  const cards = [worst(list), decisive(m), ...(m.experiments ?? []).map(experiment), suspects(m)].filter((c): c is HTMLElement => c !== undefined);
  byId("records").replaceChildren(...(cards.length ? cards : [el("div", { class: "empty" }, "No record stands out yet.")]));
}

function card(id: string, title: string, ...children: (Node | string)[]): HTMLElement {
  return el("article", { class: "card", "data-testid": id }, el("h3", {}, title), ...children);
}

function table(label: string, head: string[], body: string[][]): HTMLElement {
  const t = el("table", { "aria-label": label });
  t.append(el("tr", {}, ...head.map((h) => el("th", { scope: "col" }, h))));
  for (const row of body) t.append(el("tr", {}, ...row.map((c, i) => el(i ? "td" : "th", i ? {} : { scope: "row" }, c))));
  return el("div", { class: "scroll" }, t);
}

function worst(list: WorstRecord[]): HTMLElement | undefined {
  if (!list.length) return undefined;
  return card("worst", "The worst records", table("The worst records", ["id", "why", "said", "rests on"], list.map((r) => [
    r.id || "–", reasons[r.reason] ?? r.reason, r.actual ? `${r.predicted ?? ""}, was ${r.actual}` : r.predicted ?? "",
    (r.explanation?.attributions ?? []).slice(0, 2).map((a) => `${a.part} ${a.value >= 0 ? "+" : "−"}${Math.abs(a.value).toFixed(2)}`).join(", ") || "–",
  ])));
}

function decisive(m: Model): HTMLElement | undefined {
  const a = m.attributions;
  if (!a) return undefined;
  const top = [...a.parts].sort((x, y) => y.ratio - x.ratio).slice(0, 6);
  return card("attributions", "What decides the answers", table("Share of each part of the input", ["part", "reference", "now"], top.map((p) => [p.part, percent(p.reference_ratio), percent(p.ratio)])),
    el("p", {}, `distance ${fixed(a.js_distance)} over ${a.records} explained records`));
}

const decisions: Record<string, [string, string]> = { promote: ["healthy", "✓ promote"], hold: ["neutral", "… hold"], roll_back: ["critical", "✕ roll back"] };

function experiment(e: Experiment): HTMLElement {
  const [tone, words] = decisions[e.decision] ?? ["neutral", e.decision];
  return card("experiment", `Experiment ${e.name}`, el("span", { class: "chip", "data-tone": tone }, words), table(`Figures of ${e.name}`, ["figure", e.control, e.treatment, "difference"],
    e.figures.map((f) => [f.kpi, fixed(f.control), fixed(f.treatment), f.delta === undefined ? "–" : `${fixed(f.delta)} [${fixed(f.delta_lower)}, ${fixed(f.delta_upper)}]`])));
}

const signs: Record<string, string> = { outlier: "far from the reference", near_duplicate: "nearly the same again", low_margin: "between two classes" };

function suspects(m: Model): HTMLElement | undefined {
  if (!m.suspects?.length) return undefined;
  return card("suspects", "Unusual inputs", table("Shares of unusual inputs", ["sign", "reference", "now", ""], m.suspects.map((s) => [signs[s.kind] ?? s.kind, percent(s.baseline_ratio), percent(s.ratio), s.alarm ? "▲" : "✓"])));
}
