// What late labels say beside accuracy: one card a subject, each only where
// there is something to show.
import { byId, bytes, el, fixed, percent, rows, seconds } from "./dom";
import type { Estimate, Metric, Performance, Window } from "./types";

export function late(p: Performance | undefined): void {
  const box = byId("late");
  if (!p) { box.replaceChildren(); return; }
  const cards = [flow(p), windows("Windows", p.windows), windows("Slices", p.slices), trust(p), estimate(p.estimate), truth(p)];
  box.replaceChildren(...cards.filter((c): c is HTMLElement => c !== undefined));
}

function card(id: string, title: string, ...children: (Node | string)[]): HTMLElement {
  return el("article", { class: "card", "data-testid": id }, el("h3", {}, title), ...children);
}

const length = (v: number | undefined): string =>
  v === undefined ? "–" : v < 120 ? seconds(v) : v < 7200 ? (v / 60).toFixed(0) + " min" : v < 172800 ? (v / 3600).toFixed(1) + " h" : (v / 86400).toFixed(1) + " d";

const pair = (m: Metric | undefined): string =>
  m?.value === undefined ? "–" : m.lower === undefined || m.upper === undefined ? fixed(m.value) : `${fixed(m.value)} [${fixed(m.lower)}, ${fixed(m.upper)}]`;

const chip = (tone: string, words: string): HTMLElement => el("span", { class: "chip", "data-tone": tone }, words);

function flow(p: Performance): HTMLElement {
  const counts = Object.entries(p.labels).filter(([, n]) => n > 0).map(([k, n]) => `${k} ${n.toLocaleString("en")}`).join(", ");
  const ages = p.coverage_by_age.filter((a) => a.predictions > 0);
  const table = el("table", { "aria-label": "Share of predictions that have a label, by their age" });
  for (const a of ages) table.append(el("tr", {}, el("th", { scope: "row" }, a.age.slice(3)), el("td", {}, a.predictions.toLocaleString("en")), el("td", {}, percent(a.ratio, 0))));
  const s = p.store;
  return card("label-flow", "Labels", rows([
    ["came", counts || "none"], ["delay", `median ${length(p.delay.p50_seconds)}, 90 % within ${length(p.delay.p90_seconds)}`], ["judged", p.maturity.words],
    ["wait", s ? `${s.entries.toLocaleString("en")} in ${s.kind === "disk" ? "a store on disk" : "memory"}, ${bytes(s.bytes)} of ${bytes(s.limit_bytes)}` : "–"],
  ]), s && !s.up ? el("div", { class: "empty" }, chip("critical", "✕ store is down"), " ", s.error ?? "") : "",
  ages.length ? el("div", { class: "scroll" }, table) : "");
}

// The metrics that a person looks at first; the API has all of them.
const shown = ["accuracy", "balanced_accuracy", "precision", "recall", "f1", "macro_f1", "roc_auc", "log_loss", "mae", "rmse", "r2", "subset_accuracy", "micro_f1", "map_50", "map_50_95"];

function windows(title: string, list: Window[]): HTMLElement | undefined {
  const kpis = [...new Set(list.flatMap((w) => Object.keys(w.metrics)).filter((n) => n.startsWith("kpi_")))].sort();
  const names = [...shown.filter((n) => list.some((w) => w.metrics[n])), ...kpis];
  if (!names.length) return undefined;
  const table = el("table", { "aria-label": title });
  table.append(el("tr", {}, el("th"), ...list.map((w) => el("th", { scope: "col", title: w.note ?? "" }, w.name)), ));
  table.append(el("tr", {}, el("th", { scope: "row" }, "labels"), ...list.map((w) => el("td", {}, w.n.toLocaleString("en")))));
  for (const n of names) {
    table.append(el("tr", {}, el("th", { scope: "row" }, n.replaceAll("_", " ")), ...list.map((w) => {
      const m = w.metrics[n];
      return el("td", { title: m?.undefined ?? (m ? pair(m) : w.note ?? "") }, m?.value === undefined ? "–" : fixed(m.value));
    })));
  }
  return card(title.toLowerCase(), title, el("div", { class: "scroll" }, table));
}

function trust(p: Performance): HTMLElement | undefined {
  const c = p.calibration, t = p.trust;
  if (!c || !t) return undefined;
  return card("trust", "Confidence", rows([
    ["error", `${fixed(c.ece_equal_width)} equal width, ${fixed(c.ece_equal_mass)} equal mass, ${fixed(c.ece_debiased)} debiased`],
    ["overconfident", fixed(t.overconfidence)], ["underconfident", fixed(t.underconfidence)], ["Brier", fixed(c.brier)],
    ["its parts", `${fixed(t.brier_reliability)} reliability − ${fixed(t.brier_resolution)} resolution + ${fixed(t.brier_uncertainty)} uncertainty`],
    ["mended by", t.temperature === undefined ? "–" : `temperature ${fixed(t.temperature, 2)}: error ${fixed(t.ece_at_temperature)}`],
  ]));
}

function estimate(e: Estimate | undefined): HTMLElement | undefined {
  if (!e) return undefined;
  const list = el("ul");
  for (const c of e.conditions ?? []) list.append(el("li", {}, c.holds ? "✓ " : "✕ ", c.words));
  return card("estimate", "Expected without labels", e.accuracy.value === undefined ? "" : chip(!e.valid ? "critical" : e.fallen ? "warning" : "healthy", !e.valid ? "✕ void" : e.fallen ? "▲ fallen" : "✓ as the reference"), rows([
    ["accuracy", e.accuracy.undefined ?? pair(e.accuracy)], ["F1", pair(e.f1)], ["ROC AUC", pair(e.roc_auc)],
    ["reference", fixed(e.baseline_accuracy)], ["realised", pair(e.realised_accuracy)], ["off by", fixed(e.error)],
  ]), list);
}

function truth(p: Performance): HTMLElement | undefined {
  const d = p.label_drift, a = p.annotators;
  if (!d && !a) return undefined;
  const pairs: [string, string][] = [];
  if (d) pairs.push(["classes", d.reason], ["against predictions", d.psi_of_predictions === undefined ? "–" : `PSI ${fixed(d.psi_of_predictions)}`]);
  if (a) pairs.push(["annotators agree", `${percent(a.agreement.value)} over ${a.items}`], ["Fleiss' kappa", pair(a.fleiss_kappa)],
    ...a.pairs.map((x): [string, string] => [`${x.first}, ${x.second}`, `Cohen's kappa ${pair(x.cohen_kappa)}`]));
  return card("truth", "The truth itself", d?.psi === undefined ? "" : chip(d.drifted ? "warning" : "healthy", d.drifted ? "▲ labels have drifted" : "✓ labels as the reference"), rows(pairs));
}
