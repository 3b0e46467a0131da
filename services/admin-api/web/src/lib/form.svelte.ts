// A form's fields with their errors beside them, and whether something typed is not saved yet.
import { ApiError, type FieldErrors } from './api';
import { explain } from './explain';

export class Form<T extends Record<string, unknown>> {
  values = $state({} as T);
  errors = $state<FieldErrors>({});
  failure = $state('');
  busy = $state(false);
  #saved: string;

  constructor(initial: T) {
    this.values = initial;
    this.#saved = JSON.stringify(initial);
  }

  get dirty(): boolean {
    return JSON.stringify(this.values) !== this.#saved;
  }

  /** Fills in for the reader what they need not type: nothing of it is lost by leaving. */
  fill(given: Partial<T>): void {
    Object.assign(this.values, given);
    this.#saved = JSON.stringify({ ...(JSON.parse(this.#saved) as T), ...given });
  }

  /** Of `all` what was changed here: the rest may have changed elsewhere since the form was opened. */
  changed(all: Record<string, unknown>): Record<string, unknown> {
    const saved = JSON.parse(this.#saved) as Record<string, unknown>;
    return Object.fromEntries(Object.entries(all).filter(([name]) => JSON.stringify(this.values[name]) !== JSON.stringify(saved[name])));
  }

  /** What was typed is saved, or of no use any more. */
  settle(): void {
    this.#saved = JSON.stringify(this.values);
  }

  /** Runs `save`; true if it went well. Field errors go to their fields, and the first wrong field gets the focus. */
  async submit(save: () => Promise<unknown>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.errors = {};
    this.failure = '';
    try {
      await save();
      this.settle();
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.errors = error.fields;
      const fields = Object.keys(error.fields);
      this.failure = fields.length > 0 && fields.every((name) => name in this.values) ? '' : explain(error);
      queueMicrotask(() => document.querySelector<HTMLElement>('form [aria-invalid="true"]')?.focus());
      return false;
    } finally {
      this.busy = false;
    }
  }
}
