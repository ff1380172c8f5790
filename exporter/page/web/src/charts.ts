import uPlot from "uplot";
import { color, el } from "./dom";
import type { Point } from "./types";

export interface Series { label: string; color: string; value: (p: Point) => number | undefined }
export interface Chart { id: string; title: string; series: Series[]; format: (v: number) => string; zero?: boolean; max?: number }

// TimeChart is one small plot over time.
export class TimeChart {
  readonly root: HTMLElement;
  private readonly box = el("div");
  private readonly now = el("b");
  private plot?: uPlot;

  constructor(private readonly spec: Chart) {
    const legend = el("div", { class: "legend" });
    for (const s of spec.series) legend.append(el("span", { style: `--c: var(--${s.color})` }, s.label));
    this.root = el("article", { class: "chart", "data-testid": "chart-" + spec.id }, el("header", {}, el("h3", {}, spec.title), this.now), this.box, legend);
  }

  update(points: Point[]): void {
    const x = points.map((p) => Date.parse(p.time) / 1000);
    const ys = this.spec.series.map((s) => points.map((p) => s.value(p) ?? null));
    const last = points.length ? this.spec.series[0].value(points[points.length - 1]) : undefined;
    this.now.textContent = last === undefined ? "–" : this.spec.format(last);
    const data = [x, ...ys] as uPlot.AlignedData;
    if (!this.plot) this.plot = this.make(data);
    else this.plot.setData(data);
  }

  resize(): void { this.plot?.setSize({ width: this.box.clientWidth, height: 130 }); }

  restyle(): void { this.plot?.destroy(); this.plot = undefined; }

  private make(data: uPlot.AlignedData): uPlot {
    const axis = { stroke: color("dim"), grid: { stroke: color("line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    const { zero, max, format } = this.spec;
    return new uPlot({
      width: this.box.clientWidth || 320, height: 130, padding: [8, 6, 0, 0], cursor: { points: { size: 5 }, drag: { x: false, y: false } }, legend: { show: false },
      scales: { y: { range: (_u, lo, hi) => scale(lo, hi, zero === true, max) } },
      axes: [{ ...axis, size: 22, space: 70 }, { ...axis, size: 58, space: 30, values: (_u, v) => v.map((t) => format(t)) }],
      series: [{}, ...this.spec.series.map((s) => ({ stroke: color(s.color), width: 1.8, points: { show: false }, spanGaps: true }))],
    }, data, this.box);
  }
}

function scale(lo: number | null, hi: number | null, zero: boolean, max?: number): [number, number] {
  let low = zero ? 0 : (lo ?? 0), high = Math.max(hi ?? 1, low);
  if (high - low < 1e-9) { low = zero ? 0 : low - 0.05; high += high === 0 ? 1 : Math.abs(high) * 0.2; }
  const pad = (high - low) * 0.1;
  return [zero ? low : low - pad, max === undefined ? high + pad : Math.min(high + pad, max)];
}

// BarChart shows a distribution: the reference as wide pale bars, the current
// sample as narrow ones in front.
export class BarChart {
  readonly box = el("div");
  private plot?: uPlot;
  private key = "";

  update(labels: string[], reference: number[], current: number[], tone: string): void {
    const key = tone + labels.length;
    const x = labels.map((_, i) => i);
    const data = [x, reference, current] as uPlot.AlignedData;
    if (this.plot && this.key === key) { this.plot.setData(data); return; }
    this.plot?.destroy();
    this.key = key;
    const bars = uPlot.paths.bars;
    if (!bars) return;
    this.plot = new uPlot({
      width: this.box.clientWidth || 250, height: 84, padding: [6, 4, 0, 4], legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false, range: [-0.6, labels.length - 0.4] }, y: { range: (_u, _lo, hi) => [0, Math.max(hi, 0.02) * 1.08] } },
      axes: [{ show: false }, { show: false }],
      series: [{},
        { fill: color("ref") + "66", stroke: color("ref"), width: 1, paths: bars({ size: [0.9, 60] }), points: { show: false } },
        { fill: color(tone), stroke: color(tone), width: 0, paths: bars({ size: [0.45, 30] }), points: { show: false } }],
    }, data, this.box);
  }

  resize(): void { this.plot?.setSize({ width: this.box.clientWidth, height: 84 }); }

  restyle(): void { this.plot?.destroy(); this.plot = undefined; this.key = ""; }
}

// A bin of fewer predictions says nothing about accuracy.
const fewest = 10;

// ReliabilityChart shows accuracy by confidence against the diagonal.
export class ReliabilityChart {
  private plot?: uPlot;

  constructor(private readonly box: HTMLElement) {}

  update(bins: { mean_confidence: number; accuracy: number; count: number }[]): void {
    const used = bins.filter((b) => b.count >= fewest);
    const xs = [0, ...used.map((b) => b.mean_confidence), 1];
    const order = xs.map((_, i) => i).sort((a, b) => xs[a] - xs[b]);
    const accuracy = [null, ...used.map((b) => b.accuracy), null];
    const data = [order.map((i) => xs[i]), order.map((i) => xs[i]), order.map((i) => accuracy[i])] as uPlot.AlignedData;
    if (this.plot) { this.plot.setData(data); return; }
    const axis = { stroke: color("dim"), grid: { stroke: color("line"), width: 1 }, ticks: { show: false }, font: "11px system-ui", values: (_u: uPlot, v: number[]) => v.map((t) => t.toFixed(1)) };
    this.plot = new uPlot({
      width: this.box.clientWidth || 400, height: 260, padding: [10, 10, 0, 0], legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false, range: [0, 1] }, y: { range: [0, 1.02] } },
      axes: [{ ...axis, size: 40, label: "mean confidence", labelSize: 16, labelFont: "11px system-ui" }, { ...axis, size: 40, label: "accuracy", labelSize: 16, labelFont: "11px system-ui" }],
      series: [{}, { stroke: color("ref"), dash: [5, 4], width: 1.2, points: { show: false } }, { stroke: color("cur"), width: 2, points: { show: true, size: 7, fill: color("cur") }, spanGaps: true }],
    }, data, this.box);
  }

  resize(): void { this.plot?.setSize({ width: this.box.clientWidth, height: 260 }); }

  restyle(): void { this.plot?.destroy(); this.plot = undefined; }
}
