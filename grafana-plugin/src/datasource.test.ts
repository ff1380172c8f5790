import { CoreApp, DataQueryRequest, DataSourceInstanceSettings, dateTime, ScopedVars } from '@grafana/data';
import { DataSourceWithBackend, setTemplateSrv, TemplateSrv } from '@grafana/runtime';
import { lastValueFrom, of } from 'rxjs';
import { expand, GnomonDatasource } from './datasource';
import { GnomonOptions, GnomonQuery, VariableQuery } from './types';
import { GnomonVariables } from './variables';

const values: Record<string, string | string[]> = { model: 'digits', feature: ['mean', 'std.dev'], offset: '1d', cluster: 'eu' };

/** Replaces $name as Grafana does, with its three kinds of formats. */
const templateSrv = {
  replace: (text = '', _scoped?: ScopedVars, format?: string | ((v: unknown) => string)) =>
    text.replace(/\$(?:\{(\w+)\}|(\w+))/g, (match, a, b) => {
      const v = values[a ?? b];
      if (v === undefined) {
        return match;
      }
      if (typeof format === 'function') {
        return format(v);
      }
      const list = ([] as string[]).concat(v);
      const quoted = list.map((s) => s.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
      return format === 'regex' ? (quoted.length === 1 ? quoted[0] : `(${quoted.join('|')})`) : list.join(',');
    }),
} as unknown as TemplateSrv;

function datasource() {
  return new GnomonDatasource({ id: 1, uid: 'g', type: 'gnomon-gnomon-datasource', name: 'gnomon', jsonData: {}, meta: {} } as unknown as DataSourceInstanceSettings<GnomonOptions>);
}

beforeEach(() => setTemplateSrv(templateSrv));
afterEach(() => jest.restoreAllMocks());

describe('expand', () => {
  it.each([
    [undefined, []],
    ['', []],
    ['iris', ['iris']],
    ['$model', ['digits']],
    ['${feature}', ['mean', 'std.dev']],
    [['iris', '$feature'], ['iris', 'mean', 'std.dev']],
    ['$unknown', ['$unknown']],
    ['pre-$model', ['pre-digits']],
  ])('%j is %j', (given, wanted) => expect(expand(given)).toEqual(wanted));
});

describe('the data source', () => {
  it('interpolates every field that may hold a variable, and adds ad hoc filters', () => {
    const query: GnomonQuery = {
      refId: 'A',
      queryType: 'drift',
      model: '$model',
      feature: ['$feature'],
      selector: '{model="$model",feature=~"$feature"}',
      window: '$offset',
      reference: { kind: 'offset', offset: '$offset' },
      filters: [{ key: 'a', operator: '=', value: 'b' }],
    };
    const out = datasource().applyTemplateVariables(query, {}, [{ key: 'cluster', operator: '=', value: 'eu', condition: 'x' }]);
    expect(out).toMatchObject({
      model: ['digits'],
      feature: ['mean', 'std.dev'],
      selector: '{model="digits",feature=~"(mean|std\\.dev)"}',
      window: '1d',
      reference: { kind: 'offset', offset: '1d' },
      filters: [
        { key: 'a', operator: '=', value: 'b' },
        { key: 'cluster', operator: '=', value: 'eu' },
      ],
    });
    expect(query.model).toBe('$model');
  });

  it('does not run hidden or empty queries', () => {
    expect(datasource().filterQuery({ refId: 'A', queryType: 'drift' })).toBe(true);
    expect(datasource().filterQuery({ refId: 'A', queryType: 'drift', hide: true })).toBe(false);
    expect(datasource().filterQuery({ refId: 'A' })).toBe(false);
  });

  it('offers alert rules a time series', () => {
    expect(datasource().getDefaultQuery(CoreApp.UnifiedAlerting)).toMatchObject({ format: 'timeseries' });
    expect(datasource().getDefaultQuery(CoreApp.Explore)).toMatchObject({ queryType: 'drift', format: 'table' });
  });

  it('asks for names narrowed by what is chosen', async () => {
    const ds = datasource();
    const get = jest.spyOn(ds, 'getResource').mockResolvedValue({ values: ['mean'] });
    expect(await ds.names({ list: 'features', model: '$model', modelVersion: '' })).toEqual(['mean']);
    expect(get).toHaveBeenCalledWith('variables/features', { model: ['digits'] });
    expect(await ds.getTagKeys()).toEqual([{ text: 'mean' }]);
    expect(await ds.getTagValues({ key: 'cluster' })).toEqual([{ text: 'mean' }]);
    expect(get).toHaveBeenLastCalledWith('tag-values', { key: 'cluster' });
  });

  it('fills dashboard variables', async () => {
    const ds = datasource();
    jest.spyOn(ds, 'getResource').mockResolvedValue({ values: ['a', 'b'] });
    const request = { targets: [{ refId: 'variable', list: 'models' }], scopedVars: {} } as unknown as DataQueryRequest<VariableQuery>;
    const answer = await lastValueFrom(new GnomonVariables(ds).query(request));
    expect(answer.data).toEqual([
      { text: 'a', value: 'a' },
      { text: 'b', value: 'b' },
    ]);
  });

  it('sends everything but live queries to the backend', async () => {
    const backend = jest.spyOn(DataSourceWithBackend.prototype, 'query').mockReturnValue(of({ data: [] }));
    const range = { from: dateTime(0), to: dateTime(1), raw: { from: '', to: '' } };
    const request = { targets: [{ refId: 'A', queryType: 'drift' }], range, scopedVars: {} } as unknown as DataQueryRequest<GnomonQuery>;
    await lastValueFrom(datasource().query(request));
    expect(backend).toHaveBeenCalledWith(request);
  });
});
