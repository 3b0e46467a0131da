// What the gateway makes of a file's name (filename.h), so that the page can say so before and send a name of any length.
// Decides nothing: under which name a file was kept stands in its receipt.

const MOST_BYTES = 255; // of a name as it is sent
const MOST_SIGNS = 100; // of a name as it is kept
const ENDING_SIGNS = 20; // a longer ending is cut like the rest
const TAKEN = '_0000000'; // as long as what a name gets that another file has already

const encoder = new TextEncoder();

function bytes(text: string): number {
  return encoder.encode(text).length;
}

/** Letters, marks and digits of any script and "-_." are kept. */
function clean(name: string): string {
  const last = name.replace(/^.*[/\\]/s, '').replace(/^ +| +$/g, '');
  return last.replace(/\p{Zs}/gu, '_').replace(/[^\p{L}\p{M}\p{N}._-]/gu, '').normalize('NFC');
}

/** The beginning of a clean name and its ending, with room for `more` between them: no sign is cut in two. */
function parts(name: string, more = ''): [string, string] {
  const dot = name.lastIndexOf('.');
  const ending = dot > 0 && [...name.slice(dot)].length <= ENDING_SIGNS ? name.slice(dot) : '';
  let signs = MOST_SIGNS - [...ending].length - more.length;
  let room = MOST_BYTES - bytes(ending) - more.length;
  let stem = '';
  for (const sign of name.slice(0, name.length - ending.length)) {
    room -= bytes(sign);
    if (--signs < 0 || room < 0) break;
    stem += sign;
  }
  return [stem, ending];
}

/** The name it is kept under unless that is taken; empty: it has none that can be. */
export function keptName(name: string): string {
  const kept = clean(name);
  return ['', '.', '..'].includes(kept) ? '' : parts(kept).join('');
}

/** The name to send it under: its own unless the gateway refuses that for its length. */
export function sentName(name: string): string {
  return bytes(name) <= MOST_BYTES ? name : keptName(name);
}

export function isCut(name: string): boolean {
  return clean(name) !== keptName(name);
}

/** Could `kept` be what became of `name`? */
export function isKeptAs(kept: string, name: string): boolean {
  const [stem, ending] = parts(clean(name), TAKEN);
  const isSuffixed = kept.startsWith(`${stem}_`) && kept.endsWith(ending) && kept.length === stem.length + TAKEN.length + ending.length;
  return kept === keptName(name) || isSuffixed;
}
