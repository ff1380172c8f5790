// The shapes of /api/v1, as exporter/result defines them.
export type Level = "healthy" | "learning" | "unknown" | "warning" | "critical";
export interface Finding { kind: string; level: Level; words: string; since: string }
export interface Bin { label: string; lower?: number; upper?: number; reference: number; current: number; total: number }
export interface Feature {
  name: string; kind: string; state: string; verdict: string; reason: string; samples: number; bins: Bin[]; alarms: number;
  psi?: number; psi_lower?: number; psi_upper?: number; ks?: number; js_distance?: number; evidence: number; threshold: number;
}
export interface Shadow {
  name: string; role: string; provider?: string; up: boolean; error?: string; restarts: number; inferences: number; failures: number; comparisons: number;
  disagreement_ratio?: number; disagreement_lower?: number; disagreement_upper?: number; noise_floor_ratio?: number; js_distance_mean?: number; alarm: boolean; lag_seconds: number; decision?: string;
}
export interface Interval { value: number; lower: number; upper: number; n: number }
export interface ReliabilityBin { lower: number; upper: number; count: number; mean_confidence: number; accuracy: number }
export interface Metric { value?: number; lower?: number; upper?: number; n?: number; undefined?: string }
export interface Window { name: string; n: number; metrics: Record<string, Metric>; note?: string }
export interface Estimate {
  accuracy: Metric; f1?: Metric; roc_auc?: Metric; baseline_accuracy?: number; realised_accuracy?: Metric; error?: number; fallen: boolean; valid: boolean;
  conditions?: { name: string; holds: boolean; words: string }[];
}
export interface Performance {
  accuracy?: Interval; undefined?: string; baseline_accuracy?: number; coverage_ratio?: number; delay_p50_seconds?: number; labels: Record<string, number>; alarm: boolean;
  confusion: { labels: string[]; counts: number[][] };
  calibration?: { ece_equal_width?: number; ece_equal_mass?: number; ece_debiased?: number; brier?: number; reliability: ReliabilityBin[] };
  windows: Window[]; slices: Window[]; maturity: { words: string }; delay: { p50_seconds?: number; p90_seconds?: number };
  coverage_by_age: { age: string; predictions: number; labelled: number; ratio?: number }[];
  trust?: { brier_reliability?: number; brier_resolution?: number; brier_uncertainty?: number; overconfidence?: number; underconfidence?: number; temperature?: number; ece_at_temperature?: number };
  estimate?: Estimate; label_drift?: { psi?: number; psi_of_predictions?: number; drifted: boolean; reason: string };
  annotators?: { items: number; agreement: Metric; fleiss_kappa: Metric; pairs: { first: string; second: string; items: number; cohen_kappa: Metric }[] };
  store?: { kind: string; up: boolean; error?: string; entries: number; bytes: number; limit_bytes: number };
}
export interface Experiment {
  name: string; control: string; treatment: string; decision: string; words: string;
  figures: { kpi: string; control?: number; treatment?: number; delta?: number; delta_lower?: number; delta_upper?: number }[];
}
export interface WorstRecord {
  id: string; reason: string; score: number; predicted?: string; actual?: string; words?: string; explanation?: { attributions: { part: string; value: number }[] };
}
export interface Model {
  name: string; version: string; verdict: { level: Level; since: string; findings: Finding[] };
  reference: { source: string; rows: number; provisional: boolean; wanted?: number; note?: string };
  requests: { per_second: number; error_ratio?: number; p50_seconds?: number; p99_seconds?: number; total: Record<string, number> };
  features: Feature[]; prediction?: Feature; confidence?: Feature; shadows: Shadow[]; performance?: Performance;
  suspects?: { kind: string; ratio: number; baseline_ratio: number; alarm: boolean }[];
  attributions?: { records: number; js_distance?: number; parts: { part: string; reference_ratio: number; ratio: number }[] };
  experiments?: Experiment[];
  identity?: { match: boolean; like?: string; like_role?: string; probes: number; error?: string };
}
export interface Snapshot {
  time: string; build: { version: string }; models: Model[];
  tap: { upstream?: string; sample_rate: number; sampled: number; dropped: Record<string, number>; queue_bytes: number; queue_capacity_bytes: number; anomalies: Record<string, number> };
}
export interface Point {
  time: string; per_second: number; error_ratio?: number; p50_seconds?: number; p99_seconds?: number; drifted_features: number; worst_psi?: number; worst_feature?: string;
  disagreement_ratio?: number; noise_floor_ratio?: number; accuracy?: number; mean_confidence?: number; ece?: number;
}
export interface Event { time: string; kind: string; level: Level; model: string; version: string; words: string }
