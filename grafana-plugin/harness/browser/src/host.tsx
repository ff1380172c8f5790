// The stand-in for Grafana's browser side: the real @grafana packages, Grafana's
// way to load a plugin (SystemJS), the plugin's built bundle.
import React, { useState } from 'react';
import * as ReactNS from 'react';
import * as JsxNS from 'react/jsx-runtime';
import * as ReactDOM from 'react-dom';
import { createRoot } from 'react-dom/client';
import * as data from '@grafana/data';
import * as ui from '@grafana/ui';
import * as runtime from '@grafana/runtime';
import * as emotionCss from '@emotion/css';
import * as emotionReact from '@emotion/react';
import * as rxjs from 'rxjs';
import * as lodash from 'lodash';
import 'uplot/dist/uPlot.min.css';
import { MemoryRouter } from 'react-router-dom';
import { fromDashboard, state } from './dashboard';
import { panels, standardFieldOptions } from './panels';
import { Prometheus } from './prometheus';
import { setServices, Sources } from './services';

declare const System: any;
const pluginID = 'gnomon-gnomon-datasource';
const publicPath = `/public/plugins/${pluginID}`;
const params = new URLSearchParams(location.search);
const theme = data.createTheme({ colors: { mode: params.get('theme') === 'light' ? 'light' : 'dark' } });

function share() {
  const all: Record<string, any> = {
    '@grafana/data': data, '@grafana/ui': ui, '@grafana/runtime': runtime, react: ReactNS, 'react/jsx-runtime': JsxNS, 'react-dom': ReactDOM, '@emotion/css': emotionCss, '@emotion/react': emotionReact, rxjs, lodash,
  };
  const imports: Record<string, string> = {};
  for (const [name, module] of Object.entries(all)) {
    imports[name] = `package:${name}`;
    const fallback = module.default ?? module;
    System.set(imports[name], { ...module, default: fallback, __useDefault: fallback });
  }
  System.addImportMap({ imports });
}

async function sources(): Promise<{ sources: Sources; plugin: any }> {
  const meta = await (await fetch(`${publicPath}/plugin.json`)).json();
  const settings = {
    id: 1, uid: 'gnomon', type: pluginID, name: 'gnomon', url: '/api/datasources/proxy/uid/gnomon', access: 'proxy', jsonData: { gnomon: { discovery: 'list', urls: ['http://sidecar:9464'] } },
    meta: { ...meta, module: `${publicPath}/module.js`, baseUrl: publicPath }, readOnly: false,
  };
  const prometheus = { id: 2, uid: 'prometheus', type: 'prometheus', name: 'Prometheus', access: 'proxy', jsonData: {}, meta: { id: 'prometheus', name: 'Prometheus', type: 'datasource', annotations: true, info: { logos: {} } } };
  const all: Sources = { prometheus: { settings: prometheus }, [pluginID]: { settings } };
  setServices(all);
  all.prometheus.instance = Object.assign(new Prometheus(prometheus), { meta: prometheus.meta });
  const module = await System.import(`${publicPath}/module.js`);
  const plugin = module.plugin ?? module.default?.plugin;
  plugin.meta = settings.meta;
  all[pluginID].instance = Object.assign(new plugin.DataSourceClass(settings), { meta: settings.meta, components: plugin.components });
  return { sources: all, plugin };
}

function core() {
  const all = panels();
  runtime.setPluginImportUtils({ importPanelPlugin: async (id: string) => all[id], getPanelPluginFromCache: (id: string) => all[id] } as any);
  data.standardEditorsRegistry.setInit(() => []);
  data.standardFieldConfigEditorRegistry.setInit(standardFieldOptions);
  const transformers = new Map(Object.values(data.standardTransformers as Record<string, any>).map((t) => [t.id, t])); // some have two names
  data.standardTransformersRegistry.setInit(() => [...transformers.values()].map((t) => ({ id: t.id, name: t.name, editor: () => null, transformation: t }) as any));
}

/** The three editors, with what they save laid open for the checks. */
function Editors({ datasource, plugin, settings, health }: any) {
  const { ConfigEditor, QueryEditor } = plugin.components;
  const VariableEditor = datasource.variables.editor;
  const [options, setOptions] = useState<any>({ ...settings, url: 'http://prometheus:9090', secureJsonFields: { prometheusBearerToken: true }, secureJsonData: {} });
  const [query, setQuery] = useState<any>({ refId: 'A', ...datasource.getDefaultQuery('panel-editor') });
  const [variable, setVariable] = useState<any>({ refId: 'v', list: 'features' });
  const [ran, setRan] = useState(0);
  const section = (id: string, title: string, body: React.ReactNode) => (
    <section data-testid={id}><h3>{title}</h3>{body}</section>
  );
  const hidden = (id: string, value: unknown) => <pre data-testid={id} style={{ display: 'none' }}>{JSON.stringify(value)}</pre>;
  return (
    <div style={{ display: 'grid', gap: 24, maxWidth: 1100 }}>
      {section('query-editor', 'Query', <QueryEditor datasource={datasource} query={query} onChange={setQuery} onRunQuery={() => setRan((n) => n + 1)} data={undefined} />)}
      {section('variable-editor', 'Variable', <VariableEditor datasource={datasource} query={variable} onChange={setVariable} onRunQuery={() => {}} />)}
      {section('config-editor', 'Settings', <ConfigEditor options={options} onOptionsChange={setOptions} />)}
      <ui.Alert severity={health.status === 'error' ? 'error' : 'success'} title={health.message} />
      {hidden('query', query)}{hidden('variable', variable)}{hidden('options', options)}{hidden('ran', ran)}
    </div>
  );
}

function Frame({ children, title }: React.PropsWithChildren<{ title?: string }>) {
  return (
    <MemoryRouter>
      <data.ThemeContext.Provider value={theme}>
        <ui.GlobalStyles />
        <div style={{ padding: 16, background: theme.colors.background.canvas, color: theme.colors.text.primary, minHeight: '100vh', boxSizing: 'border-box' }}>
          {title && <h2 style={{ fontSize: 18 }}>{title}</h2>}
          {children}
        </div>
        <ui.PortalContainer />
      </data.ThemeContext.Provider>
    </MemoryRouter>
  );
}

async function main() {
  share();
  core();
  const { sources: all, plugin } = await sources();
  const { instance, settings } = all[pluginID];
  const root = createRoot(document.getElementById('root')!);
  const name = params.get('dashboard');
  const w = window as any;
  w.datasource = instance;
  w.lastValueFrom = rxjs.lastValueFrom;
  if (!name) {
    const health = await instance.testDatasource().catch((e: any) => ({ status: 'error', message: String(e?.message ?? e) }));
    w.health = health;
    root.render(<Frame><Editors datasource={instance} plugin={plugin} settings={settings} health={health} /></Frame>);
  } else {
    const json = await (await fetch(`/dashboards/${name}.json`)).json();
    const scene = fromDashboard(json, params.get('from') ?? undefined, params.get('to') ?? undefined);
    w.__scene = scene;
    w.panels = () => state(scene);
    root.render(<Frame title={json.title}><div style={{ display: 'flex', minHeight: '90vh' }}><scene.Component model={scene} /></div></Frame>);
  }
  w.ready = true;
}

main().catch((e) => {
  document.body.dataset.error = String(e?.stack ?? e);
});
