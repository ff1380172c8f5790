// Small helpers for building the page. Text is always set as text: nothing
// that a client sent can become markup.
export function el(tag: string, attributes: Record<string, string> = {}, ...children: (Node | string)[]): HTMLElement {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...children);
  return e;
}

export function byId(id: string): HTMLElement {
  const e = document.getElementById(id);
  if (!e) throw new Error("no element " + id);
  return e;
}

export const color = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

export const icon = (level: string): string => ({ healthy: "✓", warning: "▲", critical: "✕", learning: "…", unknown: "?" })[level] ?? "•";

export function percent(v: number | undefined, digits = 1): string {
  return v === undefined ? "–" : (100 * v).toFixed(v !== 0 && v < 0.001 ? 2 : digits) + " %";
}

export function seconds(v: number | undefined): string {
  if (v === undefined) return "–";
  if (v < 1e-3) return (v * 1e6).toFixed(0) + " µs";
  if (v < 1) return (v * 1e3).toFixed(v < 0.01 ? 2 : 1) + " ms";
  return v.toFixed(2) + " s";
}

export function fixed(v: number | undefined, digits = 3): string { return v === undefined ? "–" : v.toFixed(digits); }

export function bytes(v: number): string {
  if (v < 1024) return v + " B";
  if (v < 1 << 20) return (v / 1024).toFixed(1) + " KiB";
  return (v / (1 << 20)).toFixed(1) + " MiB";
}

export const clock = (iso: string): string => new Date(iso).toLocaleTimeString([], { hour12: false });

export function rows(pairs: [string, string][]): HTMLElement {
  const dl = el("dl");
  for (const [k, v] of pairs) dl.append(el("dt", {}, k), el("dd", {}, v));
  return dl;
}
