// Sizes, times and durations by Intl in the page's language. Must not know what the values mean.
import { locale } from './i18n.svelte';

// Making a formatter costs more than a hundred uses of one, and a list has hundreds of cells.
const made = new Map<string, unknown>();

function once<F>(kind: string, options: object, make: () => F): F {
  const key = `${kind} ${locale()} ${JSON.stringify(options)}`;
  if (!made.has(key)) made.set(key, make());
  return made.get(key) as F;
}

export function numbers(options: Intl.NumberFormatOptions = {}): Intl.NumberFormat {
  return once('number', options, () => new Intl.NumberFormat(locale(), options));
}

function times(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return once('time', options, () => new Intl.DateTimeFormat(locale(), options));
}

function distances(options: Intl.RelativeTimeFormatOptions): Intl.RelativeTimeFormat {
  return once('distance', options, () => new Intl.RelativeTimeFormat(locale(), options));
}

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'] as const;

export function size(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return numbers({
    style: 'unit',
    unit: UNITS[unit],
    unitDisplay: unit === 0 ? 'long' : 'short',
    maximumFractionDigits: digits,
  }).format(value);
}

export function rate(bytesPerSecond: number): string {
  return `${size(bytesPerSecond)}/${numbers({ style: 'unit', unit: 'second', unitDisplay: 'narrow' })
    .formatToParts(1)
    .filter((part) => part.type === 'unit')
    .map((part) => part.value)
    .join('')}`;
}

export function number(value: number): string {
  return numbers().format(value);
}

export function percent(share: number): string {
  return numbers({ style: 'percent', maximumFractionDigits: 0 }).format(share);
}

/** "2 h 5 min": the two largest units of a duration in seconds. */
export function duration(seconds: number): string {
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];
  const said: string[] = [];
  let left = Math.max(0, Math.round(seconds));
  for (const [unit, length] of steps) {
    const count = Math.floor(left / length);
    if (count === 0 && (said.length > 0 || unit !== 'second')) continue;
    said.push(numbers({ style: 'unit', unit, unitDisplay: 'short' }).format(count));
    left -= count * length;
    if (said.length === 2) break;
  }
  return said.join(' ');
}

/** `medium` has seconds. */
export function dateTime(iso: string | number, timeStyle: 'short' | 'medium' = 'short'): string {
  return times({ dateStyle: 'medium', timeStyle }).format(new Date(iso));
}

/** "3 hours ago", "in 2 days". */
export function ago(iso: string | number, now: number = Date.now()): string {
  const seconds = (new Date(iso).getTime() - now) / 1000;
  const format = distances({ numeric: 'auto' });
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [
    ['year', 31557600], ['month', 2629800], ['day', 86400], ['hour', 3600], ['minute', 60],
  ];
  for (const [unit, length] of steps) {
    if (Math.abs(seconds) >= length) return format.format(Math.trunc(seconds / length), unit);
  }
  return format.format(Math.trunc(seconds), 'second');
}

/** Shows what a name hides: controls, zero-width and direction marks become visible signs. */
export function visible(name: string): string {
  return name.replace(HIDDEN, written);
}

const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g;

function written(sign: string): string {
  return `⟨${(sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`;
}

/** The same for prose: lines and columns stay, and so do joiners where a script or an emoji is written with them. */
export function visibleProse(text: string): string {
  return text.replace(HIDDEN, (sign, at: number) => (/[\t\n\r]/.test(sign) || isJoined(text, at) ? sign : written(sign)));
}

const JOINS = /^[\p{L}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}]/u;

function isJoined(text: string, at: number): boolean {
  const before = [...text.slice(Math.max(0, at - 2), at)].at(-1) ?? '';
  return /[\u200c\u200d]/.test(text[at] ?? '') && JOINS.test(before) && JOINS.test(text.slice(at + 1, at + 3));
}

/** Of a time of the API; none lasts for ever. */
export function isPast(time: string | null | undefined): boolean {
  return time != null && new Date(time).getTime() <= Date.now();
}

const MOST_SHOWN = 120;
const LAST_SHOWN = 40;

/** The same for a name of any length: of a long one the beginning and the end, where its kind stands. */
export function clipped(name: string): string {
  const signs = [...name];
  if (signs.length <= MOST_SHOWN) return visible(name);
  return `${visible(signs.slice(0, MOST_SHOWN - LAST_SHOWN).join(''))}…${visible(signs.slice(-LAST_SHOWN).join(''))}`;
}
