// The panel's texts in the page's language.
import { translator, type Text } from '../../../../../shared/web/i18n.svelte';
import { en } from './en';
import { ru } from './ru';

export type Key = keyof typeof en;
export const t = translator<Key>({ en: en as Record<Key, Text>, ru });
