// Several files as one tar without reading them: a Blob of headers and the files themselves.
// POSIX ustar with pax records (IEEE 1003.1 pax) for names and sizes that do not fit. Must not touch the contents.

export interface Entry {
  path: string;
  file: File;
}

const BLOCK = 512;
const MOST_OF_FOLDER = 80; // signs: the fingerprint behind them is not to be cut off
const LARGEST_USTAR = 0o77777777777;
const encoder = new TextEncoder();

function put(header: Uint8Array, at: number, length: number, text: string): void {
  header.set(encoder.encode(text).subarray(0, length), at);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

function header(name: string, size: number, mtime: number, type: '0' | 'x'): Uint8Array<ArrayBuffer> {
  const h = new Uint8Array(BLOCK);
  put(h, 0, 100, name);
  put(h, 100, 8, '0000644\0');
  put(h, 108, 8, '0000000\0');
  put(h, 116, 8, '0000000\0');
  put(h, 124, 12, `${octal(Math.min(size, LARGEST_USTAR), 11)}\0`);
  put(h, 136, 12, `${octal(Math.max(0, Math.floor(mtime / 1000)), 11)}\0`);
  put(h, 148, 8, '        ');
  put(h, 156, 1, type);
  put(h, 257, 8, 'ustar\x0000');
  const sum = h.reduce((total, byte) => total + byte, 0);
  put(h, 148, 8, `${octal(sum, 6)}\0 `);
  return h;
}

/** "LENGTH key=value\n", where LENGTH counts itself. */
function record(key: string, value: string): string {
  const rest = encoder.encode(` ${key}=${value}\n`).length;
  let length = rest + String(rest).length;
  if (String(length).length + rest !== length) length += 1;
  return `${length} ${key}=${value}\n`;
}

function padding(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}

/** A relative path without "." and ".." parts: what the archive may be unpacked to. */
export function safePath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.' && part !== '..');
  return parts.join('/') || 'file';
}

/** `name`, or where it is taken `name (2)` before its ending: unpacked, the later of two would replace the other. */
function distinct(name: string, taken: Set<string>): string {
  const [, stem = name, ending = ''] = /^(.*[^/])(\.[^./]+)$/.exec(name) ?? [];
  let free = name;
  for (let n = 2; taken.has(free.toLowerCase()); n += 1) free = `${stem} (${n})${ending}`;
  taken.add(free.toLowerCase()); // some unpack where case does not count
  return free;
}

export function tarOf(entries: Entry[]): Blob {
  const parts: BlobPart[] = [];
  const taken = new Set<string>();
  for (const { path, file } of entries) {
    const name = distinct(safePath(path), taken);
    const fits = encoder.encode(name).length <= 100 && /^[\x20-\x7e]*$/.test(name);
    const records = (fits ? '' : record('path', name)) + (file.size > LARGEST_USTAR ? record('size', String(file.size)) : '');
    if (records !== '') {
      const bytes = encoder.encode(records);
      parts.push(header('pax', bytes.length, file.lastModified, 'x'), bytes, padding(bytes.length));
    }
    const short = fits ? name : name.replace(/[^\x20-\x7e]/g, '_').slice(-100);
    parts.push(header(short, file.size, file.lastModified, '0'), file, padding(file.size));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return new Blob(parts, { type: 'application/x-tar' });
}

/** The same files give the same name, so that choosing them again goes on with the same upload. */
export function tarName(entries: Entry[]): string {
  const top = entries[0]?.path.split('/') ?? [];
  const folder = top.length > 1 && entries.every((e) => e.path.startsWith(`${top[0]}/`)) ? (top[0] ?? '') : '';
  const said = entries.map((e) => `${e.path}\0${e.file.size}\0${e.file.lastModified}`).sort().join('\0');
  return `${folder === '' ? 'logs' : [...folder].slice(0, MOST_OF_FOLDER).join('')}-${fingerprint(said)}.tar`;
}

/** FNV-1a, 32 bits: tells selections apart, no more. crypto.subtle is missing on plain HTTP. */
export function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of encoder.encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, '0');
}
