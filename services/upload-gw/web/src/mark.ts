// What the page itself remembers of an upload under way, for a reload in its first moments: Uppy's record is written
// later than sending begins. Kept under a name that does not give the token away; must not hold more than is listed here.

export interface Mark {
  file: string; // Uppy's id of the file
  name: string;
  size: number;
  upload: string; // the gateway's id of it; empty until it has one
  going: boolean; // false: the reader paused it, or it was refused
  time: number;
}

const KEPT_MS = 24 * 60 * 60 * 1000; // as long as the gateway and Uppy keep what is unfinished

export function writeMark(place: string, mark: Omit<Mark, 'time'>): void {
  try {
    localStorage.setItem(place, JSON.stringify({ ...mark, time: Date.now() }));
  } catch {
    // storage is switched off or full: then a reload asks
  }
}

export function readMark(place: string): Mark | null {
  try {
    const mark = JSON.parse(localStorage.getItem(place) ?? 'null') as Mark | null;
    return mark && Date.now() - mark.time < KEPT_MS ? mark : null;
  } catch {
    return null;
  }
}

export function dropMark(place: string): void {
  try {
    localStorage.removeItem(place);
  } catch {
    // then there was none
  }
}

/** What tus keeps of an upload that arrived without its hearing so: else the file chosen again would not be sent. */
export function dropResumption(upload: string): void {
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith('tus::') && localStorage.getItem(key)?.includes(`/${upload}"`)) localStorage.removeItem(key);
    }
  } catch {
    // then there is nothing to go on with
  }
}
