// Why customers can send nothing to a ticket. All that stands in the way, so that it can be taken away.
import { isPast } from '../../../../../shared/web/format.svelte';
import type { Ticket } from './api';

export type Obstacle = 'resolved' | 'over' | 'spent';

export function obstacles({ resolved, expires_at, attempts }: Ticket): Obstacle[] {
  const found: Obstacle[] = [];
  if (resolved) found.push('resolved');
  if (isPast(expires_at)) found.push('over');
  if (attempts <= 0) found.push('spent');
  return found;
}
