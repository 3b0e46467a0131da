// One upload at a time through Uppy: tus with resuming, and Golden Retriever for reloads and crashes.
// Owns the state the page shows; must not draw. The token goes into a header of each request and is stored nowhere.
import Uppy from '@uppy/core';
import GoldenRetriever from '@uppy/golden-retriever';
import Tus from '@uppy/tus';
import { dropMark, dropResumption, readMark, writeMark, type Mark } from './mark';
import { fingerprint, tarName, tarOf, type Entry } from './tar';
import { keptName, sentName } from './names';
import { isReadable } from './pick';
import { giveUp, troubleOf, type Receipt, type Refusal, type Trouble } from './status';
import type { Key } from './words';

export type Phase = 'idle' | 'chosen' | 'sending' | 'paused' | 'done' | 'failed' | 'interrupted' | 'elsewhere';

// Larger files are not copied into the browser's storage: they are chosen again. (Uppy's type leaves these two out.)
const KEPT: { name?: string; maxFileSize: number; maxTotalSize: number } = { maxFileSize: 64 << 20, maxTotalSize: 128 << 20 };
const RETRY_DELAYS = [500, 1000, 2000, 4000, 8000, ...Array<number>(5000).fill(15000)]; // for a day
const SPEED_WINDOW_MS = 8000;
// The ticket tells more of these than the refusal itself.
const ASK_AGAIN = [401, 403, 404, 413, 423];
const CLOSED: Key[] = ['err_closed', 'err_resolved'];
// A whole file goes as it is: browsers take a slice of it through two more processes.
const READER = {
  openFile: (whole: Blob) => Promise.resolve({
    size: whole.size,
    slice: (from: number, to: number) => Promise.resolve({ value: from === 0 && to >= whole.size ? whole : whole.slice(from, to), done: to >= whole.size }),
    close: () => undefined,
  }),
};
const SILENT = { debug: () => undefined, warn: () => undefined, error: () => undefined }; // the page itself says what failed

interface Meta {
  [key: string]: unknown;
  name: string;
  type?: string;
}

interface Exchange {
  getMethod(): string;
  getURL(): string;
}

type Answered = { originalResponse?: { getStatus(): number; getBody(): string } | null };

function refusalIn(error: unknown): Refusal {
  const response = (error as Answered).originalResponse;
  if (!response) return { status: 0 };
  try {
    return { status: response.getStatus(), ...(JSON.parse(response.getBody()) as object) };
  } catch {
    return { status: response.getStatus() };
  }
}

function idIn(url: string): string {
  return url.replace(/\/$/, '').split('/').pop() ?? '';
}

export class Engine {
  phase = $state<Phase>('idle');
  name = $state('');
  files = $state(1);
  sent = $state(0);
  total = $state(0);
  speed = $state(0); // bytes per second; 0: not known yet
  trouble = $state<Trouble | null>(null);
  receipt = $state<Receipt | null>(null);
  limit = 0; // bytes of one upload, as the ticket tells; 0: not known

  #uppy: Uppy<Meta, Record<string, never>>;
  #samples: [number, number][] = [];
  #place: string; // of the lock and of the mark
  #upload = ''; // the gateway's id of what is under way
  #left = ''; // and of what was, before something else was chosen
  #sha256 = ''; // of what has arrived, as the last answer said
  #arrived: Receipt[] = []; // as the gateway told last
  #unlock: (() => void) | null = null;
  #choices = 0;
  #chosen: File[] = [];
  #rereading = false;
  #taking: Promise<boolean> | null = null; // asked for twice at once, it would refuse itself

  constructor(
    private readonly token: string,
    private readonly receiptOf: (uploadId: string) => Promise<Receipt | null>,
    private readonly askAgain: () => Promise<void>,
  ) {
    const id = `lc-upload-${fingerprint(token)}`;
    this.#place = id;
    this.#uppy = new Uppy<Meta, Record<string, never>>({
      id,
      autoProceed: false,
      allowMultipleUploadBatches: true,
      restrictions: { maxNumberOfFiles: 1 },
      infoTimeout: 0,
      logger: SILENT,
    });
    this.#uppy.use(Tus, {
      endpoint: '/api/v1/uploads/',
      headers: { 'Upload-Token': token },
      allowedMetaFields: ['name', 'type'],
      retryDelays: RETRY_DELAYS,
      removeFingerprintOnSuccess: true,
      limit: 1,
      fileReader: READER,
      onAfterResponse: (request, response) => {
        this.#sha256 = response.getHeader('Upload-Sha256') ?? '';
        this.#known(request, response.getHeader('Location'));
      },
      onShouldRetry: (error, _attempt, _options, _next) => this.#shouldRetry(error),
    });
    this.#uppy.use(GoldenRetriever, { indexedDB: KEPT });
    this.#uppy.on('upload-progress', (_file, progress) => this.#progress(progress.bytesUploaded || 0));
    this.#uppy.on('upload-success', (_file, response) => void this.#succeeded(response.uploadURL ?? ''));
    this.#uppy.on('complete', (result) => this.#forget(result?.successful?.length ?? 0));
    this.#uppy.on('upload-error', (_file, error) => void this.#failed(refusalIn(error)));
    this.#uppy.on('restored', () => void this.#restored());
    window.addEventListener('online', () => this.#hurry());
    void this.#remember();
  }

  get left(): number {
    return this.speed > 0 ? (this.total - this.sent) / this.speed : 0;
  }

  get canResume(): boolean {
    void [this.phase, this.trouble]; // Uppy's files, no state of the page's, change with these
    return this.#uppy.getFiles().some((file) => file.data != null && !('isGhost' in file && file.isGhost));
  }

  choose(entries: Entry[]): void {
    const [only] = entries;
    if (!only) return;
    const single = entries.length === 1 && !only.path.includes('/');
    const data = single ? only.file : tarOf(entries);
    const name = single ? only.file.name : tarName(entries);
    this.#left = this.#upload || this.#left;
    this.#clear();
    this.#choices += 1;
    this.#chosen = entries.map((entry) => entry.file);
    this.#letGo(); // of what was restored and is not wanted: else no other tab could send
    this.name = name;
    this.trouble = this.#unfit(entries, data, name);
    if (this.trouble) {
      this.phase = 'failed';
      return;
    }
    this.receipt = null;
    this.files = entries.length;
    this.total = data.size;
    this.sent = 0;
    this.#samples = [];
    this.#uppy.addFile({ name: sentName(name), type: data.type || 'application/octet-stream', data, source: 'page' });
    this.phase = 'chosen';
  }

  /** What the gateway would refuse, said before a byte goes. */
  #unfit(entries: Entry[], data: Blob, name: string): Trouble | null {
    if (entries.every((entry) => entry.file.size === 0)) return { key: 'err_empty', retry: false };
    if (keptName(name) === '') return { key: 'err_name', retry: false };
    return this.limit > 0 && data.size > this.limit ? { key: 'err_too_large', values: { limit: this.limit }, retry: false } : null;
  }

  async begin(): Promise<void> {
    const alone = (await this.#take()) && (this.#unlock !== null || (await this.#take())); // what was restored may have let go
    if (!alone) return this.#wait();
    this.#send();
    await this.#uppy.upload().catch(() => undefined); // upload-error has told
  }

  pause(): void {
    this.#mark(false);
    this.#uppy.pauseAll();
    this.phase = 'paused';
    this.speed = 0;
    this.#samples = [];
  }

  resume(): void {
    this.#send();
    this.#uppy.resumeAll();
  }

  /** Goes on with what a reload or a crash interrupted and the browser still has. */
  async goOn(): Promise<void> {
    if (!(await this.#take())) return this.#wait();
    const [file] = this.#uppy.getFiles();
    if (!file) return;
    this.#send();
    this.#uppy.setState({ currentUploads: {}, recoveredState: null });
    await this.#uppy.retryUpload(file.id).catch(() => undefined); // upload-error has told
  }

  async again(): Promise<void> {
    this.#send();
    await this.#uppy.retryAll().catch(() => undefined);
  }

  cancel(): void {
    this.#uppy.cancelAll();
    this.reset();
  }

  /** What has come of it is not wanted any more: it would hold one of the ticket's uploads. */
  forget(): void {
    this.#giveUp(this.#upload);
    this.reset();
  }

  #giveUp(upload: string): void {
    if (upload === '') return;
    dropResumption(upload);
    void giveUp(this.token, upload);
  }

  reset(): void {
    this.#clear();
    this.#letGo();
    Object.assign(this, { phase: 'idle', name: '', sent: 0, total: 0, speed: 0, trouble: null, receipt: null });
  }

  /** Before the first byte goes: from now on a reload goes on by itself. */
  #send(): void {
    this.#mark(true);
    this.phase = 'sending';
    this.trouble = null;
  }

  #mark(going: boolean): void {
    const [file] = this.#uppy.getFiles();
    if (file) writeMark(this.#place, { file: file.id, name: this.name, size: this.total, upload: this.#upload, going });
  }

  /** Before the first byte goes: a reload can ask the gateway whether all of them arrived. */
  #known(request: Exchange, location: string | undefined): void {
    const id = idIn(request.getMethod() === 'POST' ? (location ?? '') : request.getURL());
    if (id === '' || id === this.#upload) return;
    this.#upload = id;
    this.#mark(this.phase === 'sending');
  }

  #clear(): void {
    dropMark(this.#place);
    this.#upload = '';
    this.#empty();
  }

  /** Uppy's clear() keeps the batches a reload left behind, and a file that belongs to one is never sent again. */
  #empty(): void {
    this.#uppy.clear();
    this.#uppy.setState({ currentUploads: {} });
  }

  // -- what Uppy tells

  #progress(bytes: number): void {
    const now = performance.now();
    if (bytes > this.sent && this.trouble) this.trouble = null;
    this.sent = bytes;
    this.#samples.push([now, bytes]);
    while (this.#samples.length > 2 && now - (this.#samples[0]?.[0] ?? now) > SPEED_WINDOW_MS) this.#samples.shift();
    const [first] = this.#samples;
    if (first && now - first[0] > 500) this.speed = Math.max(0, ((bytes - first[1]) / (now - first[0])) * 1000);
  }

  #shouldRetry(error: unknown): boolean {
    const refusal = refusalIn(error);
    const trouble = troubleOf(refusal);
    if (refusal.status === 0) void this.#reread();
    if (trouble.key === 'err_in_use') {
      this.#giveUp(this.#left);
      this.#left = '';
    }
    if (trouble.retry) {
      this.trouble = trouble;
      this.speed = 0;
      this.#samples = [];
    }
    return trouble.retry;
  }

  /** Browsers say the same of a line that broke and of a file that was changed or deleted meanwhile. */
  async #reread(): Promise<void> {
    if (this.#rereading) return;
    this.#rereading = true;
    const choices = this.#choices;
    for (const file of this.#chosen) {
      if (choices !== this.#choices || this.phase !== 'sending') break;
      if (!(await isReadable(file))) this.#unreadable(file, choices);
    }
    this.#rereading = false;
  }

  #unreadable(file: File, choices: number): void {
    if (choices !== this.#choices || this.phase !== 'sending') return;
    this.cancel();
    this.trouble = { key: 'err_changed', values: { name: file.name }, retry: false };
    this.phase = 'failed';
  }

  async #failed(refusal: Refusal): Promise<void> {
    this.#mark(false);
    this.#letGo();
    if (ASK_AGAIN.includes(refusal.status)) await this.askAgain();
    this.trouble = refusal.status === 0 ? { key: 'err_unreadable', retry: false } : troubleOf(refusal);
    this.phase = 'failed';
  }

  /** The ticket takes uploads again: what it refused may be tried once more. */
  forgive(): void {
    if (this.trouble && CLOSED.includes(this.trouble.key)) this.trouble = null;
  }

  async #succeeded(url: string): Promise<void> {
    const id = idIn(url);
    this.sent = this.total;
    this.trouble = null;
    dropMark(this.#place);
    this.receipt = (await this.receiptOf(id)) ?? { upload_id: id, name: this.name, size: this.total, sha256: this.#sha256 };
    this.phase = 'done';
    this.#letGo();
  }

  /** What has arrived leaves the browser's storage. Not before its batch ends: Uppy still looks the file up till then. */
  #forget(arrived: number): void {
    if (arrived > 0) this.#clear();
  }

  /** Only of what the mark tells: Uppy writes its record later, and what it has beside the mark was over by then. */
  async #restored(): Promise<void> {
    const [file] = this.#uppy.getFiles();
    if (!file) return;
    const choices = this.#choices;
    const alone = await this.#take();
    if (choices !== this.#choices) return alone ? this.#letGo() : undefined; // something else was chosen meanwhile
    const mark = readMark(this.#place);
    if (!alone) return this.#wait(mark?.name ?? file.name);
    const mine = mark?.file === file.id;
    if (!mark || (mine && file.progress.uploadComplete)) return this.#over();
    if (!mine) this.#empty();
    this.sent = mine ? Number(file.progress.bytesUploaded) || 0 : 0;
    this.#interrupted(mark);
    if (this.phase === 'interrupted' && this.canResume && mark.going) await this.goOn();
  }

  /** What was under way although Uppy may know nothing of it; if it does, #restored() follows. */
  async #remember(): Promise<void> {
    const mark = readMark(this.#place);
    if (!mark) return;
    const alone = await this.#take();
    if (this.phase !== 'idle') return;
    if (alone) this.#interrupted(mark);
    else this.#wait(mark.name);
  }

  #over(): void {
    if (this.phase !== 'done') return this.reset();
    this.#clear();
    this.#letGo();
  }

  #interrupted(mark: Mark): void {
    Object.assign(this, { name: mark.name, total: mark.size, phase: 'interrupted' });
    this.#upload = mark.upload;
    this.#settle();
  }

  /** What has arrived under this token, each time the gateway tells. */
  hear(receipts: Receipt[]): void {
    this.#arrived = receipts;
    this.#settle();
  }

  /** What has arrived is not asked for again, whatever the browser still has of it. */
  #settle(): void {
    const receipt = this.#arrived.find((one) => one.upload_id === this.#upload);
    if (!receipt || this.phase !== 'interrupted') return;
    dropResumption(this.#upload);
    this.#clear();
    Object.assign(this, { receipt, sent: this.total, phase: 'done' });
    this.#letGo();
  }

  #hurry(): void {
    if (this.phase !== 'sending' || !this.trouble) return;
    this.#uppy.pauseAll();
    this.#uppy.resumeAll();
  }

  // -- one tab at a time: the lock goes with the tab, however it ends

  #take(): Promise<boolean> {
    if (this.#unlock || !navigator.locks) return Promise.resolve(true);
    this.#taking ??= new Promise<boolean>((resolve) => {
      void navigator.locks.request(this.#place, { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        return lock === null ? undefined : new Promise<void>((release) => (this.#unlock = release));
      });
    }).finally(() => (this.#taking = null));
    return this.#taking;
  }

  /** Until the other tab is done or closed. Only while this one is looked at: it must not step in when that one reloads. */
  #wait(name = this.name): void {
    if (this.phase === 'elsewhere') return;
    this.name = name;
    this.phase = 'elsewhere';
    let stop = new AbortController();
    const look = () => {
      stop.abort();
      if (this.phase !== 'elsewhere' || this.#unlock) return document.removeEventListener('visibilitychange', look);
      if (document.hidden) return;
      stop = new AbortController();
      const held = () => new Promise<void>((release) => {
        this.#unlock = release;
        void this.#turn();
      });
      navigator.locks.request(this.#place, { signal: stop.signal }, held).catch(() => undefined); // not looked at any more
    };
    document.addEventListener('visibilitychange', look);
    look();
  }

  /** The other tab is gone: what it left, or what was chosen here meanwhile. */
  async #turn(): Promise<void> {
    await this.askAgain(); // it may have sent this very file
    const mark = readMark(this.#place);
    if (mark) this.#interrupted(mark);
    else if (this.#choices > 0 && this.canResume) this.phase = 'chosen';
    else this.reset();
  }

  #letGo(): void {
    this.#unlock?.();
    this.#unlock = null;
  }
}
