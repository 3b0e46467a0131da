// Words in English and Russian: which language, and a text by key with its numbers in the right plural form.
// Must not hold texts of its own: each face brings its tables, and both languages have the same keys by type.

export type Lang = 'en' | 'ru';
export type Text = string | { one: string; few?: string; many?: string; other: string };
export type Words<K extends string> = Record<K, Text>;

const STORED = 'lc-lang';
export const languages: Record<Lang, string> = { en: 'English', ru: 'Русский' };

function remembered(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null; // storage may be switched off
  }
}

function firstLang(): Lang {
  const asked = [new URLSearchParams(location.search).get('lang'), remembered(), ...navigator.languages];
  for (const one of asked) {
    const lang = one?.slice(0, 2).toLowerCase();
    if (lang === 'en' || lang === 'ru') return lang;
  }
  return 'en';
}

const state = $state<{ lang: Lang }>({ lang: firstLang() });
document.documentElement.lang = state.lang;

export function lang(): Lang {
  return state.lang;
}

/** The language as the reader's browser writes dates and numbers in it: en-GB where that is asked for, not just en. */
export function locale(): string {
  return navigator.languages.find((one) => one.slice(0, 2).toLowerCase() === state.lang) ?? state.lang;
}

export function setLang(next: Lang): void {
  state.lang = next;
  document.documentElement.lang = next;
  try {
    localStorage.setItem(STORED, next);
  } catch {
    // then for this page only
  }
}

const plurals: Partial<Record<Lang, Intl.PluralRules>> = {}; // dear to make

export function fill(text: Text, values: Record<string, string | number> = {}, language: Lang = state.lang): string {
  let chosen: string;
  if (typeof text === 'string') {
    chosen = text;
  } else {
    const form = (plurals[language] ??= new Intl.PluralRules(language)).select(Number(values.n ?? 0));
    chosen = (text as Record<string, string | undefined>)[form] ?? text.other;
  }
  return chosen.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? new Intl.NumberFormat(language).format(value) : value;
  });
}

export function translator<K extends string>(tables: Record<Lang, Words<K>>) {
  return (key: K, values?: Record<string, string | number>): string => fill(tables[state.lang][key], values);
}
