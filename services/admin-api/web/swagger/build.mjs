// Puts Swagger UI into OUT, admin-api's directory of pages: node build.mjs OUT. The packages are those of the lock file
// and kept by its hash; the assets' directory is named by the hash of all that is in it, so that they may be cached for good.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const here = fileURLToPath(new URL('.', import.meta.url));
const dist = join(here, 'node_modules', 'swagger-ui-dist');

function hashOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(createHash('sha256').update(readFileSync(path)).digest());
  return hash.digest('hex');
}

function installPackages() {
  const stamp = hashOf(['package.json', 'package-lock.json'].map((name) => join(here, name)));
  const file = join(here, 'node_modules', '.stamp');
  if (existsSync(file) && readFileSync(file, 'utf8') === stamp) return;
  const done = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: here, encoding: 'utf8' });
  if (done.error || done.status !== 0) {
    process.stderr.write(`${done.stdout ?? ''}${done.stderr ?? ''}npm ci failed${done.error ? `: ${done.error.message}` : ''}\n`);
    process.exit(1);
  }
  writeFileSync(file, stamp);
}

function write(path, bytes) {
  writeFileSync(path, bytes);
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  writeFileSync(`${path}.br`, brotliCompressSync(bytes));
}

if (process.argv.length !== 3) {
  process.stderr.write('usage: node build.mjs OUT\n');
  process.exit(2);
}
const out = resolve(process.argv[2]);
installPackages();
const sources = [join(dist, 'swagger-ui.css'), join(dist, 'swagger-ui-bundle.js'), join(here, 'start.js')];
const page = join(here, 'swagger.html');
const name = `swagger-${hashOf([...sources, page, join(here, 'build.mjs')]).slice(0, 12)}`;
const assets = join(out, 'assets');
if (!existsSync(join(out, 'swagger.html')) || !existsSync(join(assets, name, 'start.js.br'))) {
  mkdirSync(assets, { recursive: true });
  for (const old of readdirSync(assets)) if (old.startsWith('swagger-')) rmSync(join(assets, old), { recursive: true });
  mkdirSync(join(assets, name));
  for (const source of sources) {
    // The map that the bundles name is not shipped.
    const text = readFileSync(source, 'utf8').replace(/\n(\/\/|\/\*)# sourceMappingURL=[^\n]*/, '');
    write(join(assets, name, source.slice(source.lastIndexOf('/') + 1)), text);
  }
  writeFileSync(join(assets, name, 'LICENSE.txt'), readFileSync(join(dist, 'LICENSE')));
  write(join(out, 'swagger.html'), readFileSync(page, 'utf8').replaceAll('/assets/swagger/', `/assets/${name}/`));
}
