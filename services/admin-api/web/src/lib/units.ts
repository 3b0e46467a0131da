// Units people count in, named by Intl in the reader's language and the number's plural form.
import { number, numbers } from '../../../../../shared/web/format.svelte';

export interface Unit {
  factor: number;
  name: (count: number) => string;
}

function unit(factor: number, name: string): Unit {
  const said = (count: number) => numbers({ style: 'unit', unit: name, unitDisplay: 'long' }).formatToParts(count);
  return { factor, name: (count) => said(count).find((part) => part.type === 'unit')?.value ?? name };
}

export const PERIODS = [unit(1, 'second'), unit(60, 'minute'), unit(3600, 'hour'), unit(86400, 'day')];
export const SIZES = [unit(1, 'byte'), unit(1e3, 'kilobyte'), unit(1e6, 'megabyte'), unit(1e9, 'gigabyte'), unit(1e12, 'terabyte')];

/** `value` in the largest unit it is a whole number of; an empty one waits in `first`. */
export function largest(units: Unit[], value: string, first: number): { text: string; factor: number } {
  const count = Number(value);
  if (value === '' || count === 0 || Number.isNaN(count)) return { text: value, factor: first };
  const factor = units.reduce((best, { factor: one }) => (count % one === 0 && one > best ? one : best), 1);
  return { text: String(count / factor), factor };
}

/** "90 days": a period as a sentence has it. */
export function period(seconds: number): string {
  const { text, factor } = largest(PERIODS, String(seconds), 1);
  const name = PERIODS.find((one) => one.factor === factor)?.name(Number(text)) ?? '';
  return `${number(Number(text))} ${name}`;
}
