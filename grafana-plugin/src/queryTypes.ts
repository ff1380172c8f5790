import { GnomonQuery } from './types';

export type FieldName =
  | 'model'
  | 'modelVersion'
  | 'feature'
  | 'shadow'
  | 'slo'
  | 'statistic'
  | 'reference'
  | 'window'
  | 'metric'
  | 'normalise'
  | 'objective'
  | 'latencySeconds'
  | 'period'
  | 'reason'
  | 'limit';

export interface Choice {
  value: string;
  label: string;
  description?: string;
}

export interface QueryType extends Choice {
  explain: string;
  formats: Choice[];
  fields: FieldName[];
}

const table: Choice = { value: 'table', label: 'Table' };
const timeseries: Choice = { value: 'timeseries', label: 'Time series' };

/** The query types: a new one is a row here and a handler in the backend. */
export const queryTypes: QueryType[] = [
  {
    value: 'drift',
    label: 'Drift',
    description: 'Which features have changed, and by how much',
    explain:
      'Compares the rows of the panel’s time range, summed over all replicas, with a reference: the training profile or any earlier range. PSI and KL are taken over ten reference quantiles (shares floored at 1e-4), the Jensen-Shannon distance and chi-square over all bins; KS is bounded from both sides. P-values are adjusted over the features of the query. As a time series every point stands for the window that ends there.',
    formats: [{ ...table, description: 'Features ranked by their distance' }, timeseries],
    fields: ['model', 'modelVersion', 'feature', 'reference', 'statistic', 'window'],
  },
  {
    value: 'distribution',
    label: 'Distribution',
    description: 'A feature, reference against current',
    explain:
      'Shares of the rows by bin, reference and current side by side. The heatmap shows the bins over time; normalised it is ln(current / reference): 0 is no change, +0.7 twice as many.',
    formats: [
      { value: 'bars', label: 'Bars by bin' },
      { value: 'histogram', label: 'Histogram' },
      { value: 'heatmap', label: 'Heatmap over time' },
    ],
    fields: ['model', 'modelVersion', 'feature', 'reference', 'window', 'normalise'],
  },
  {
    value: 'calibration',
    label: 'Calibration',
    description: 'Can the confidence be believed',
    explain:
      'From late labels: of the predictions made with confidence 0.8, are eight in ten right? Reliability gives accuracy with its 95 % interval by confidence; the time series is the expected calibration error, plain and without what chance adds.',
    formats: [
      { value: 'reliability', label: 'Reliability curve' },
      { value: 'confidence', label: 'Confidence histogram' },
      timeseries,
    ],
    fields: ['model', 'modelVersion', 'window'],
  },
  {
    value: 'performance',
    label: 'Performance',
    description: 'Accuracy and others from late labels',
    explain:
      'Accuracy is right over labelled predictions of a rolling window, with its 95 % Wilson interval; precision, recall and F1 are by class. Where no label came there is no point, not a zero.',
    formats: [timeseries, table],
    fields: ['model', 'modelVersion', 'metric', 'window'],
  },
  {
    value: 'confusion',
    label: 'Confusion matrix',
    description: 'Actual against predicted classes',
    explain: 'Labelled predictions of the range: a row an actual class, a column a predicted one. Normalised, each row adds up to 1.',
    formats: [table],
    fields: ['model', 'modelVersion', 'normalise'],
  },
  {
    value: 'shadows',
    label: 'Shadows',
    description: 'The primary against its shadows',
    explain:
      'Share of disagreements with a 95 % confidence sequence: it stays valid however often one looks, so that a panel may decide. The noise floor is what two correct runs show.',
    formats: [table, timeseries],
    fields: ['model', 'modelVersion', 'shadow', 'window'],
  },
  {
    value: 'experiments',
    label: 'Experiments',
    description: 'Canary and A/B: promote, hold or roll back',
    explain:
      'The difference of an experiment’s arms by key figure, with its 95 % confidence sequence: it holds however often one looks. Promote: certainly not worse than by the margin; roll back: certainly worse; hold: neither yet.',
    formats: [table, timeseries],
    fields: ['model', 'modelVersion'],
  },
  {
    value: 'slo',
    label: 'Error budgets',
    description: 'Objectives, burn rates, what is left',
    explain:
      'Availability, latency, accuracy, agreement with the twin and drift as good and bad events. Burn rate 1 spends the budget in exactly one period. Client errors count for nothing.',
    formats: [table, { ...timeseries, label: 'Burn rate' }],
    fields: ['model', 'modelVersion', 'slo', 'objective', 'latencySeconds', 'period', 'window'],
  },
  {
    value: 'status',
    label: 'Status',
    description: 'Every model with its verdict',
    explain: 'The verdict at the end of the range: 0 healthy, 1 learning, 2 unknown, 3 warning, 4 critical. With a sidecar configured, the findings in words.',
    formats: [table],
    fields: ['model', 'modelVersion'],
  },
  {
    value: 'worst',
    label: 'Worst records',
    description: 'Failing, disagreeing, unsure, strange',
    explain: 'Single records that the sidecars keep, within their privacy rules, the worst of each reason first, with the parts of the input that the answer rests on where it was explained. They are not in Prometheus: a sidecar must be configured.',
    formats: [table],
    fields: ['model', 'modelVersion', 'reason', 'limit'],
  },
  {
    value: 'traces',
    label: 'Traces',
    description: 'The slowest traced requests',
    explain: 'Exemplars of the latency histogram. Link the field trace_id to your tracing data source.',
    formats: [table],
    fields: ['model', 'modelVersion', 'limit'],
  },
  {
    value: 'events',
    label: 'Events',
    description: 'Model changes and alarms, for annotations',
    explain: 'What happened once: model changes, drift, accuracy and disagreement alarms, restarts.',
    formats: [table],
    fields: ['model', 'modelVersion'],
  },
  {
    value: 'logs',
    label: 'Logs',
    description: 'The same events as log lines',
    explain: 'gnomon’s own events as log lines with their level.',
    formats: [{ value: 'logs', label: 'Logs' }],
    fields: ['model', 'modelVersion'],
  },
];

export const statistics: Choice[] = [
  { value: 'psi', label: 'PSI', description: 'Population stability index' },
  { value: 'js', label: 'JS distance', description: 'Jensen-Shannon, base 2, 0 to 1' },
  { value: 'ks', label: 'KS', description: 'Kolmogorov-Smirnov, lower bound' },
  { value: 'kl', label: 'KL', description: 'Kullback-Leibler, nats' },
  { value: 'chi2', label: 'Chi-square', description: 'Two-sample' },
  { value: 'p_value', label: 'P-value', description: 'Of chi-square over the design effect' },
  { value: 'rows', label: 'Rows', description: 'How many there were' },
];

export const metrics: Choice[] = [
  { value: 'accuracy', label: 'Accuracy' },
  { value: 'realised_estimated', label: 'Realised against estimated' },
  { value: 'precision', label: 'Precision by class' },
  { value: 'recall', label: 'Recall by class' },
  { value: 'f1', label: 'F1 by class' },
  { value: 'classes', label: 'All by class (table)' },
  { value: 'slices', label: 'By slice and window' },
  { value: 'window_accuracy', label: 'Accuracy of the sidecars’ windows' },
  { value: 'brier', label: 'Brier score' },
  { value: 'coverage', label: 'Label coverage' },
  { value: 'delay', label: 'Label delay' },
];

export const references: Choice[] = [
  { value: 'training', label: 'Training profile' },
  { value: 'offset', label: 'The same range, earlier', description: 'The day before: 1d; same hour last week: 7d' },
  { value: 'before_change', label: 'Before the last model change' },
  { value: 'range', label: 'A fixed range' },
];

export const slos: Choice[] = ['availability', 'latency', 'accuracy', 'agreement', 'drift'].map((value) => ({ value, label: value }));

export const defaultQuery: Partial<GnomonQuery> = { queryType: 'drift', mode: 'builder', format: 'table', reference: { kind: 'training' } };

export function queryTypeOf(query: Pick<GnomonQuery, 'queryType'>): QueryType {
  return queryTypes.find((t) => t.value === query.queryType) ?? queryTypes[0];
}

/** What a field's list of names is called by the backend. */
export const lists: Partial<Record<FieldName, string>> = {
  model: 'models',
  modelVersion: 'versions',
  feature: 'features',
  shadow: 'shadows',
  slo: 'slos',
};
