import React, { useState } from 'react';
import { SelectableValue } from '@grafana/data';
import { InlineField, MultiSelect } from '@grafana/ui';
import type { GnomonDatasource } from '../datasource';
import { Names, VariableQuery } from '../types';

interface Props {
  id: string;
  label: string;
  tooltip?: string;
  list: string;
  narrow?: Omit<VariableQuery, 'refId' | 'list'>;
  value?: Names;
  datasource: GnomonDatasource;
  onChange: (names: string[]) => void;
}

/** Several names, offered by the data source or typed; empty is all. */
export function NamesField({ id, label, tooltip, list, narrow, value, datasource, onChange }: Props) {
  const [options, setOptions] = useState<Array<SelectableValue<string>>>([]);
  const [loading, setLoading] = useState(false);
  const [error, setError] = useState('');
  const chosen = ([] as string[]).concat(value ?? []).filter((s) => s !== '');

  const load = async () => {
    setLoading(true);
    try {
      const names = await datasource.names({ list, ...narrow });
      setOptions(names.map((n) => ({ label: n, value: n })));
      setError('');
    } catch (e) {
      setError(short(messageOf(e)));
    } finally {
      setLoading(false);
    }
  };

  return (
    <InlineField label={label} tooltip={tooltip ?? 'Several may be chosen; none stands for all. Variables such as $model may be typed.'} labelWidth={14} invalid={error !== ''} error={error}>
      <MultiSelect
        inputId={id}
        aria-label={label}
        width={30}
        allowCustomValue
        isLoading={loading}
        placeholder="all"
        options={options}
        value={chosen.map((n) => ({ label: n, value: n }))}
        onOpenMenu={load}
        onChange={(items) => onChange(items.map((i) => i.value ?? '').filter((s) => s !== ''))}
      />
    </InlineField>
  );
}

/** The field's message is one line. */
const short = (words: string) => (words.length > 110 ? `${words.slice(0, 109)}…` : words);

/** The backend's words for a failure. */
export function messageOf(e: unknown): string {
  const known = e as { data?: { error?: string; message?: string }; message?: string };
  return known?.data?.error ?? known?.data?.message ?? known?.message ?? 'the names could not be loaded';
}
