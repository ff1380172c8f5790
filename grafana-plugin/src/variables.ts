import { CustomVariableSupport, DataQueryRequest, DataQueryResponse } from '@grafana/data';
import { from, map, Observable } from 'rxjs';
import { VariableQueryEditor } from './components/VariableQueryEditor';
import type { GnomonDatasource } from './datasource';
import { VariableQuery } from './types';

/** Dashboard variables: lists of names, each narrowed by those before it. */
export class GnomonVariables extends CustomVariableSupport<GnomonDatasource, VariableQuery> {
  editor = VariableQueryEditor;

  constructor(private readonly datasource: GnomonDatasource) {
    super();
  }

  query(request: DataQueryRequest<VariableQuery>): Observable<DataQueryResponse> {
    const [target] = request.targets;
    return from(this.datasource.names(target, request.scopedVars)).pipe(
      map((names) => ({ data: names.map((text) => ({ text, value: text })) }))
    );
  }
}
