// Requests to /api/v1/ with the session's cookie. A session that has ended is asked for anew and the request goes on:
// nobody loses what they typed. Must not draw.

export interface Account {
  id: number;
  username: string;
  email: string;
  first_name: string;
  last_name: string;
  is_staff: boolean;
  is_superuser: boolean;
  has_totp: boolean;
  passed_2fa: boolean;
  backup_codes_left: number;
  time_create: string;
  last_login: string | null;
}
export interface Session {
  user: Account;
  passed_2fa: boolean;
  enrolment_required: boolean;
}
export interface Page<T> {
  count: number;
  results: T[];
}
export interface Platform {
  id: number;
  name: string;
  pretty_name: string;
  max_bytes?: number | null;
  retention_all?: number | null; // seconds
  retention_resolved?: number | null;
}
export interface Webhook {
  id: number;
  platform: string;
  url: string;
  events: string[];
  enabled: boolean;
  failures: number;
  secret?: string; // in the answer that made it, never again
}
export interface Delivery {
  id: number;
  webhook: number;
  event: string;
  state: 'pending' | 'delivered' | 'failed';
  attempts: number;
  status: number | null;
  error: string;
  time_create: string;
  time_next: string | null;
  time_done: string | null;
}
export interface Ticket {
  id: number;
  number: number;
  resolved: boolean;
  token: string | null;
  attempts: number;
  platform: string;
  time_create: string;
  time_update: string;
  user: string | null;
  note: string;
  expires_at: string | null;
  max_bytes: number | null;
  archive_count?: number;
  archive_bytes?: number;
  last_archive?: string | null;
}
export interface Archive {
  id: number;
  file: string;
  ticket: number;
  time_create: string;
  name: string;
  size: number;
  sha256: string;
  scan: 'pending' | 'clean' | 'infected' | 'skipped';
  scan_signature?: string;
}
export interface Upload {
  upload_id: string;
  name: string | null;
  client: string | null;
  bytes: number;
  length: number | null;
  time_start: string | null;
  age: number | null; // seconds
  rate: number | null; // bytes per second
}

export type FieldErrors = Record<string, string[]>;

/** A refusal: `detail` for people, `fields` for forms. status 0: no answer. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
    readonly code: string = '',
    readonly fields: FieldErrors = {},
  ) {
    super(detail);
  }
}

type Relogin = () => Promise<boolean>;
let relogin: Relogin = () => Promise.resolve(false);

export function onSessionEnd(handler: Relogin): void {
  relogin = handler;
}

function csrfToken(): string {
  return /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1] ?? '';
}

async function errorOf(answer: Response): Promise<ApiError> {
  let body: Record<string, unknown>;
  try {
    body = (await answer.json()) as Record<string, unknown>;
  } catch {
    return new ApiError(answer.status, `${answer.status} ${answer.statusText}`.trim());
  }
  const fields: FieldErrors = {};
  for (const [name, value] of Object.entries(body)) if (Array.isArray(value)) fields[name] = value.map(String);
  const detail = typeof body.detail === 'string' ? body.detail : (fields.non_field_errors?.join(' ') ?? '');
  return new ApiError(answer.status, detail, typeof body.code === 'string' ? body.code : '', fields);
}

async function send(method: string, path: string, body?: unknown): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (method !== 'GET') headers['X-CSRFToken'] = decodeURIComponent(csrfToken());
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  try {
    return await fetch(`/api/v1/${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin',
      cache: 'no-store',
    });
  } catch {
    throw new ApiError(0, '');
  }
}

const AHEAD_MS = 10_000; // from the navigation: later, what nobody took is old
const ahead = new Map<string, Promise<Response | null>>();

/** Asked before the page that will want them is there. Without a session nothing is asked, and no refusal is kept. */
export function askAhead(paths: string[]): void {
  if (!csrfToken()) return;
  for (const path of paths) ahead.set(path, send('GET', path).then((answer) => (answer.ok ? answer : null), () => null));
}
async function takeAhead(path: string): Promise<Response | null> {
  const answer = ahead.get(path);
  ahead.delete(path);
  return answer && performance.now() < AHEAD_MS ? answer : null;
}

async function request<T>(method: string, path: string, body?: unknown, patient = true): Promise<T> {
  const answer = (method === 'GET' ? await takeAhead(path) : null) ?? (await send(method, path, body));
  if (answer.ok) return (answer.status === 204 ? undefined : await answer.json()) as T;
  const error = await errorOf(answer);
  const ended = answer.status === 401 || (answer.status === 403 && error.detail.startsWith('CSRF'));
  if (ended && patient && (await relogin())) return request<T>(method, path, body, false);
  throw error;
}

export const api = {
  get: <T>(path: string) => request<T>('GET', path),
  post: <T>(path: string, body: unknown = {}) => request<T>('POST', path, body),
  patch: <T>(path: string, body: unknown) => request<T>('PATCH', path, body),
  delete: (path: string, body?: unknown) => request<void>('DELETE', path, body),
  /** These say themselves that nobody is logged in. */
  session: () => request<Session>('GET', 'auth/session/', undefined, false),
  login: (body: { username: string; password: string; otp?: string }) => request<Session>('POST', 'auth/session/', body, false),
  logout: () => request<void>('DELETE', 'auth/session/', undefined, false),
};

export function search(params: Record<string, string | number | undefined>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) if (value !== undefined && value !== '') query.set(key, String(value));
  return query.toString();
}
