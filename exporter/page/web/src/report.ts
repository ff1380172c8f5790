// Draws the charts of a saved report: gnomon drift and gnomon evaluate with
// --format html. The data are in the file itself.
import { BarChart, ReliabilityChart } from "./charts";
import { byId } from "./dom";

interface Bins { edges?: number[]; labels?: string[]; reference: number[]; current: number[]; special?: { labels: string[]; reference: number[]; current: number[] } }
interface Report {
  features?: { name: string; bins: Bins; reference: { count: number }; current: { count: number } }[];
  groups?: { name: string; calibration?: { reliability: { lower: number; upper: number; count: number; mean_confidence: number; accuracy: number }[] } }[];
}

const tones: Record<string, string> = { major: "critical", minor: "second", quiet: "cur" };
const most = 24; // bars that can still be told apart

function drawBars(article: HTMLElement, f: NonNullable<Report["features"]>[number]): void {
  const { bins } = f, special = bins.special ?? { labels: [], reference: [], current: [] };
  const names = bins.labels ?? bins.reference.map((_, i) => `${bins.edges?.[i]} to ${bins.edges?.[i + 1]}`);
  const share = (v: number[], n: number): number[] => v.slice(0, most).map((c) => c / Math.max(n, 1));
  const labels = [...names.slice(0, most), ...special.labels];
  const chart = new BarChart();
  article.querySelector(".bars")?.append(chart.box);
  chart.update(labels,
    [...share(bins.reference, f.reference.count), ...share(special.reference, f.reference.count)],
    [...share(bins.current, f.current.count), ...share(special.current, f.current.count)], tones[article.dataset.state ?? ""] ?? "cur");
  chart.box.setAttribute("role", "img");
  chart.box.setAttribute("aria-label", `Distribution of ${f.name}`);
  addEventListener("resize", () => chart.resize());
}

document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
const report = JSON.parse(byId("data").textContent ?? "{}") as Report;
const articles = [...document.querySelectorAll<HTMLElement>("article[data-feature]")];
(report.features ?? []).forEach((f, i) => drawBars(articles[i], f));
const reliabilities = [...document.querySelectorAll<HTMLElement>(".reliability")];
(report.groups ?? []).filter((g) => g.calibration?.reliability?.length).forEach((g, i) => {
  if (reliabilities[i]) new ReliabilityChart(reliabilities[i]).update(g.calibration?.reliability ?? []);
});
