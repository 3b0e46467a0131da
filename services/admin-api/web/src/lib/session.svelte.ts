// Who is logged in, and the promise a request waits for while somebody logs in anew.
import { api, ApiError, onSessionEnd, type Session } from './api';

const state = $state<{ session: Session | null; known: boolean; asking: boolean }>({ session: null, known: false, asking: false });
let waiting: ((again: boolean) => void)[] = [];

export function session(): Session | null {
  return state.session;
}
export function isKnown(): boolean {
  return state.known;
}
export function isAsking(): boolean {
  return state.asking;
}

export async function load(): Promise<void> {
  try {
    state.session = await api.session();
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error;
    state.session = null;
  }
  state.known = true;
}

export function begun(session: Session): void {
  const other = state.session !== null && state.session.user.username !== session.user.username;
  state.session = session;
  state.known = true;
  if (other) {
    location.reload(); // another person: nothing of the first may stay on the screen
    return;
  }
  settle(true);
}

export async function end(): Promise<void> {
  await api.logout().catch(() => undefined);
  state.session = null;
}

export function giveUp(): void {
  settle(false);
}

function settle(again: boolean): void {
  state.asking = false;
  for (const resolve of waiting) resolve(again);
  waiting = [];
}

onSessionEnd(() => {
  if (!state.session) return Promise.resolve(false); // the login page is there already
  state.asking = true;
  return new Promise((resolve) => waiting.push(resolve));
});
