// What the gateway tells of a token, and what its refusals mean to a customer. Talks to the gateway, draws nothing.
import { isKeptAs } from './names';
import type { Key } from './words';

export interface Receipt {
  upload_id: string;
  name?: string;
  size: number;
  sha256: string;
  time_create?: string;
}

export interface Status {
  number: number;
  product?: string;
  attempts: number;
  maxBytes: number; // of one upload; 0: not told
  resolved: boolean;
  expiresAt: string | null;
  now: number; // by the gateway's clock: the customer's may be wrong
  receipts: Receipt[];
}

export interface Trouble {
  key: Key;
  values?: Record<string, string | number>;
  retry: boolean; // it may go away by itself
}

export interface Refusal {
  status: number; // 0: no answer at all
  code?: string;
  detail?: string;
}

const BY_CODE: Record<string, [Key, boolean]> = {
  attempts_in_use: ['err_in_use', true],
  upload_held: ['waiting', true],
  upload_taken: ['err_taken', false],
  expired: ['err_closed', false],
  ticket_gone: ['err_gone', false],
  name_too_long: ['err_name', false],
  name_missing: ['err_name', false],
};

const BY_STATUS: Record<number, [Key, boolean]> = {
  0: ['waiting', true],
  400: ['err_bad', false],
  401: ['err_unknown', false],
  403: ['err_unknown', false],
  404: ['err_unknown', false],
  408: ['waiting', true],
  409: ['waiting', true],
  410: ['err_gone', false],
  413: ['err_too_large', false],
  423: ['err_closed', false],
  429: ['err_rate', false],
  460: ['waiting', true],
  500: ['waiting', true],
  502: ['waiting', true],
  503: ['waiting', true],
  504: ['waiting', true],
  507: ['err_no_space', false],
};

export function troubleOf(refusal: Refusal): Trouble {
  const detail = refusal.detail ?? '';
  const resolved = /^ticket (\S+) already resolved/.exec(detail);
  if (resolved) return { key: 'err_resolved', values: { number: resolved[1] ?? '' }, retry: false };
  if (refusal.status === 400 && detail === 'Bad Request') return { key: 'err_name', retry: false }; // all it can be about here
  const [key, retry] = BY_CODE[refusal.code ?? ''] ?? BY_STATUS[refusal.status] ?? ['err_other', false];
  const values: Record<string, string | number> = { detail: detail || String(refusal.status) };
  const limit = /(\d+) bytes/.exec(detail);
  if (limit) values.limit = Number(limit[1]);
  return { key: key === 'err_too_large' && !limit ? 'err_too_large_on_the_way' : key, values, retry };
}

/** The token in the shapes people paste it in, or null. */
export function tokenIn(text: string): string | null {
  const found = /(?:^|[^0-9a-f])([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})(?![0-9a-f])/i.exec(text);
  if (!found?.[1]) return null;
  const hex = found[1].replaceAll('-', '').toLowerCase();
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** What an address has where the token belongs, should it be none. */
export function typedIn(place: { hash: string; pathname: string; search: string }): string {
  const path = place.pathname.startsWith('/u/') ? place.pathname.slice(3) : '';
  const given = place.hash.slice(1) || path || (new URLSearchParams(place.search).get('token') ?? '');
  try {
    return decodeURIComponent(given);
  } catch {
    return given;
  }
}

/** Why there is no token in what was given, in the words of its key. */
export function faultOf(text: string): { key: Key; count: number } {
  const part = text.replace(/[\s/]+$/, '').replace(/^.*[\s/#=]/s, '');
  const key = !/^[0-9a-f-]+$/i.test(part) || part.length === 36 ? 'token_bad' : part.length < 36 ? 'token_short' : 'token_long';
  return { key, count: part.length };
}

/** The receipt of what was probably this file. */
export function sentBefore(receipts: Receipt[], name: string, size: number): Receipt | undefined {
  return receipts.find((receipt) => receipt.size === size && isKeptAs(receipt.name ?? '', name));
}

export async function refusalOf(answer: Response): Promise<Refusal> {
  try {
    const body = (await answer.json()) as { code?: string; detail?: string };
    return { status: answer.status, code: body.code, detail: body.detail };
  } catch {
    return { status: answer.status };
  }
}

export async function loadStatus(token: string): Promise<Status | Trouble> {
  let answer: Response;
  try {
    answer = await fetch(`/u/${token}`, { headers: { Accept: 'application/json' }, credentials: 'omit', cache: 'no-store' });
  } catch {
    return { key: 'err_offline', retry: true };
  }
  if (!answer.ok) {
    const trouble = troubleOf(await refusalOf(answer));
    return trouble.key === 'waiting' ? { key: 'err_unavailable', retry: true } : trouble;
  }
  if (!answer.headers.get('Content-Type')?.startsWith('application/json')) return { key: 'err_unavailable', retry: true };
  const body = await answer.json();
  return {
    number: body.ticket,
    product: body.platform,
    attempts: body.attempts,
    maxBytes: body.max_bytes ?? 0,
    resolved: body.resolved,
    expiresAt: body.expires_at,
    now: Date.parse(answer.headers.get('Date') ?? '') || Date.now(),
    receipts: body.archives,
  };
}

/** Ends an unfinished upload, if it can be told: else it expires by itself. */
export async function giveUp(token: string, upload: string): Promise<void> {
  const headers = { 'Upload-Token': token, 'Tus-Resumable': '1.0.0' };
  await fetch(`/api/v1/uploads/${upload}`, { method: 'DELETE', headers, credentials: 'omit', keepalive: true }).catch(() => undefined);
}
