import React from 'react';
import { QueryEditorProps } from '@grafana/data';
import { InlineField, InlineFieldRow, Select } from '@grafana/ui';
import type { GnomonDatasource } from '../datasource';
import { GnomonOptions, GnomonQuery, VariableQuery } from '../types';
import { NamesField } from './NamesField';

const names: Array<[string, string]> = [
  ['models', 'Models'],
  ['versions', 'Versions'],
  ['features', 'Features'],
  ['shadows', 'Shadows'],
  ['references', 'References'],
  ['classes', 'Classes'],
  ['slos', 'Objectives'],
  ['clusters', 'Clusters'],
  ['namespaces', 'Namespaces'],
];
const options = names.map(([value, label]) => ({ value, label }));

type Props = QueryEditorProps<GnomonDatasource, GnomonQuery, GnomonOptions, VariableQuery>;

export function VariableQueryEditor({ datasource, query, onChange }: Props) {
  const set = (change: Partial<VariableQuery>) => onChange({ ...query, refId: 'variable', list: query.list ?? 'models', ...change });
  const narrowed = !['models', 'slos', 'clusters'].includes(query.list ?? 'models');
  return (
    <InlineFieldRow>
      <InlineField label="List" labelWidth={14}>
        <Select inputId="variable-list" aria-label="List" width={24} options={options} value={query.list ?? 'models'} onChange={(o) => set({ list: o.value })} />
      </InlineField>
      {narrowed && (
        <NamesField id="variable-model" label="Model" list="models" value={query.model} datasource={datasource} onChange={(model) => set({ model })} />
      )}
      {narrowed && query.list !== 'versions' && (
        <NamesField id="variable-version" label="Version" list="versions" value={query.modelVersion} datasource={datasource} onChange={(modelVersion) => set({ modelVersion })} />
      )}
    </InlineFieldRow>
  );
}
