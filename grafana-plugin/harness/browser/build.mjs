// Bundles the stand-in with the plugin's own copies of the @grafana packages:
// node build.mjs OUTPUT_FOLDER
import { build } from 'esbuild';
import { dirname, join } from 'path';
import { fileURLToPath } from 'url';

const here = dirname(fileURLToPath(import.meta.url));
const plugin = join(here, '..', '..', 'node_modules');
// One copy of every package that keeps state: scenes' own require() must reach
// the same one as the host's import.
const shared = /^(@grafana\/(data|ui|runtime|schema|i18n|e2e-selectors)|react|react-dom|rxjs|@emotion\/(css|react))(\/.*)?$/;
const oneCopy = {
  name: 'one-copy',
  setup(b) {
    b.onResolve({ filter: shared }, (a) => (a.pluginData === 'again' ? undefined : b.resolve(a.path, { kind: 'import-statement', resolveDir: plugin, pluginData: 'again' })));
  },
};
await build({
  entryPoints: [join(here, 'src', 'host.tsx')],
  outfile: join(process.argv[2], 'host.js'),
  bundle: true,
  format: 'iife',
  platform: 'browser',
  jsx: 'automatic',
  logLevel: 'error',
  // Without this lodash finds SystemJS' define and registers there.
  define: { 'process.env.NODE_ENV': '"development"', global: 'window', define: 'undefined' },
  loader: { '.svg': 'dataurl', '.ttf': 'dataurl', '.woff2': 'dataurl' },
  nodePaths: [plugin],
  plugins: [oneCopy],
});
