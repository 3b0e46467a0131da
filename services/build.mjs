// Builds both faces into OUT/upload-gw and OUT/admin-api: node build.mjs OUT; --check looks at their types. Does only what changed sources ask for:
// packages are kept by the lock file's hash, results by the sources'. Must run on plain Node 18 before anything is installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const here = fileURLToPath(new URL('.', import.meta.url));
const modules = join(here, 'node_modules');
const faces = ['upload-gw', 'admin-api'];
const UPLOADER = '../deploy/uploader.sh'; // the gateway hands it out beside its pages
const SOURCES = ['upload-gw/web', 'admin-api/web/src', 'admin-api/web/index.html', '../shared/web', 'package.json', 'package-lock.json', '.npmrc', 'vite.config.ts', 'svelte.config.js', 'tsconfig.json', 'build.mjs', UPLOADER];
const PACKABLE = /\.(js|css|html|svg)$/;

function filesUnder(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).sort().flatMap((name) => filesUnder(join(path, name)));
}

function hashOf(paths) {
  const hash = createHash('sha256');
  for (const file of paths.flatMap((path) => filesUnder(join(here, path)))) {
    hash.update(`${relative(here, file)}\0`).update(createHash('sha256').update(readFileSync(file)).digest());
  }
  return hash.digest('hex');
}

function run(command, args, env = {}) {
  const done = spawnSync(command, args, { cwd: here, env: { ...process.env, ...env }, encoding: 'utf8' });
  if (done.error || done.status !== 0) {
    process.stderr.write(`${done.stdout ?? ''}${done.stderr ?? ''}${command} ${args.join(' ')} failed${done.error ? `: ${done.error.message}` : ''}\n`);
    process.exit(1);
  }
}

function isStamped(directory, stamp) {
  const file = join(directory, '.stamp');
  return existsSync(file) && readFileSync(file, 'utf8') === stamp;
}

function installPackages() {
  const stamp = hashOf(['package.json', 'package-lock.json']);
  if (isStamped(modules, stamp)) return;
  // No package of ours needs its install script: esbuild's program comes as a package of its own.
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
  writeFileSync(join(modules, '.stamp'), stamp);
}

function compress(directory) {
  for (const file of filesUnder(directory).filter((name) => PACKABLE.test(name))) {
    const bytes = readFileSync(file);
    const packed = {
      gz: gzipSync(bytes, { level: 9 }),
      br: brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
    };
    for (const [suffix, content] of Object.entries(packed)) {
      if (content.length < bytes.length) writeFileSync(`${file}.${suffix}`, content);
    }
  }
}

function replace(target, source) {
  const next = `${target}.${process.pid}`;
  rmSync(next, { recursive: true, force: true });
  cpSync(source, next, { recursive: true });
  rmSync(target, { recursive: true, force: true });
  renameSync(next, target);
}

if (process.argv.length !== 3) {
  process.stderr.write('usage: node build.mjs OUT | --check\n');
  process.exit(2);
}
if (process.argv[2] === '--check') {
  installPackages();
  run(process.execPath, [join(modules, 'svelte-check', 'bin', 'svelte-check'), '--tsconfig', './tsconfig.json', '--fail-on-warnings']);
  process.exit(0);
}
const out = resolve(process.argv[2]);
const stamp = hashOf(SOURCES);
if (!isStamped(out, stamp)) {
  installPackages();
  const kept = join(modules, '.cache', 'lc-web');
  if (!isStamped(kept, stamp)) {
    for (const face of faces) {
      run(process.execPath, [join(modules, 'vite', 'bin', 'vite.js'), 'build', '--logLevel', 'warn'], { FACE: face, OUT: join(kept, face), NODE_ENV: 'production' });
      compress(join(kept, face));
    }
    cpSync(join(here, UPLOADER), join(kept, 'upload-gw', 'uploader.sh'));
    writeFileSync(join(kept, '.stamp'), stamp);
  }
  mkdirSync(out, { recursive: true });
  for (const face of faces) replace(join(out, face), join(kept, face));
  writeFileSync(join(out, '.stamp'), stamp);
}
