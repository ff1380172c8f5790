import React from 'react';
import { QueryEditorHelpProps } from '@grafana/data';
import { queryTypes } from '../queryTypes';
import { GnomonQuery } from '../types';

const examples: Array<{ title: string; query: Partial<GnomonQuery> }> = [
  { title: 'Which features have drifted since training?', query: { queryType: 'drift', format: 'table', reference: { kind: 'training' } } },
  { title: 'What is different from the same hours a week ago?', query: { queryType: 'drift', format: 'table', reference: { kind: 'offset', offset: '7d' } } },
  { title: 'Did the last deploy change the inputs or the confidence?', query: { queryType: 'drift', format: 'table', reference: { kind: 'before_change' } } },
  { title: 'Is the confidence believable?', query: { queryType: 'calibration', format: 'reliability' } },
  { title: 'How much error budget is left?', query: { queryType: 'slo', format: 'table', period: '30d' } },
];

export function QueryHelp({ onClickExample }: QueryEditorHelpProps<GnomonQuery>) {
  return (
    <div>
      <h2>gnomon queries</h2>
      <ul>
        {examples.map(({ title, query }) => (
          <li key={title}>
            <button type="button" onClick={() => onClickExample({ refId: 'A', mode: 'builder', ...query })}>
              {title}
            </button>
          </li>
        ))}
      </ul>
      <dl>
        {queryTypes.map((t) => (
          <React.Fragment key={t.value}>
            <dt>{t.label}</dt>
            <dd>{t.explain}</dd>
          </React.Fragment>
        ))}
      </dl>
    </div>
  );
}
