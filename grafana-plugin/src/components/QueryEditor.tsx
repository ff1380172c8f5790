import React from 'react';
import { QueryEditorProps } from '@grafana/data';
import { Alert, InlineField, InlineFieldRow, InlineSwitch, Input, RadioButtonGroup, Select } from '@grafana/ui';
import type { GnomonDatasource } from '../datasource';
import { Choice, defaultQuery, FieldName, lists, metrics, queryTypeOf, queryTypes, references, statistics } from '../queryTypes';
import { GnomonOptions, GnomonQuery } from '../types';
import { NamesField } from './NamesField';

type Props = QueryEditorProps<GnomonDatasource, GnomonQuery, GnomonOptions>;

const labels: Partial<Record<FieldName, string>> = { model: 'Model', modelVersion: 'Version', feature: 'Feature', shadow: 'Shadow', slo: 'Objective' };
const live: Choice = { value: 'live', label: 'Live', description: 'Verdict and rate of requests, streamed' };

export function QueryEditor({ datasource, query: saved, onChange, onRunQuery }: Props) {
  const query: GnomonQuery = { ...defaultQuery, ...saved };
  const type = queryTypeOf(query);
  const isLive = query.queryType === live.value;
  const code = query.mode === 'code';
  const has = (f: FieldName) => !isLive && type.fields.includes(f);
  const set = (change: Partial<GnomonQuery>) => {
    onChange({ ...query, ...change });
    onRunQuery();
  };
  const edit = (change: Partial<GnomonQuery>) => onChange({ ...query, ...change });
  const rolling = has('window') && ['timeseries', 'heatmap'].includes(query.format ?? '');

  const choose = (queryType: string) => {
    const next = queryTypes.find((t) => t.value === queryType);
    const format = next?.formats.some((f) => f.value === query.format) ? query.format : next?.formats[0].value;
    set({ queryType, format });
  };

  return (
    <div>
      <InlineFieldRow>
        <Choose id="query-type" label="Query" value={query.queryType} options={[...queryTypes, live]} onChange={choose} width={28} />
        {!isLive && type.formats.length > 1 && (
          <InlineField label="Show as" labelWidth={10}>
            <RadioButtonGroup aria-label="Show as" value={query.format ?? type.formats[0].value} options={type.formats} onChange={(format) => set({ format })} />
          </InlineField>
        )}
        {!isLive && (
          <InlineField label="Edit as" labelWidth={9}>
            <RadioButtonGroup
              value={query.mode ?? 'builder'}
              options={[
                { value: 'builder' as const, label: 'Builder' },
                { value: 'code' as const, label: 'Code' },
              ]}
              onChange={(mode) => set({ mode, selector: query.selector ?? selectorOf(query) })}
            />
          </InlineField>
        )}
      </InlineFieldRow>

      {code && !isLive ? (
        <InlineField label="Selector" labelWidth={14} grow tooltip="Matchers as in PromQL. They apply to every metric that the query reads and has the label.">
          <Input
            id="query-selector"
            aria-label="Selector"
            value={query.selector ?? ''}
            placeholder={'{model="digits",feature=~"mean|std"}'}
            onChange={(e) => edit({ selector: e.currentTarget.value })}
            onBlur={onRunQuery}
          />
        </InlineField>
      ) : (
        <InlineFieldRow>
          {(['model', 'modelVersion', 'feature', 'shadow', 'slo'] as const)
            .filter((f) => (isLive ? f === 'model' : has(f)))
            .map((f) => (
              <NamesField
                key={f}
                id={`query-${f}`}
                label={labels[f] ?? f}
                list={lists[f] ?? ''}
                narrow={f === 'model' ? {} : { model: query.model, modelVersion: f === 'modelVersion' ? undefined : query.modelVersion }}
                value={query[f]}
                datasource={datasource}
                onChange={(names) => set({ [f]: names })}
              />
            ))}
        </InlineFieldRow>
      )}

      <InlineFieldRow>
        {has('metric') && <Choose id="query-metric" label="Metric" value={query.metric ?? 'accuracy'} options={metrics} onChange={(metric) => set({ metric })} width={30} />}
        {has('statistic') && query.format === 'timeseries' && (
          <Choose id="query-statistic" label="Statistic" value={query.statistic ?? 'psi'} options={statistics} onChange={(statistic) => set({ statistic })} />
        )}
        {has('reference') && (
          <Choose
            id="query-reference"
            label="Against"
            value={query.reference?.kind ?? 'training'}
            options={references}
            width={30}
            onChange={(kind) => set({ reference: { ...query.reference, kind: kind as never, ...(kind === 'offset' && { offset: query.reference?.offset ?? '1d' }) } })}
          />
        )}
        {has('reference') && query.reference?.kind === 'offset' && (
          <Typed label="Earlier by" id="query-offset" value={query.reference.offset} placeholder="1d" onChange={(offset) => edit({ reference: { ...query.reference!, offset } })} onBlur={onRunQuery} />
        )}
        {has('reference') && query.reference?.kind === 'range' && (
          <>
            <Typed label="From" id="query-from" width={26} value={query.reference.from} placeholder="2026-03-01T12:00:00Z" onChange={(from) => edit({ reference: { ...query.reference!, from } })} onBlur={onRunQuery} />
            <Typed label="To" id="query-to" width={26} value={query.reference.to} placeholder="2026-03-02T12:00:00Z" onChange={(to) => edit({ reference: { ...query.reference!, to } })} onBlur={onRunQuery} />
          </>
        )}
        {rolling && <Typed label="Window" id="query-window" value={query.window} placeholder="auto" tooltip="Width of the rolling window: 5m, 1h, $__interval. Auto is a twelfth of the range." onChange={(window) => edit({ window })} onBlur={onRunQuery} />}
        {has('normalise') && (
          <InlineField label="Normalise" labelWidth={14}>
            <InlineSwitch aria-label="Normalise" value={query.normalise ?? false} onChange={(e) => set({ normalise: e.currentTarget.checked })} />
          </InlineField>
        )}
        {has('objective') && <Typed label="Goal" id="query-objective" type="number" value={query.objective} placeholder="of each kind" onChange={(v) => edit({ objective: numberOf(v) })} onBlur={onRunQuery} />}
        {has('latencySeconds') && <Typed label="Slow above (s)" id="query-latency" type="number" value={query.latencySeconds} placeholder="0.5" onChange={(v) => edit({ latencySeconds: numberOf(v) })} onBlur={onRunQuery} />}
        {has('period') && query.format !== 'timeseries' && <Typed label="Period" id="query-period" value={query.period} placeholder="30d" onChange={(period) => edit({ period })} onBlur={onRunQuery} />}
        {has('reason') && <Typed label="Reason" id="query-reason" value={query.reason} placeholder="all" onChange={(reason) => edit({ reason })} onBlur={onRunQuery} />}
        {has('limit') && <Typed label="Limit" id="query-limit" type="number" value={query.limit} placeholder="50" onChange={(v) => edit({ limit: numberOf(v) })} onBlur={onRunQuery} />}
      </InlineFieldRow>
      <Explain text={isLive ? 'Verdict, requests a second, errors and latency of the models, every two seconds, through Grafana Live.' : type.explain} />
    </div>
  );
}

function numberOf(text: string): number | undefined {
  return text === '' ? undefined : Number(text);
}

/** The builder's fields as a selector, so that changing to code loses nothing. */
export function selectorOf(query: GnomonQuery): string {
  const quote = (s: string) => JSON.stringify(s);
  const escape = (s: string) => (s.startsWith('$') ? s : s.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const pairs: Array<[string, string[]]> = [
    ['model', ([] as string[]).concat(query.model ?? [])],
    ['model_version', ([] as string[]).concat(query.modelVersion ?? [])],
    ['feature', ([] as string[]).concat(query.feature ?? [])],
  ];
  const matchers = pairs
    .filter(([, names]) => names.length > 0)
    .map(([label, names]) => (names.length === 1 && !names[0].startsWith('$') ? `${label}=${quote(names[0])}` : `${label}=~${quote(names.map(escape).join('|'))}`));
  return `{${matchers.join(',')}}`;
}

interface ChooseProps {
  id: string;
  label: string;
  value?: string;
  options: Choice[];
  width?: number;
  onChange: (value: string) => void;
}

function Choose({ id, label, value, options, width = 20, onChange }: ChooseProps) {
  return (
    <InlineField label={label} labelWidth={14}>
      <Select inputId={id} aria-label={label} width={width} value={value} options={options} onChange={(o) => onChange(o.value ?? '')} />
    </InlineField>
  );
}

interface TypedProps {
  id: string;
  label: string;
  value?: string | number;
  placeholder?: string;
  tooltip?: string;
  type?: string;
  width?: number;
  onChange: (value: string) => void;
  onBlur: () => void;
}

function Typed({ id, label, value, placeholder, tooltip, type, width = 14, onChange, onBlur }: TypedProps) {
  return (
    <InlineField label={label} labelWidth={14} tooltip={tooltip}>
      <Input id={id} aria-label={label} type={type} width={width} value={value ?? ''} placeholder={placeholder} onChange={(e) => onChange(e.currentTarget.value)} onBlur={onBlur} />
    </InlineField>
  );
}

function Explain({ text }: { text: string }) {
  return <Alert severity="info" title="" topSpacing={1} bottomSpacing={0}>{text}</Alert>;
}
