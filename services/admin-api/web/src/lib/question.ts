// What a list asks of the API: one address has one question, whether its page is there already or not.
import { askAhead, search } from './api';
import { path, query } from './router.svelte';

// Of cards, which rows become on a phone, fewer are enough to scroll through.
const PAGE_SIZE = matchMedia('(max-width: 36rem)').matches ? 20 : 50;

const MOST_PAGES = 1e9; // what the address may ask for; the API counts in 64 bits

export type Filters = Record<string, string | undefined>;

export function pageNumber(): number {
  const asked = Math.trunc(Number(query().get('page')));
  return asked >= 1 && asked <= MOST_PAGES ? asked : 1;
}

export function question(of: string, filters: Filters, size: number): string {
  return `${of}/?${search({ limit: size, offset: (pageNumber() - 1) * size, ...filters })}`;
}

/** What is typed looks like parts of numbers, or else is looked for in the notes. */
function searched(text: string): Filters {
  return /^[-\d\s,]*$/.test(text) ? { search: text || undefined } : { note: text };
}

export const tickets = {
  size: PAGE_SIZE,
  filters: (platform: string): Filters => ({
    ...searched(query().get('search') ?? ''),
    resolved: query().get('resolved') ?? undefined,
    user: query().get('user') ?? undefined,
    platform: platform || (query().get('platform') ?? undefined),
    ordering: query().get('ordering') ?? undefined,
  }),
};

/** At the start of the panel: its requests need not wait for each other. */
export function askFirst(): void {
  const list = path() === '/' || path() === '/tickets/' ? [question('tickets', tickets.filters(''), tickets.size)] : [];
  askAhead(['auth/session/', ...list, 'platforms/', 'check/site/']);
}
