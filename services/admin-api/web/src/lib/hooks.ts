// What web hooks tell and how it went, in words.
import type { Delivery } from './api';
import { t, type Key } from '../words';

const NAMES: Record<string, Key> = {
  'archive.received': 'event_received', 'archive.expired': 'event_expired', 'ticket.resolved': 'event_resolved', 'webhook.test': 'event_test',
};
export const STATES: Record<Delivery['state'], Key> = { pending: 'delivery_pending', delivered: 'delivery_delivered', failed: 'delivery_failed' };
export const EVENTS = ['archive.received', 'archive.expired', 'ticket.resolved'];

export function eventName(event: string): string {
  const key = NAMES[event];
  return key ? t(key) : event;
}

/** The receiver's answer, or why there was none. */
export function outcome({ status, error, state }: Delivery): string {
  if (state === 'delivered') return t('delivery_good', { status: String(status ?? '') });
  const redirected = status !== null && status >= 300 && status < 400; // then the error says what to do
  return status !== null && !redirected ? t('delivery_refused', { status: String(status) }) : error || t('delivery_pending');
}
