import { late } from "./late";
import { TimeChart } from "./charts";
import type { Chart } from "./charts";
import { byId, el, fixed, icon, percent, seconds } from "./dom";
import { Features, Quality, events, reference, shadows, tap, verdict } from "./sections";
import { records } from "./records";
import type { Event, Model, Point, Snapshot, WorstRecord } from "./types";

const charts: Chart[] = [
  { id: "requests", title: "Requests per second", zero: true, format: (v) => v.toFixed(v < 10 ? 1 : 0), series: [{ label: "requests/s", color: "cur", value: (p) => p.per_second }] },
  { id: "latency", title: "Latency", zero: true, format: (v) => seconds(v), series: [{ label: "p50", color: "cur", value: (p) => p.p50_seconds }, { label: "p99", color: "second", value: (p) => p.p99_seconds }] },
  { id: "disagreement", title: "Shadow disagreement", zero: true, format: (v) => percent(v), series: [{ label: "disagreement", color: "critical", value: (p) => p.disagreement_ratio }, { label: "noise floor", color: "ref", value: (p) => p.noise_floor_ratio }] },
  { id: "drift", title: "Features in drift", zero: true, format: (v) => v.toFixed(0), series: [{ label: "features", color: "second", value: (p) => p.drifted_features }] },
  { id: "accuracy", title: "Accuracy, by late labels", max: 1.01, format: (v) => fixed(v), series: [{ label: "accuracy", color: "healthy", value: (p) => p.accuracy }] },
  { id: "confidence", title: "Confidence", max: 1.01, format: (v) => fixed(v), series: [{ label: "mean confidence", color: "cur", value: (p) => p.mean_confidence }] },
];

const maxPoints = 900;

class Page {
  private readonly plots = charts.map((c) => new TimeChart(c));
  private readonly features = new Features();
  private readonly quality = new Quality();
  private chosen = "";
  private points: Point[] = [];
  private log: Event[] = [];
  private last?: Snapshot;
  private busy = false;

  constructor() {
    byId("charts").append(...this.plots.map((p) => p.root));
    byId("theme").addEventListener("click", () => this.theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
    const dark = matchMedia("(prefers-color-scheme: dark)");
    this.theme(localStorage.getItem("theme") ?? (dark.matches ? "dark" : "light"), false);
    new ResizeObserver(() => this.resize()).observe(byId("main"));
  }

  start(): void { this.follow(); }

  private follow(): void {
    const source = new EventSource("api/v1/stream");
    source.onmessage = (e) => { this.live(true); void this.show(JSON.parse(e.data) as Snapshot); };
    source.onerror = () => { this.live(false); if (source.readyState === EventSource.CLOSED) { void this.poll(); setTimeout(() => this.follow(), 5000); } };
  }

  private async poll(): Promise<void> {
    try { await this.show(await get<Snapshot>("api/v1/status")); } catch { this.live(false); }
  }

  private live(on: boolean): void {
    const e = byId("live");
    e.dataset.on = String(on);
    e.textContent = on ? "live" : "not connected";
  }

  // One at a time: two that overlap would fetch the same history twice. What
  // comes meanwhile is shown afterwards, the newest only.
  private async show(s: Snapshot): Promise<void> {
    this.last = s;
    if (this.busy) return;
    this.busy = true;
    try {
      for (let shown: Snapshot | undefined; shown !== this.last;) { shown = this.last; await this.draw(shown!); }
    } finally { this.busy = false; }
  }

  private async draw(s: Snapshot): Promise<void> {
    const m = s.models.find((x) => key(x) === this.chosen) ?? worst(s.models);
    this.chooser(s.models, m);
    byId("build").textContent = "gnomon " + s.build.version;
    if (!m) { this.nothing(); return; }
    if (key(m) !== this.chosen) { this.chosen = key(m); this.points = []; }
    document.title = `${icon(m.verdict.level)} ${m.name} – gnomon`;
    verdict(m);
    reference(m);
    this.features.update(m);
    shadows(m);
    this.quality.update(m.performance);
    late(m.performance);
    tap(s, m);
    await this.more(m);
  }

  private async more(m: Model): Promise<void> {
    const since = this.points.length ? "&since=" + encodeURIComponent(this.points[this.points.length - 1].time) : "";
    const path = `api/v1/models/${encodeURIComponent(m.name)}/history?version=${encodeURIComponent(m.version)}${since}`;
    const fresh = (await get<{ points: Point[] }>(path)).points;
    this.points = [...this.points, ...fresh].slice(-maxPoints);
    for (const p of this.plots) p.update(this.points);
    const from = this.log.length ? "?since=" + encodeURIComponent(this.log[this.log.length - 1].time) : "";
    this.log = [...this.log, ...(await get<{ events: Event[] }>("api/v1/events" + from)).events].slice(-500);
    records(m, (await get<{ records: WorstRecord[] }>(`api/v1/models/${encodeURIComponent(m.name)}/worst?version=${encodeURIComponent(m.version)}&limit=3`)).records);
    events(this.log.filter((e) => e.model === m.name && e.version === m.version));
  }

  private nothing(): void {
    const box = byId("verdict");
    box.dataset.level = "unknown";
    box.replaceChildren(el("p", { class: "level" }, "No model yet"), el("div", {}, "Send inference requests through gnomon's proxy; models show themselves."));
  }

  private chooser(models: Model[], current?: Model): void {
    const nav = byId("models");
    nav.replaceChildren(...(models.length < 2 ? [] : models.map((m) => {
      const b = el("button", { type: "button", "aria-pressed": String(m === current) }, `${icon(m.verdict.level)} ${m.name}${m.version ? " " + m.version : ""}`);
      b.addEventListener("click", () => { this.chosen = key(m); this.points = []; this.again(); });
      return b;
    })));
  }

  private theme(name: string, keep = true): void {
    document.documentElement.dataset.theme = name;
    if (keep) localStorage.setItem("theme", name);
    for (const part of [...this.plots, this.features, this.quality]) part.restyle();
    this.again();
  }

  private again(): void { if (this.last) void this.show({ ...this.last }); }

  private resize(): void { for (const part of [...this.plots, this.features, this.quality]) part.resize(); }
}

const key = (m: Model): string => m.name + "\n" + m.version;

function worst(models: Model[]): Model | undefined {
  const order = ["healthy", "unknown", "learning", "warning", "critical"];
  return [...models].sort((a, b) => order.indexOf(b.verdict.level) - order.indexOf(a.verdict.level))[0];
}

async function get<T>(path: string): Promise<T> {
  const r = await fetch(path);
  if (!r.ok) throw new Error(`${path}: ${r.status}`);
  return await r.json() as T;
}

new Page().start();
