// Short messages that a screen reader hears and a sighted reader sees in a corner.

export interface Notice {
  id: number;
  text: string;
  bad: boolean;
}

const SHOWN_MS = 6000;
const state = $state<{ list: Notice[] }>({ list: [] });
let last = 0;

export function notices(): Notice[] {
  return state.list;
}

/** Gives the number that dismiss() takes. */
export function tell(text: string, bad = false): number {
  const notice = { id: ++last, text, bad };
  state.list = [...state.list.slice(-3), notice];
  if (!bad) setTimeout(() => dismiss(notice.id), SHOWN_MS);
  return notice.id;
}

export function dismiss(id: number): void {
  state.list = state.list.filter((notice) => notice.id !== id);
}
