// A dashboard's JSON (schema version 1) as a scene, as Grafana makes it.
import * as scenes from '@grafana/scenes';

function variable(v: any) {
  switch (v.type) {
    case 'datasource':
      return new scenes.DataSourceVariable({ name: v.name, label: v.label, pluginId: v.query });
    case 'query':
      return new scenes.QueryVariable({
        name: v.name, label: v.label, query: v.query, datasource: v.datasource, refresh: v.refresh, sort: v.sort, isMulti: v.multi, includeAll: v.includeAll, allValue: v.allValue,
        value: v.current?.value ?? '', text: v.current?.text ?? '',
      });
    case 'textbox':
      return new scenes.TextBoxVariable({ name: v.name, label: v.label, value: v.query });
    case 'adhoc':
      return new scenes.AdHocFiltersVariable({ name: v.name, label: v.label, datasource: v.datasource, filters: [], applyMode: 'auto' });
  }
  throw new Error(`variable ${v.name} is of an unknown type ${v.type}`);
}

function panel(p: any) {
  const queries = new scenes.SceneQueryRunner({ datasource: p.datasource, queries: p.targets ?? [], maxDataPoints: p.maxDataPoints });
  return new scenes.SceneGridItem({
    x: p.gridPos.x, y: p.gridPos.y, width: p.gridPos.w, height: p.gridPos.h,
    body: new scenes.VizPanel({
      key: `panel-${p.id}`, title: p.title, description: p.description, pluginId: p.type, options: p.options ?? {}, fieldConfig: p.fieldConfig ?? { defaults: {}, overrides: [] },
      $data: p.transformations?.length ? new scenes.SceneDataTransformer({ transformations: p.transformations, $data: queries }) : queries,
    }),
  });
}

function rows(list: any[]) {
  const out: any[] = [];
  let row: any;
  for (const p of list) {
    if (p.type !== 'row') {
      (row ? row.children : out).push(panel(p));
      continue;
    }
    row = { title: p.title, y: p.gridPos.y, children: (p.panels ?? []).map(panel), isCollapsed: p.collapsed };
    out.push(row);
  }
  return out.map((r) => (r.children ? new scenes.SceneGridRow({ title: r.title, y: r.y, x: 0, isCollapsible: true, isCollapsed: r.isCollapsed, children: r.children }) : r));
}

export function fromDashboard(j: any, from?: string, to?: string) {
  return new scenes.EmbeddedScene({
    $timeRange: new scenes.SceneTimeRange({ from: from ?? j.time.from, to: to ?? j.time.to, timeZone: 'utc' }),
    $variables: new scenes.SceneVariableSet({ variables: (j.templating?.list ?? []).map(variable) }),
    $data: new scenes.SceneDataLayerSet({ layers: (j.annotations?.list ?? []).filter((a: any) => a.builtIn !== 1).map((query: any) => new scenes.dataLayers.AnnotationsDataLayer({ name: query.name, query, isEnabled: query.enable })) }),
    controls: [new scenes.VariableValueSelectors({}), new scenes.SceneControlsSpacer(), new scenes.SceneTimePicker({}), new scenes.SceneRefreshPicker({ refresh: '' })],
    body: new scenes.SceneGridLayout({ isLazy: false, children: rows(j.panels) }),
  });
}

/** Where every panel stands: what the checks read. */
export function state(scene: any) {
  const panels = scenes.sceneGraph.findAllObjects(scene, (o) => o instanceof scenes.VizPanel) as scenes.VizPanel[];
  const shown = panels.filter((p) => !(p.parent?.parent instanceof scenes.SceneGridRow && p.parent.parent.state.isCollapsed));
  return shown.map((p) => {
    const data = scenes.sceneGraph.getData(p).state.data;
    return {
      title: scenes.sceneGraph.interpolate(p, p.state.title), type: p.state.pluginId, state: data?.state ?? 'NotStarted', error: data?.errors?.map((e) => e.message).join('; ') ?? data?.error?.message ?? '',
      rows: data?.series?.reduce((n, f) => n + f.length, 0) ?? 0, pluginError: (p as any)._pluginLoadError ?? '',
    };
  });
}
