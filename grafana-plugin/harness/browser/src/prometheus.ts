// The part of Grafana's Prometheus data source that the dashboards use. It is
// not on npm.
import { DataFrame, DataQueryRequest, DataSourceApi, FieldType, MetricFindValue, toDataFrame } from '@grafana/data';
import { getTemplateSrv } from '@grafana/runtime';

const base = '/api/datasources/proxy/uid/prometheus/api/v1/';
const scrapeSeconds = 1;

async function api(path: string, params: Record<string, string>): Promise<any> {
  const r = await fetch(base + path + '?' + new URLSearchParams(params));
  const body = await r.json().catch(() => ({ error: r.statusText }));
  if (!r.ok) {
    throw new Error(`${body.error}: ${params.query ?? path}`);
  }
  return body.data;
}

const escape = (s: string) => s.replace(/\\/g, '\\\\\\\\').replace(/[.*+?^${}()|[\]]/g, '\\\\$&');

/** As Grafana's: several values are a group, special characters are escaped. */
function inQuery(value: any, variable: any): string {
  if (!variable.multi && !variable.includeAll) {
    return String(value).replace(/\\/g, '\\\\').replace(/'/g, "\\\\'");
  }
  const list = ([] as string[]).concat(value).map(escape);
  return list.length === 1 ? list[0] : `(${list.join('|')})`;
}

function legend(format: string | undefined, labels: Record<string, string>): string {
  if (!format || format === '__auto') {
    return Object.entries(labels).map(([k, v]) => `${k}="${v}"`).join(', ');
  }
  return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, name) => labels[name] ?? '');
}

export class Prometheus extends DataSourceApi<any> {
  constructor(settings: any) {
    super(settings);
    this.annotations = {};
  }

  async query(request: DataQueryRequest<any>) {
    const targets = request.targets.filter((t) => !t.hide && (t.expr || t.target?.expr));
    const answers = await Promise.all(targets.map((t) => this.target(t, request, targets.length)));
    return { data: answers.flat() };
  }

  private async target(t: any, request: DataQueryRequest<any>, many: number): Promise<DataFrame[]> {
    const from = request.range.from.valueOf() / 1000;
    const to = request.range.to.valueOf() / 1000;
    const step = Math.max(Math.ceil((request.intervalMs ?? 15000) / 1000), 1);
    const scopedVars: any = {
      ...request.scopedVars,
      __interval: { text: `${step}s`, value: `${step}s` },
      __rate_interval: { text: '', value: `${Math.max(step + scrapeSeconds, 4 * scrapeSeconds)}s` },
      __range: { text: '', value: `${Math.ceil(to - from)}s` },
    };
    const query = getTemplateSrv().replace(t.expr, scopedVars, inQuery as never);
    const data = t.instant
      ? await api('query', { query, time: String(to) })
      : await api('query_range', { query, start: String(Math.floor(from / step) * step), end: String(Math.floor(to / step) * step), step: String(step) });
    return t.format === 'table' ? [table(data.result, t.refId, many)] : data.result.map((s: any) => series(s, t));
  }

  async metricFindQuery(query: any, options?: any): Promise<MetricFindValue[]> {
    const text = getTemplateSrv().replace(query.query ?? query, options?.scopedVars, inQuery as never);
    const [, match, label] = /^label_values\((.+), *(\w+)\)$/.exec(text) ?? [];
    if (!label) {
      throw new Error(`no query of a variable: ${text}`);
    }
    const range = options?.range ? { start: String(options.range.from.valueOf() / 1000), end: String(options.range.to.valueOf() / 1000) } : {};
    const values = (await api(`label/${label}/values`, { 'match[]': match, ...range } as any)) as string[];
    return values.map((v) => ({ text: v, value: v }));
  }

  async testDatasource() {
    return { status: 'success', message: '' };
  }
}

const number = (s: string) => (s === '+Inf' ? Infinity : s === '-Inf' ? -Infinity : Number(s));

function series(s: any, t: any): DataFrame {
  const points: Array<[number, string]> = s.values ?? [s.value];
  return toDataFrame({
    refId: t.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: points.map(([at]) => at * 1000) },
      { name: 'Value', type: FieldType.number, labels: s.metric, values: points.map(([, v]) => number(v)), config: { displayNameFromDS: legend(t.legendFormat, s.metric) } },
    ],
  });
}

function table(result: any[], refId: string, many: number): DataFrame {
  const labels = [...new Set(result.flatMap((s) => Object.keys(s.metric)))].sort();
  return toDataFrame({
    refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: result.map((s) => s.value[0] * 1000) },
      ...labels.map((l) => ({ name: l, type: FieldType.string, values: result.map((s) => s.metric[l] ?? ''), config: { filterable: true } })),
      { name: many > 1 ? `Value #${refId}` : 'Value', type: FieldType.number, values: result.map((s) => number(s.value[1])) },
    ],
  });
}
