// What was dropped or chosen, as a flat list of files with their paths. Reads folders, of contents at most a byte.
import type { Entry } from './tar';
import type { Key } from './words';

const MOST_FILES = 20000;

/** What cannot be sent as it was chosen. */
export class Unfit extends Error {
  constructor(readonly key: Key) {
    super(key);
  }
}

function fit(found: Entry[]): Entry[] {
  if (found.length === 0) throw new Unfit('err_empty');
  if (found.length > MOST_FILES) throw new Unfit('err_too_many');
  return found;
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

function some(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject));
}

async function walk(root: FileSystemEntry, into: Entry[]): Promise<void> {
  const waiting = [root];
  while (waiting.length > 0) {
    const entry = waiting.shift() as FileSystemEntry;
    if (into.length > MOST_FILES) return;
    if (entry.isFile) {
      into.push({ path: entry.fullPath.replace(/^\//, ''), file: await fileOf(entry as FileSystemFileEntry) });
    } else {
      const reader = (entry as FileSystemDirectoryEntry).createReader();
      // A reader gives a hundred at a time; the empty answer ends it.
      for (let batch = await some(reader); batch.length > 0; batch = await some(reader)) waiting.push(...batch);
    }
  }
}

export async function dropped(data: DataTransfer): Promise<Entry[]> {
  // Entries are gone after the first await: take them all now.
  const roots = [...data.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (roots.length === 0) return chosen(data.files);
  const found: Entry[] = [];
  for (const root of roots) await walk(root, found);
  return fit(found);
}

export function chosen(files: FileList | null): Entry[] {
  return fit([...(files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file })));
}

/** A file that was changed since it was chosen cannot be read any more. */
export async function isReadable(file: Blob): Promise<boolean> {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
