// <input type="datetime-local"> speaks the reader's time, the API UTC.

export function toLocal(iso: string | null): string {
  if (!iso) return '';
  const date = new Date(iso);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}

/** null for an empty input. */
export function toIso(local: string): string | null {
  return local === '' ? null : new Date(local).toISOString();
}
