// What web hooks tell and how it went, in words.
import type { Delivery } from './api';
import { t, type Key } from '../words';

const NAMES: Record<string, Key> = {
  'archive.received': 'event_received', 'archive.expired': 'event_expired', 'ticket.resolved': 'event_resolved', 'webhook.test': 'event_test',
};
export const STATES: Record<Delivery['state'], Key> = { pending: 'delivery_pending', delivered: 'delivery_delivered', failed: 'delivery_failed' };
export const EVENTS = ['archive.received', 'archive.expired', 'ticket.resolved'];

// What the service says in English when no answer came, or none that counts.
const FAILURES: [RegExp, Key][] = [
  [/resolve host/i, 'delivery_no_host'],
  [/connect to server/i, 'delivery_no_connection'],
  [/timeout/i, 'delivery_late'],
  [/SSL|certificate/, 'delivery_unsafe'],
  [/^its address (\S+) is not a public one/, 'delivery_not_public'],
  [/^it answered (\d+): redirects/, 'delivery_redirected'],
];

function failure(error: string): string {
  for (const [pattern, key] of FAILURES) {
    const found = pattern.exec(error);
    if (found) return t(key, { value: found[1] ?? '' });
  }
  return error;
}

export function eventName(event: string): string {
  const key = NAMES[event];
  return key ? t(key) : event;
}

/** The receiver's answer, or why there was none. */
export function outcome({ status, error, state }: Delivery): string {
  if (state === 'delivered') return t('delivery_good', { status: String(status ?? '') });
  const redirected = status !== null && status >= 300 && status < 400; // then the error says what to do
  return status !== null && !redirected ? t('delivery_refused', { status: String(status) }) : failure(error) || t('delivery_pending');
}
