import React from 'react';
import { DataSourcePluginOptionsEditorProps } from '@grafana/data';
import { DataSourceHttpSettings, InlineField, Input, RadioButtonGroup, SecretInput, Select, TextArea } from '@grafana/ui';
import { config } from '@grafana/runtime';
import { GnomonOptions, GnomonSecrets } from '../types';

type Props = DataSourcePluginOptionsEditorProps<GnomonOptions, GnomonSecrets>;
type Gnomon = NonNullable<GnomonOptions['gnomon']>;

const discoveries = [
  { value: 'none' as const, label: 'None', description: 'Prometheus alone: no worst records, events without words' },
  { value: 'list' as const, label: 'List' },
  { value: 'srv' as const, label: 'DNS SRV' },
  { value: 'up' as const, label: 'Prometheus targets' },
];
const schemes = ['http' as const, 'https' as const].map((value) => ({ value, label: value }));
const rows = [
  { value: 'auto' as const, label: 'If they are there' },
  { value: 'always' as const, label: 'Always' },
  { value: 'never' as const, label: 'Never' },
];
const width = 26;

export function ConfigEditor({ options, onOptionsChange }: Props) {
  const { jsonData } = options;
  const gnomon = jsonData.gnomon ?? {};
  const set = (change: Partial<GnomonOptions>) => onOptionsChange({ ...options, jsonData: { ...jsonData, ...change } });
  const setGnomon = (change: Partial<Gnomon>) => set({ gnomon: { ...gnomon, ...change } });
  const discovery = gnomon.discovery ?? 'none';

  return (
    <>
      <h3 className="page-heading">Prometheus, Thanos or Mimir</h3>
      <DataSourceHttpSettings
        defaultUrl="http://prometheus:9090"
        dataSourceConfig={options}
        showAccessOptions={false}
        showForwardOAuthIdentityOption
        secureSocksDSProxyEnabled={config.secureSocksDSProxyEnabled}
        onChange={onOptionsChange}
      />
      <Secret {...{ options, onOptionsChange }} name="prometheusBearerToken" label="Bearer token" tooltip="Sent to Prometheus instead of basic authentication." />
      <Text id="selector" label="Always select" tooltip="Matchers that every query has, such as one tenant’s." placeholder='{cluster="eu"}' value={jsonData.selector} onChange={(selector) => set({ selector })} />
      <InlineField label="Recorded rows" labelWidth={width} tooltip="gnomon:feature_bin:rows1m of gnomon’s recording rules: drift over days costs a hundredth of what it does from raw counters.">
        <RadioButtonGroup aria-label="Recorded rows" value={jsonData.recordedRows ?? 'auto'} options={rows} onChange={(recordedRows) => set({ recordedRows })} />
      </InlineField>
      <Text id="max-response" type="number" label="Largest answer (MiB)" placeholder="64" value={jsonData.maxResponseMiB} onChange={(v) => set({ maxResponseMiB: v === '' ? undefined : Number(v) })} />
      <Text id="max-series" type="number" label="Most series of an answer" placeholder="20000" value={jsonData.maxSeries} onChange={(v) => set({ maxSeries: v === '' ? undefined : Number(v) })} />

      <h3 className="page-heading" style={{ marginTop: 32 }}>
        gnomon sidecars
      </h3>
      <InlineField label="Found by" labelWidth={width} tooltip="Their API tells events in words and single records. Everything else works without it.">
        <RadioButtonGroup aria-label="Found by" value={discovery} options={discoveries} onChange={(d) => setGnomon({ discovery: d })} />
      </InlineField>
      {discovery === 'list' && (
        <InlineField label="Addresses" labelWidth={width} tooltip="One a line.">
          <TextArea
            id="gnomon-urls"
            aria-label="Addresses"
            cols={50}
            rows={3}
            value={(gnomon.urls ?? []).join('\n')}
            placeholder={'http://churn-gnomon:9464\nhttp://ranking-gnomon:9464'}
            onChange={(e) => setGnomon({ urls: e.currentTarget.value.split('\n').map((s) => s.trim()) })}
            onBlur={() => setGnomon({ urls: (gnomon.urls ?? []).filter((s) => s !== '') })}
          />
        </InlineField>
      )}
      {discovery === 'srv' && (
        <Text id="gnomon-srv" label="SRV record" placeholder="_http._tcp.gnomon.monitoring.svc.cluster.local" value={gnomon.srv} onChange={(srv) => setGnomon({ srv })} />
      )}
      {discovery === 'up' && (
        <Text id="gnomon-up" label="Query" tooltip="Its instance labels are the addresses." placeholder='up{job="gnomon"} == 1' value={gnomon.upQuery} onChange={(upQuery) => setGnomon({ upQuery })} />
      )}
      {(discovery === 'srv' || discovery === 'up') && (
        <InlineField label="Scheme" labelWidth={width}>
          <Select aria-label="Scheme" width={14} options={schemes} value={gnomon.scheme ?? 'http'} onChange={(o) => setGnomon({ scheme: o.value })} />
        </InlineField>
      )}
      {discovery !== 'none' && (
        <>
          <Text id="gnomon-user" label="User" tooltip="Prometheus’ credentials are never sent to a sidecar." value={gnomon.basicAuthUser} onChange={(basicAuthUser) => setGnomon({ basicAuthUser })} />
          <Secret {...{ options, onOptionsChange }} name="gnomonBasicAuthPassword" label="Password" />
          <Secret {...{ options, onOptionsChange }} name="gnomonBearerToken" label="Bearer token" />
        </>
      )}
    </>
  );
}

interface TextProps {
  id: string;
  label: string;
  tooltip?: string;
  placeholder?: string;
  type?: string;
  value?: string | number;
  onChange: (value: string) => void;
}

function Text({ id, label, tooltip, placeholder, type, value, onChange }: TextProps) {
  return (
    <InlineField label={label} labelWidth={width} tooltip={tooltip}>
      <Input id={id} aria-label={label} width={50} type={type} placeholder={placeholder} value={value ?? ''} onChange={(e) => onChange(e.currentTarget.value)} />
    </InlineField>
  );
}

function Secret({ options, onOptionsChange, name, label, tooltip }: Props & { name: keyof GnomonSecrets; label: string; tooltip?: string }) {
  return (
    <InlineField label={label} labelWidth={width} tooltip={tooltip}>
      <SecretInput
        id={name}
        aria-label={name}
        width={50}
        isConfigured={Boolean(options.secureJsonFields?.[name])}
        value={options.secureJsonData?.[name] ?? ''}
        onChange={(e) => onOptionsChange({ ...options, secureJsonData: { ...options.secureJsonData, [name]: e.currentTarget.value } })}
        onReset={() =>
          onOptionsChange({
            ...options,
            secureJsonFields: { ...options.secureJsonFields, [name]: false },
            secureJsonData: { ...options.secureJsonData, [name]: '' },
          })
        }
      />
    </InlineField>
  );
}
