import {
  AdHocVariableFilter,
  CoreApp,
  DataQueryRequest,
  DataQueryResponse,
  DataSourceInstanceSettings,
  LiveChannelScope,
  MetricFindValue,
  ScopedVars,
  StreamingFrameAction,
} from '@grafana/data';
import { DataSourceWithBackend, getGrafanaLiveSrv, getTemplateSrv } from '@grafana/runtime';
import { merge, Observable } from 'rxjs';
import { defaultQuery } from './queryTypes';
import { GnomonOptions, GnomonQuery, Names, VariableQuery } from './types';
import { GnomonVariables } from './variables';

/** Interpolates names: a variable of several values becomes several names. */
export function expand(names: Names | undefined, scopedVars: ScopedVars = {}): string[] {
  const out: string[] = [];
  for (const name of ([] as string[]).concat(names ?? [])) {
    let several: string[] | undefined;
    const text = getTemplateSrv().replace(name, scopedVars, (value: unknown) => {
      several = ([] as unknown[]).concat(value as never).map(String);
      return several.join(',');
    });
    // A name that is nothing but a variable is its values; text around it keeps
    // what was interpolated.
    if (several && /^\$(\w+|\{[^}]+\})$/.test(name.trim())) {
      out.push(...several);
    } else if (text !== '') {
      out.push(text);
    }
  }
  return out;
}

export class GnomonDatasource extends DataSourceWithBackend<GnomonQuery, GnomonOptions> {
  annotations = {};

  constructor(instanceSettings: DataSourceInstanceSettings<GnomonOptions>) {
    super(instanceSettings);
    this.variables = new GnomonVariables(this);
  }

  getDefaultQuery(app: CoreApp): Partial<GnomonQuery> {
    if (app === CoreApp.CloudAlerting || app === CoreApp.UnifiedAlerting) {
      return { ...defaultQuery, format: 'timeseries', statistic: 'psi' };
    }
    return defaultQuery;
  }

  filterQuery(query: GnomonQuery): boolean {
    return Boolean(query.queryType) && !query.hide;
  }

  applyTemplateVariables(query: GnomonQuery, scopedVars: ScopedVars, filters?: AdHocVariableFilter[]): GnomonQuery {
    const text = (s?: string) => (s === undefined ? undefined : getTemplateSrv().replace(s, scopedVars));
    return {
      ...query,
      model: expand(query.model, scopedVars),
      modelVersion: expand(query.modelVersion, scopedVars),
      feature: expand(query.feature, scopedVars),
      shadow: expand(query.shadow, scopedVars),
      slo: expand(query.slo, scopedVars),
      selector: query.selector === undefined ? undefined : getTemplateSrv().replace(query.selector, scopedVars, 'regex'),
      window: text(query.window),
      period: text(query.period),
      reason: text(query.reason),
      reference: query.reference && {
        ...query.reference,
        offset: text(query.reference.offset),
        from: text(query.reference.from),
        to: text(query.reference.to),
      },
      filters: [...(query.filters ?? []), ...(filters ?? []).map(({ key, operator, value }) => ({ key, operator, value }))],
    };
  }

  interpolateVariablesInQueries(queries: GnomonQuery[], scopedVars: ScopedVars, filters?: AdHocVariableFilter[]): GnomonQuery[] {
    return queries.map((q) => this.applyTemplateVariables(q, scopedVars, filters));
  }

  query(request: DataQueryRequest<GnomonQuery>): Observable<DataQueryResponse> {
    const live = request.targets.filter((q) => q.queryType === 'live' && !q.hide);
    if (live.length === 0) {
      return super.query(request);
    }
    const streams = live.map((q) => this.stream(q, request));
    const rest = request.targets.filter((q) => q.queryType !== 'live');
    return merge(...streams, ...(rest.length > 0 ? [super.query({ ...request, targets: rest })] : []));
  }

  private stream(query: GnomonQuery, request: DataQueryRequest<GnomonQuery>): Observable<DataQueryResponse> {
    const [model] = expand(query.model, request.scopedVars);
    const all = model === undefined || model === '$__all';
    return getGrafanaLiveSrv().getDataStream({
      key: `${request.requestId}.${query.refId}`,
      addr: { scope: LiveChannelScope.DataSource, namespace: this.uid, stream: this.uid, path: all ? 'live' : `live/${model}` } as never,
      buffer: { maxLength: request.maxDataPoints ?? 500, action: StreamingFrameAction.Append },
    });
  }

  /** Names for editors and variables, narrowed by what is chosen already. */
  async names(query: Omit<VariableQuery, 'refId'>, scopedVars: ScopedVars = {}): Promise<string[]> {
    const params: Record<string, string[]> = {};
    for (const [label, names] of [
      ['model', query.model],
      ['model_version', query.modelVersion],
      ['feature', query.feature],
    ] as Array<[string, Names | undefined]>) {
      const values = expand(names, scopedVars);
      if (values.length > 0) {
        params[label] = values;
      }
    }
    const answer = await this.getResource<{ values: string[] }>(`variables/${query.list}`, params);
    return answer.values;
  }

  async getTagKeys(): Promise<MetricFindValue[]> {
    const answer = await this.getResource<{ values: string[] }>('tag-keys');
    return answer.values.map((text) => ({ text }));
  }

  async getTagValues(options: { key: string }): Promise<MetricFindValue[]> {
    const answer = await this.getResource<{ values: string[] }>('tag-values', { key: options.key });
    return answer.values.map((text) => ({ text }));
  }
}
