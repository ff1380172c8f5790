// Stand-ins for Grafana's core panels, which are not on npm, made of what
// @grafana/ui has: the same components where there are any.
import React from 'react';
import {
  DataFrame,
  Field,
  FieldType,
  cacheFieldDisplayNames,
  formattedValueToString,
  getDisplayValueAlignmentFactors,
  getFieldDisplayName,
  getFieldDisplayValues,
  getValueFormat,
  PanelPlugin,
  PanelProps,
  VizOrientation,
} from '@grafana/data';
import { BarGauge, BigValue, TimeSeries, useTheme2, VizLegend, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';

const numbers = (f: DataFrame) => f.fields.filter((x) => x.type === FieldType.number && !x.config.custom?.hideFrom?.viz);
const nameOf = (x: Field, f: DataFrame, all: DataFrame[]) => getFieldDisplayName(x, f, all);

function Empty({ data, fieldConfig }: PanelProps) {
  if (data.errors?.length || data.error) {
    return <div data-testid="failed">{String(data.error?.message ?? data.errors?.[0]?.message)}</div>;
  }
  const words = data.series.flatMap((f) => f.meta?.notices ?? []).map((n) => n.text);
  const chosen = fieldConfig?.defaults.noValue;
  return <div data-testid={chosen || words.length ? 'said-why' : 'no-data'} style={{ padding: 12, opacity: 0.7 }}>{words[0] ?? chosen ?? 'No data'}</div>;
}

const hasRows = (p: PanelProps) => !p.data.error && p.data.series.some((f) => f.length > 0 && f.fields.length > 0);

function Series(p: PanelProps) {
  const frames = p.data.series.filter((f) => f.fields.some((x) => x.type === FieldType.time) && numbers(f).length > 0);
  return (
    <TimeSeries
      frames={frames}
      width={p.width}
      height={p.height}
      timeRange={p.timeRange}
      timeZone={p.timeZone}
      legend={{ calcs: [], ...p.options.legend }}
      options={{ tooltip: p.options.tooltip } as never}
    />
  );
}

function values(p: PanelProps, theme: any) {
  return getFieldDisplayValues({ fieldConfig: p.fieldConfig, reduceOptions: p.options.reduceOptions, replaceVariables: p.replaceVariables, theme, data: p.data.series, timeZone: p.timeZone, sparkline: p.options.graphMode === 'area' });
}

function Stat(p: PanelProps) {
  const theme = useTheme2();
  return (
    <VizRepeater
      getValues={() => values(p, theme)}
      renderValue={({ value: v, width, height, count }: any) => (
        <BigValue theme={theme} width={width} height={height} count={count} value={v.display} sparkline={v.sparkline} colorMode={p.options.colorMode} graphMode={p.options.graphMode} textMode={p.options.textMode} justifyMode={p.options.justifyMode} />
      )}
      source={p.data}
      width={p.width}
      height={p.height}
      renderCounter={p.renderCounter}
      orientation={p.options.orientation}
      autoGrid
    />
  );
}

function Bars(p: PanelProps) {
  const theme = useTheme2();
  return (
    <VizRepeater
      getValues={() => values(p, theme)}
      getAlignmentFactors={(list: any[]) => getDisplayValueAlignmentFactors(list)}
      renderValue={({ value: v, width, height, alignmentFactors }: any) => (
        <BarGauge theme={theme} width={width} height={height} value={v.display} field={v.field} display={v.view?.getFieldDisplayProcessor(v.colIndex)} alignmentFactors={alignmentFactors} orientation={VizOrientation.Horizontal} displayMode={p.options.displayMode} valueDisplayMode={p.options.valueMode} showUnfilled={p.options.showUnfilled} namePlacement={p.options.namePlacement} itemSpacing={8} lcdCellWidth={8} />
      )}
      source={p.data}
      width={p.width}
      height={p.height}
      renderCounter={p.renderCounter}
      orientation={VizOrientation.Horizontal}
      itemSpacing={8}
      minVizHeight={10}
    />
  );
}

function Table(p: PanelProps) {
  cacheFieldDisplayNames(p.data.series); // as the core panel: columns are called what they are displayed as
  const frame = p.data.series[p.options.frameIndex ?? 0] ?? p.data.series[0];
  return (
    <div style={{ width: p.width, height: p.height, overflow: 'hidden' }}>
      <TableNG data={frame} width={p.width} height={p.height} noHeader={p.options.showHeader === false} cellHeight={p.options.cellHeight} initialSortBy={p.options.sortBy} fieldConfig={p.fieldConfig} {...({ frozenColumns: 0, enableVirtualization: false, getActions: () => [] } as any)} />
    </div>
  );
}

/** ln(current / reference) or a share by bin and time; colours of a diverging scheme. */
function Heat(p: PanelProps) {
  const rows = p.data.series.flatMap((f) => numbers(f).map((x) => ({ name: nameOf(x, f, p.data.series), values: Array.from(x.values as number[]) })));
  const { min, max } = p.options.color ?? {};
  const all = rows.flatMap((r) => r.values).filter((v) => v != null && isFinite(v));
  const lo = min ?? Math.min(...all);
  const hi = max ?? Math.max(...all);
  const colour = (v: number) => {
    const t = Math.min(Math.max((v - lo) / (hi - lo || 1), 0), 1); // blue, pale yellow, red
    return t < 0.5 ? `hsl(210, ${90 - 60 * t}%, ${35 + 110 * t}%)` : `hsl(${60 - 110 * (t - 0.5)}, 90%, ${90 - 90 * (t - 0.5)}%)`;
  };
  const labelWidth = Math.min(170, p.width * 0.35);
  return (
    <div style={{ height: p.height, display: 'grid', gap: 1, gridTemplateRows: `repeat(${rows.length}, 1fr)` }}>
      {[...rows].reverse().map((r) => (
        <div key={r.name} style={{ display: 'flex', minHeight: 0 }}>
          <div style={{ width: labelWidth, fontSize: 10, overflow: 'hidden', whiteSpace: 'nowrap', textOverflow: 'ellipsis' }}>{r.name}</div>
          {r.values.map((v, i) => (
            <div key={i} style={{ flex: 1, background: v == null || !isFinite(v) ? 'transparent' : colour(v) }} />
          ))}
        </div>
      ))}
    </div>
  );
}

function useColours(p: PanelProps, names: string[]) {
  const theme = useTheme2();
  return names.map((_, i) => {
    const f = p.data.series.flatMap(numbers)[i];
    const fixed = f?.config.color?.fixedColor;
    return fixed ? theme.visualization.getColorByName(fixed) : theme.visualization.palette[i].toString();
  });
}

const Legend = ({ names, colours }: { names: string[]; colours: string[] }) => (
  <VizLegend displayMode={'list' as never} placement="bottom" items={names.map((label, i) => ({ label, color: colours[i], yAxis: 1 }))} />
);

function Chart(p: PanelProps) {
  const theme = useTheme2();
  const frame = p.data.series[0];
  const x = frame.fields.find((f) => f.name === p.options.xField || f.type === FieldType.string);
  const fields = numbers(frame);
  const names = fields.map((f) => nameOf(f, frame, p.data.series));
  const colours = useColours(p, names);
  const top = Math.max(...fields.flatMap((f) => Array.from(f.values as number[]).filter((v) => v != null))) || 1;
  const h = p.height - 90;
  const slot = (p.width - 40) / frame.length;
  const format = getValueFormat(fields[0]?.config.unit ?? 'short');
  return (
    <div>
      <svg width={p.width} height={p.height - 28} fill={theme.colors.text.secondary} fontSize={10}>
        {[0, 0.5, 1].map((t) => (
          <text key={t} x={0} y={h - t * (h - 10) + 4}>{formattedValueToString(format(t * top, 0))}</text>
        ))}
        {Array.from({ length: frame.length }, (_, i) => (
          <g key={i} transform={`translate(${40 + i * slot}, 0)`}>
            {fields.map((f, j) => {
              const v = (Number(f.values[i] ?? 0) / top) * (h - 10);
              return <rect key={j} x={slot * (0.1 + (0.8 * j) / fields.length)} y={h - v} width={(slot * 0.8) / fields.length} height={Math.max(v, 0)} fill={colours[j]} />;
            })}
            <text transform={`translate(${slot / 2}, ${h + 8}) rotate(45)`}>{String(x?.values[i] ?? '').slice(0, 18)}</text>
          </g>
        ))}
      </svg>
      <Legend names={names} colours={colours} />
    </div>
  );
}

function Scatter(p: PanelProps) {
  const theme = useTheme2();
  const frame = p.data.series[0];
  const field = (m: any) => frame.fields.find((f) => f.name === m?.matcher?.options || nameOf(f, frame, p.data.series) === m?.matcher?.options);
  const curves = (p.options.series ?? []).map((s: any) => ({ x: field(s.x), y: field(s.y) })).filter((c: any) => c.x && c.y);
  const size = Math.max(Math.min(p.width - 40, p.height - 60), 40);
  const names: string[] = curves.map((c: any) => nameOf(c.y, frame, p.data.series));
  const colours = curves.map((c: any, i: number) => theme.visualization.getColorByName(c.y.config.color?.fixedColor ?? theme.visualization.palette[i].toString()));
  if (curves.length === 0) {
    return <div data-testid="no-data">No fields {JSON.stringify(p.options.series)}</div>;
  }
  return (
    <div>
      <svg width={p.width} height={size + 30} fill={theme.colors.text.secondary} fontSize={10}>
        <rect x={30} y={5} width={size} height={size} fill="none" stroke={theme.colors.border.medium} />
        {[0, 0.5, 1].map((t) => (
          <g key={t}>
            <text x={0} y={5 + size * (1 - t) + 4}>{100 * t}%</text>
            <text x={30 + size * t - 8} y={size + 18}>{100 * t}%</text>
          </g>
        ))}
        {curves.map((c: any, j: number) => {
          const points = Array.from({ length: frame.length }, (_, i) => [c.x.values[i], c.y.values[i]]).filter(([a, b]) => a != null && b != null && isFinite(a) && isFinite(b)).sort((a, b) => a[0] - b[0]);
          const at = ([a, b]: number[]) => [30 + a * size, 5 + (1 - b) * size];
          return (
            <g key={j} stroke={colours[j]} fill={colours[j]}>
              <polyline fill="none" strokeWidth={2} points={points.map((q) => at(q).join(',')).join(' ')} />
              {points.map((q, i) => (
                <circle key={i} cx={at(q)[0]} cy={at(q)[1]} r={3} />
              ))}
            </g>
          );
        })}
      </svg>
      <Legend names={names} colours={colours} />
    </div>
  );
}

function Lines(p: PanelProps) {
  const frame = p.data.series[0];
  const column = (name: string) => frame.fields.find((f) => f.name === name)?.values ?? [];
  return (
    <div style={{ height: p.height, overflow: 'auto', fontFamily: 'monospace', fontSize: 12 }}>
      {Array.from({ length: frame.length }, (_, i) => (
        <div key={i}>
          {new Date(column('timestamp')[i]).toISOString().slice(11, 19)} {column('severity')[i]} {column('body')[i]}
        </div>
      ))}
    </div>
  );
}

// The custom field options that the dashboards set: only what is registered
// reaches a panel.
const custom = [
  'lineWidth', 'fillOpacity', 'showPoints', 'spanNulls', 'thresholdsStyle', 'axisPlacement', 'drawStyle', 'stacking', 'scaleDistribution', 'lineStyle', 'lineInterpolation', 'pointSize', 'axisLabel',
  'hidden', 'hideFrom', 'width', 'minWidth', 'align', 'cellOptions', 'inspect', 'filterable', 'wrapText', 'wrapHeaderText', 'show', 'axisSoftMax', 'axisSoftMin', 'fillBelowTo',
];

export function panels(): Record<string, PanelPlugin> {
  const out: Record<string, PanelPlugin> = {};
  const all: Record<string, React.ComponentType<PanelProps>> = { timeseries: Series, stat: Stat, bargauge: Bars, table: Table, heatmap: Heat, barchart: Chart, xychart: Scatter, logs: Lines };
  for (const [id, Panel] of Object.entries(all)) {
    const Guarded = (p: PanelProps) => (hasRows(p) ? <Panel {...p} /> : <Empty {...p} />);
    const plugin = new PanelPlugin(Guarded).useFieldConfig({
      useCustomConfig: (builder) => {
        for (const path of custom) {
          builder.addCustomEditor({ id: path, path, name: path, editor: () => null, override: () => null, process: (v: any) => v, shouldApply: () => true, settings: {} } as any);
        }
      },
    });
    plugin.meta = { id, name: id, type: 'panel', info: { version: '', logos: { small: '', large: '' } }, sort: 0, skipDataQuery: false, module: '', baseUrl: '' } as any;
    out[id] = plugin;
  }
  return out;
}

/** The standard field options, in the form that core registers them. */
export const standardFieldOptions = () =>
  ['unit', 'min', 'max', 'decimals', 'displayName', 'noValue', 'thresholds', 'mappings', 'color', 'links', 'filterable', 'description'].map(
    (id) => ({ id, path: id, name: id, description: '', editor: () => null, override: () => null, process: (v: any) => v, shouldApply: () => true, settings: {} }) as any
  );
