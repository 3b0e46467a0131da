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

  /** Runs `save`; true if it went well. Field errors go to their fields, and the first wrong field gets the focus. */
  async submit(save: () => Promise<unknown>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.errors = {};
    this.failure = '';
    try {
      await save();
      this.#saved = JSON.stringify(this.values);
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.errors = error.fields;
      const known = Object.keys(error.fields).some((name) => name in this.values);
      this.failure = known ? '' : explain(error);
      queueMicrotask(() => document.querySelector<HTMLElement>('form [aria-invalid="true"]')?.focus());
      return false;
    } finally {
      this.busy = false;
    }
  }
}
