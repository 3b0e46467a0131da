// What the gateway tells of a token, and what its refusals mean to a customer. Talks to the gateway, draws nothing.
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
  resolved: boolean;
  expiresAt: string | null;
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
  expired: ['err_expired', false],
  ticket_gone: ['err_gone', false],
  name_too_long: ['err_name', false],
  name_missing: ['err_name', false],
};

const BY_STATUS: Record<number, [Key, boolean]> = {
  0: ['waiting', true],
  401: ['err_unknown', false],
  403: ['err_unknown', false],
  404: ['err_unknown', false],
  408: ['waiting', true],
  409: ['waiting', true],
  410: ['err_gone', false],
  413: ['err_too_large', false],
  423: ['err_expired', false],
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
  const [key, retry] = BY_CODE[refusal.code ?? ''] ?? BY_STATUS[refusal.status] ?? ['err_other', false];
  const values: Record<string, string | number> = { detail: detail || String(refusal.status) };
  const limit = /(\d+) bytes/.exec(detail);
  if (limit) values.limit = Number(limit[1]);
  return { key, values, retry };
}

/** The token in the shapes people paste it in, or null. */
export function tokenIn(text: string): string | null {
  const found = /[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}/i.exec(text);
  if (!found) return null;
  const hex = found[0].replaceAll('-', '').toLowerCase();
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
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
    resolved: body.resolved,
    expiresAt: body.expires_at,
    receipts: body.archives,
  };
}
