// The address bar is the state: which page, and its query. Links stay links; nothing here knows what pages show.

const place = $state({ path: location.pathname, query: location.search });
const guards = new Set<() => boolean>();
const numberOf = (state: unknown) => (state as { at?: number } | null)?.at;
let at = numberOf(history.state) ?? 0; // each entry of the history has a number: a step is taken back by the difference
history.replaceState({ at }, '');

function read(): void {
  place.path = location.pathname;
  place.query = location.search;
}

/** The browser has stepped already, back or forward: a step that is refused is taken back. */
function onStep(event: PopStateEvent): void {
  let to = numberOf(event.state);
  if (to === undefined) {
    to = ++at; // a fragment of this page
    history.replaceState({ at }, '');
  }
  if (to !== at && isRefused()) return history.go(at - to);
  at = to;
  read();
}
window.addEventListener('popstate', onStep);

function isRefused(): boolean {
  return [...guards].some((stays) => stays());
}

export function path(): string {
  return place.path;
}

export function query(): URLSearchParams {
  return new URLSearchParams(place.query);
}

export function go(address: string, replace = false): void {
  if (!replace && isRefused()) return;
  if (!replace) at += 1;
  history[replace ? 'replaceState' : 'pushState']({ at }, '', address);
  read();
  if (!replace) window.scrollTo(0, 0);
}

/** The present address with some of its query changed; an empty value leaves the query. */
export function withQuery(changes: Record<string, string | null>, base = place.path): string {
  const next = new URLSearchParams(place.query);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === '') next.delete(key);
    else next.set(key, value);
  }
  const text = next.toString();
  return text === '' ? base : `${base}?${text}`;
}

/** While `stays` says true, a form has unsaved text: leaving asks first. Gives its own undoing. */
export function guard(stays: () => boolean): () => void {
  guards.add(stays);
  return () => guards.delete(stays);
}

/** For one handler on the document: plain clicks on our own links need no reload. */
export function onLinkClick(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element | null)?.closest('a');
  if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
  if (/^\/(archives|u|api)\//.test(link.pathname) || (link.hash && link.pathname === location.pathname)) return;
  event.preventDefault();
  go(link.pathname + link.search);
}

export type Params = Record<string, string>;

/** "/tickets/show/:platform/:number/" against a path; null: does not match. */
export function match(pattern: string, address: string): Params | null {
  const wanted = pattern.split('/').filter(Boolean);
  const given = address.split('/').filter(Boolean);
  if (wanted.length !== given.length) return null;
  const params: Params = {};
  for (const [i, part] of wanted.entries()) {
    const value = given[i] ?? '';
    if (part.startsWith(':')) {
      try {
        params[part.slice(1)] = decodeURIComponent(value);
      } catch {
        return null;
      }
    } else if (part !== value) {
      return null;
    }
  }
  return params;
}
