import { DataSourcePlugin } from '@grafana/data';
import { ConfigEditor } from './components/ConfigEditor';
import { QueryEditor } from './components/QueryEditor';
import { QueryHelp } from './components/QueryHelp';
import { GnomonDatasource } from './datasource';
import { GnomonOptions, GnomonQuery, GnomonSecrets } from './types';

export const plugin = new DataSourcePlugin<GnomonDatasource, GnomonQuery, GnomonOptions, GnomonSecrets>(GnomonDatasource)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor)
  .setQueryEditorHelp(QueryHelp);
