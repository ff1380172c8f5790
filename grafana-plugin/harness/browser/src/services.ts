// Grafana's services, as far as data sources and scenes ask for them.
import { DataFrameJSON, dataFrameFromJSON, EventBusSrv, LoadingState, StreamingDataFrame, toDataFrame } from '@grafana/data';
import * as runtime from '@grafana/runtime';
import { sceneGraph, SceneObject } from '@grafana/scenes';
import { catchError, from, lastValueFrom, map, Observable, of, startWith } from 'rxjs';

/** One data source by type; a variable or a uid names it. */
export type Sources = Record<string, { settings: any; instance?: any }>;

function byReference(sources: Sources, ref: any): string {
  const text = typeof ref === 'string' ? ref : (ref?.type ?? ref?.uid ?? '');
  return Object.keys(sources).find((type) => type === text || sources[type].settings.uid === text || sources[type].settings.name === text) ?? Object.keys(sources)[0];
}

async function request(o: any) {
  const params = new URLSearchParams();
  for (const [k, v] of Object.entries(o.params ?? {})) {
    ([] as unknown[]).concat(v as never).forEach((x) => params.append(k, String(x)));
  }
  const query = params.toString();
  const r = await fetch('/' + o.url.replace(/^\//, '') + (query ? '?' + query : ''), {
    method: o.method ?? 'GET',
    headers: { 'Content-Type': 'application/json', ...o.headers },
    body: o.data ? JSON.stringify(o.data) : undefined,
  });
  const text = await r.text();
  let body: any = text;
  try {
    body = JSON.parse(text);
  } catch {
    // an error in words
  }
  const answer = { data: body, status: r.status, statusText: r.statusText, ok: r.ok, headers: r.headers, redirected: false, type: r.type, url: r.url, config: o };
  if (!r.ok) {
    throw answer;
  }
  return answer;
}

export function setServices(sources: Sources) {
  runtime.setBackendSrv({
    fetch: (o: any) => from(request(o)),
    get: async (url: string, params?: any) => (await request({ url, params })).data,
  } as any);
  // Grafana's own template service asks the scene that a panel is in.
  runtime.setTemplateSrv({
    replace: (text?: string, scopedVars?: any, format?: any) => {
      const object: SceneObject | undefined = scopedVars?.__sceneObject?.valueOf() ?? (window as any).__scene;
      return text && object ? sceneGraph.interpolate(object, text, scopedVars, format) : (text ?? '');
    },
    getVariables: () => [],
    containsTemplate: (text?: string) => /\$/.test(text ?? ''),
    updateTimeRange() {},
  } as any);
  runtime.setDataSourceSrv({
    get: async (ref: any) => sources[byReference(sources, ref)].instance,
    getInstanceSettings: (ref: any) => sources[byReference(sources, ref)].settings,
    getList: (filter: any) => Object.keys(sources).filter((type) => !filter?.pluginId || filter.pluginId === type).map((type) => sources[type].settings),
    reload() {},
    registerRuntimeDataSource() {},
  } as any);
  (runtime as any).setAppEvents(new EventBusSrv());
  runtime.setEchoSrv({ addEvent() {}, addBackend() {}, flush() {} } as any);
  runtime.setRunRequest(((source: any, req: any) =>
    from(lastValueFrom(from(source.query(req) as any))).pipe(
      map((r: any) => ({ state: r.error || r.errors?.length ? LoadingState.Error : LoadingState.Done, series: r.data.map(toDataFrame), errors: r.errors, error: r.error ?? r.errors?.[0], timeRange: req.range, request: req })),
      catchError((error) => of({ state: LoadingState.Error, series: [], error, errors: [error], timeRange: req.range, request: req })),
      startWith({ state: LoadingState.Loading, series: [], timeRange: req.range, request: req })
    )) as any);
  runtime.setGrafanaLiveSrv({ getDataStream: live } as any);
}

/** Grafana Live over server-sent events instead of a websocket. */
function live({ addr, key, buffer }: any): Observable<any> {
  return new Observable((subscriber) => {
    const events = new EventSource(`/api/live/${addr.path}`);
    let frame: StreamingDataFrame | undefined;
    events.onmessage = ({ data }) => {
      const json: DataFrameJSON = JSON.parse(data);
      frame ? frame.push(json) : (frame = StreamingDataFrame.fromDataFrameJSON(json, { maxLength: buffer?.maxLength }));
      subscriber.next({ key, state: LoadingState.Streaming, data: [dataFrameFromJSON(json)] });
    };
    events.onerror = () => subscriber.error(new Error('the live channel broke off'));
    return () => events.close();
  });
}
