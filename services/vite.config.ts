// Both faces' builds: FACE names the service. Hashed names, no inline script or style, no addresses but our own.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { plainPages } from './upload-gw/web/plain';

const here = fileURLToPath(new URL('.', import.meta.url));
const faces: Record<string, { assets: string; pages: string[]; proxy: string }> = {
  'upload-gw': { assets: 'u/assets', pages: ['page.html'], proxy: 'http://127.0.0.1:8080' },
  'admin-api': { assets: 'assets', pages: ['index.html'], proxy: 'http://127.0.0.1:8081' },
};
const name = process.env.FACE ?? 'admin-api';
const face = faces[name];
if (!face) throw new Error(`FACE=${name}: give one of ${Object.keys(faces).join(', ')}`);
const root = resolve(here, name, 'web');

export default defineConfig({
  root,
  plugins: [svelte({ configFile: resolve(here, 'svelte.config.js') }), plainPages()],
  resolve: { dedupe: ['svelte'] },
  css: { preprocessorOptions: { scss: { loadPaths: [resolve(here, 'node_modules')], quietDeps: true } } },
  build: {
    outDir: process.env.OUT ? resolve(process.env.OUT) : resolve(here, 'dist', name),
    assetsDir: face.assets,
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rollupOptions: { input: face.pages.map((page) => resolve(root, page)) },
  },
  server: { proxy: { '/api': face.proxy, '/archives/download': face.proxy } },
});
