// A small web site of its own origin, so that every request for media crosses origins.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const files = {
  '/': ['page/index.html', 'text/html'],
  '/page.css': ['page/page.css', 'text/css'],
  '/shaka.js': ['page/shaka.js', 'text/javascript'],
  '/hlsjs.js': ['page/hlsjs.js', 'text/javascript'],
  '/dashjs.js': ['page/dashjs.js', 'text/javascript'],
  '/vendor/shaka.js': ['node_modules/shaka-player/dist/shaka-player.compiled.js', 'text/javascript'],
  '/vendor/hls.mjs': ['node_modules/hls.js/dist/hls.min.mjs', 'text/javascript'],
  '/vendor/dash.js': ['node_modules/dashjs/dist/modern/umd/dash.all.min.js', 'text/javascript'],
  '/vendor/mss.js': ['node_modules/dashjs/dist/modern/umd/dash.mss.min.js', 'text/javascript'],
};

/** Starts the site and returns { origin, close }. */
export async function startSite() {
  const server = createServer(async (request, response) => {
    const [path, type] = files[new URL(request.url, 'http://site').pathname] ?? [];
    if (!path) return response.writeHead(204).end();
    response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(await readFile(here(path)));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
