import React, { useState } from 'react';
import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import type { GnomonDatasource } from '../datasource';
import { queryTypes } from '../queryTypes';
import { GnomonQuery, VariableQuery } from '../types';
import { ConfigEditor } from './ConfigEditor';
import { messageOf } from './NamesField';
import { QueryEditor, selectorOf } from './QueryEditor';
import { QueryHelp } from './QueryHelp';
import { VariableQueryEditor } from './VariableQueryEditor';

jest.mock('@grafana/ui', () => ({
  ...jest.requireActual('@grafana/ui'),
  // Grafana's own editor of URL and authentication; it needs Grafana around it.
  DataSourceHttpSettings: ({ dataSourceConfig }: { dataSourceConfig: { url: string } }) => <div data-testid="http">{dataSourceConfig.url}</div>,
}));

const names = jest.fn(async ({ list }: { list: string }) => (list === 'models' ? ['digits', 'iris'] : ['mean', 'std']));
const datasource = { names } as unknown as GnomonDatasource;

let latest: GnomonQuery;
const note = (q: GnomonQuery) => (latest = q);
const ran = jest.fn();
function Harness({ query }: { query: GnomonQuery }) {
  const [q, setQ] = useState(query);
  return <QueryEditor datasource={datasource} query={q} onChange={(next) => setQ(note(next))} onRunQuery={ran} />;
}
const edit = (query: Partial<GnomonQuery> = {}) => render(<Harness query={{ refId: 'A', ...query } as GnomonQuery} />);

beforeEach(() => jest.clearAllMocks());

async function pick(label: string, option: string) {
  await userEvent.click(screen.getByLabelText(label));
  await userEvent.click(await screen.findByText(option, { selector: '[role=option] *' }));
}

describe('the query editor', () => {
  it('begins with drift against the training profile and explains it', () => {
    edit();
    expect(screen.getByText(/training profile or any earlier range/)).toBeInTheDocument();
    expect(screen.getByLabelText('Model')).toBeInTheDocument();
  });

  it.each(queryTypes.map((t) => [t.value, t] as const))('shows the fields of %s', (_, type) => {
    edit({ queryType: type.value, format: type.formats[0].value });
    expect(screen.getByText(type.explain)).toBeInTheDocument();
    expect(screen.queryByLabelText('Feature') !== null).toBe(type.fields.includes('feature'));
    expect(screen.queryByLabelText('Against') !== null).toBe(type.fields.includes('reference'));
  });

  it('changes the type with a format that the type has', async () => {
    edit({ queryType: 'drift', format: 'timeseries' });
    await pick('Query', 'Confusion matrix');
    expect(latest).toMatchObject({ queryType: 'confusion', format: 'table' });
    expect(ran).toHaveBeenCalled();
  });

  it('offers the names that the data source knows', async () => {
    edit({ queryType: 'drift' });
    await pick('Model', 'digits');
    await waitFor(() => expect(latest.model).toEqual(['digits']));
    expect(names).toHaveBeenCalledWith({ list: 'models' });
    await userEvent.click(screen.getByLabelText('Feature'));
    await waitFor(() => expect(names).toHaveBeenLastCalledWith({ list: 'features', model: ['digits'], modelVersion: undefined }));
  });

  it('shows why names could not be loaded', async () => {
    names.mockRejectedValueOnce({ data: { error: 'Prometheus cannot be reached' } });
    edit({ queryType: 'drift' });
    await userEvent.click(screen.getByLabelText('Model'));
    expect(await screen.findByText('Prometheus cannot be reached')).toBeInTheDocument();
    expect(messageOf({ message: 'x' })).toBe('x');
    expect(messageOf(undefined)).toMatch(/could not be loaded/);
  });

  it('compares with an earlier range', async () => {
    edit({ queryType: 'drift' });
    await pick('Against', 'The same range, earlier');
    expect(latest.reference).toEqual({ kind: 'offset', offset: '1d' });
    await userEvent.type(screen.getByLabelText('Earlier by'), '{selectall}7d');
    await userEvent.tab();
    expect(latest.reference?.offset).toContain('7d');
    await pick('Against', 'A fixed range');
    await userEvent.type(screen.getByLabelText('From'), '2026');
    expect(latest.reference).toMatchObject({ kind: 'range', from: '2026' });
  });

  it('keeps what was built when changing to code', async () => {
    edit({ queryType: 'drift', model: ['digits'], feature: ['mean', 'std'] });
    await userEvent.click(screen.getByLabelText('Code'));
    expect(latest).toMatchObject({ mode: 'code', selector: '{model="digits",feature=~"mean|std"}' });
    expect(screen.getByLabelText('Selector')).toHaveValue('{model="digits",feature=~"mean|std"}');
  });

  it('takes numbers', async () => {
    edit({ queryType: 'slo', format: 'table' });
    await userEvent.type(screen.getByLabelText('Goal'), '0.99');
    expect(latest.objective).toBe(0.99);
    await userEvent.clear(screen.getByLabelText('Goal'));
    expect(latest.objective).toBeUndefined();
  });

  it('has a live query', async () => {
    edit({ queryType: 'live' });
    expect(screen.getByText(/through Grafana Live/)).toBeInTheDocument();
    expect(screen.queryByLabelText('Feature')).toBeNull();
  });
});

test('selectorOf escapes names and leaves variables alone', () => {
  const query = { refId: 'A', model: ['a.b"c'], modelVersion: '$v', feature: ['x.y', '$f'] };
  expect(selectorOf(query)).toBe('{model="a.b\\"c",model_version=~"$v",feature=~"x\\\\.y|$f"}');
});

test('the help offers examples', async () => {
  const onClickExample = jest.fn();
  render(<QueryHelp datasource={datasource} onClickExample={onClickExample} query={{ refId: 'A' }} />);
  await userEvent.click(screen.getByText(/a week ago/));
  expect(onClickExample).toHaveBeenCalledWith({ refId: 'A', mode: 'builder', queryType: 'drift', format: 'table', reference: { kind: 'offset', offset: '7d' } });
});

test('the variable editor narrows lists', async () => {
  const onChange = jest.fn();
  const query: VariableQuery = { refId: 'v', list: 'features' };
  render(<VariableQueryEditor datasource={datasource} query={query} onChange={onChange} onRunQuery={jest.fn()} />);
  await pick('Model', 'digits');
  expect(onChange).toHaveBeenCalledWith({ refId: 'variable', list: 'features', model: ['digits'] });
});

describe('the config editor', () => {
  function Config({ jsonData = {}, secure = {} }: { jsonData?: object; secure?: object }) {
    const [options, setOptions] = useState<never>({ url: 'http://p', jsonData, secureJsonFields: secure, secureJsonData: {} } as never);
    return (
      <>
        <ConfigEditor options={options} onOptionsChange={setOptions as never} />
        <pre data-testid="options">{JSON.stringify(options)}</pre>
      </>
    );
  }
  const options = () => JSON.parse(screen.getByTestId('options').textContent ?? '');

  it('shows only the fields of the chosen discovery', async () => {
    render(<Config />);
    expect(screen.getByTestId('http')).toHaveTextContent('http://p');
    expect(screen.queryByLabelText('Addresses')).toBeNull();
    await userEvent.click(screen.getByLabelText('List'));
    await userEvent.type(screen.getByLabelText('Addresses'), 'http://a:1{enter}http://b:2');
    expect(options().jsonData.gnomon).toEqual({ discovery: 'list', urls: ['http://a:1', 'http://b:2'] });
    await userEvent.click(screen.getByLabelText('DNS SRV'));
    expect(screen.getByLabelText('SRV record')).toBeInTheDocument();
  });

  it('keeps secrets out of jsonData', async () => {
    render(<Config jsonData={{ gnomon: { discovery: 'list' } }} />);
    await userEvent.type(screen.getByLabelText('gnomonBearerToken'), 's3cret');
    expect(options().secureJsonData).toEqual({ gnomonBearerToken: 's3cret' });
    expect(JSON.stringify(options().jsonData)).not.toContain('s3cret');
  });

  it('resets a secret', async () => {
    render(<Config secure={{ prometheusBearerToken: true }} />);
    await userEvent.click(screen.getByText('Reset'));
    expect(options().secureJsonFields.prometheusBearerToken).toBe(false);
  });

  it('takes limits', async () => {
    render(<Config />);
    await userEvent.type(screen.getByLabelText('Most series of an answer'), '500');
    expect(options().jsonData.maxSeries).toBe(500);
  });
});
