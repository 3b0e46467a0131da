// What the malware scan says of an archive: the word and the colour of its badge.
import type { Archive } from './api';
import type { Key } from '../words';

export const SCANS: Record<Archive['scan'], [Key, string]> = {
  pending: ['scan_pending', 'text-bg-secondary'],
  clean: ['scan_clean', 'text-bg-success'],
  infected: ['scan_infected', 'text-bg-danger'],
  skipped: ['scan_skipped', 'faint'],
};
