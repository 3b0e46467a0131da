// The upload page's texts; those of its pages without JavaScript are in plain.ts.
import { translator } from '../../../../../shared/web/i18n.svelte';
import { en } from './en';
import { ru } from './ru';

export type Key = keyof typeof en;
export const t = translator<Key>({ en, ru });
