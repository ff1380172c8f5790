import { DataQuery } from '@grafana/schema';
import { DataSourceJsonData } from '@grafana/data';

/** One name or several; "$__all" stands for all of them. */
export type Names = string | string[];

export interface Reference {
  kind: 'training' | 'offset' | 'before_change' | 'range';
  offset?: string;
  from?: string;
  to?: string;
}

export interface Filter {
  key: string;
  operator: string;
  value: string;
}

export interface GnomonQuery extends DataQuery {
  mode?: 'builder' | 'code';
  selector?: string;
  model?: Names;
  modelVersion?: Names;
  feature?: Names;
  shadow?: Names;
  slo?: Names;
  filters?: Filter[];
  format?: string;
  statistic?: string;
  reference?: Reference;
  window?: string;
  metric?: string;
  normalise?: boolean;
  objective?: number;
  latencySeconds?: number;
  period?: string;
  reason?: string;
  limit?: number;
}

export interface VariableQuery {
  refId: string;
  list: string;
  model?: Names;
  modelVersion?: Names;
  feature?: Names;
}

export interface GnomonOptions extends DataSourceJsonData {
  gnomon?: {
    discovery?: 'none' | 'list' | 'srv' | 'up';
    urls?: string[];
    srv?: string;
    upQuery?: string;
    scheme?: 'http' | 'https';
    basicAuthUser?: string;
  };
  maxResponseMiB?: number;
  maxSeries?: number;
  recordedRows?: 'auto' | 'always' | 'never';
  selector?: string;
  timeout?: number;
}

export interface GnomonSecrets {
  prometheusBearerToken?: string;
  gnomonBearerToken?: string;
  gnomonBasicAuthPassword?: string;
}
