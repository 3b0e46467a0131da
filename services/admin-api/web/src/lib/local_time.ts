// <input type="datetime-local"> speaks the reader's time, the API UTC.

export function toLocal(iso: string | null): string {
  if (!iso) return '';
  const date = new Date(iso);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}

const INPUT = /^\d{4}-\d\d-\d\dT\d\d:\d\d/; // what else Date takes for a time ("0", "may") depends on the browser

/** null for an empty input. What is no time goes as it is: an address may hold anything, and the API says what is wrong. */
export function toIso(local: string): string | null {
  const time = new Date(INPUT.test(local) ? local : NaN);
  return local === '' ? null : Number.isNaN(time.getTime()) ? local : time.toISOString();
}
