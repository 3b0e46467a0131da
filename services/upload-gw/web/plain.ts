// The pages without JavaScript, made at the build: page.html in each language, and the words of the gateway's refusals
// (errors.def) beside it. Texts that the upload page has too are taken from its tables.
import type { Plugin } from 'vite';
import type { Text, Words } from '../../../shared/web/i18n.svelte';
import { en } from './src/words/en';
import { ru } from './src/words/ru';

const pageEn = {
  lang: 'en',
  plain_size: 'Size in bytes',
  plain_left: 'Uploads left',
  plain_largest: 'Largest file in bytes',
  plain_refused: 'Not received',
  plain_lost: 'There is nothing here',
  plain_sent: 'Your file has arrived. Its receipt cannot be shown at the moment: load this page again shortly.',
  plain_file: 'File, or an archive of several',
  plain_hint: 'The answer shows the size and the SHA-256 of what arrived. A broken or refused upload costs nothing: send it again.',
  plain_token_hint: 'Support gave it to you with the ticket: it is what follows the # in the link, or paste the whole link.',
};
const pageRu: Words<keyof typeof pageEn> = {
  lang: 'ru',
  plain_size: 'Размер в байтах',
  plain_left: 'Осталось загрузок',
  plain_largest: 'Наибольший файл в байтах',
  plain_refused: 'Не получено',
  plain_lost: 'Здесь ничего нет',
  plain_sent: 'Ваш файл получен. Квитанцию сейчас показать нельзя: загрузите эту страницу чуть позже ещё раз.',
  plain_file: 'Файл или архив из нескольких',
  plain_hint: 'Ответ покажет размер и SHA-256 полученного. Прерванная или отклонённая загрузка ничего не стоит: отправьте ещё раз.',
  plain_token_hint: 'Его прислала поддержка вместе с обращением: это то, что в ссылке после знака #. Можно вставить ссылку целиком.',
};

const refusedEn = {
  BAD_REQUEST: 'No file came with the form, or its name cannot be read. Choose a file and send it again.',
  BAD_CHUNK: 'The browser sent the form in a way that cannot be read. Try another browser, or send the file from the command line.',
  BAD_BOUNDARY: 'The browser sent the form in a way that cannot be read. Try another browser, or send the file from the command line.',
  NO_FILENAME: 'The file came without a name. Choose it again and send it.',
  ONE_FILE: 'Only one file can be sent at a time. Send each by itself, or pack them into one archive. No upload is lost.',
  NAME_TOO_LONG: 'The name of the file is too long. Rename it to fewer than 60 characters and send it again.',
  EMPTY_FILE: 'The submitted file is empty. Check the file and send it again.',
  TRUNCATED: 'The connection ended before the whole file had arrived. Send it again.',
  TOKEN_MISSING: 'The address lacks the upload token. Open the link that support sent, whole.',
  TOKEN_INVALID: en.err_unknown,
  NOT_FOUND: 'The address is wrong. To send files, open the link that support sent, or enter the upload token from it.',
  TIMEOUT: 'Nothing arrived for too long. Check your connection and send the file again.',
  GONE: en.err_gone,
  TOO_LARGE: 'The file is larger than the {limit} bytes accepted here. Send less, in several archives if need be, or ask support.',
  RESOLVED: en.err_resolved,
  EXPIRED: en.err_closed,
  IN_USE: 'All uploads left are taken by uploads that are still running. Try again when one has ended.',
  THROTTLED: en.err_rate,
  UPLOADS_NETWORK: 'Too many uploads from your network are under way. Try again when one has ended.',
  UPLOADS_TICKET: 'Too many uploads under this ticket are under way. Try again when one has ended.',
  STORAGE: 'The storage failed and nothing was kept. Try again; if it stays so, tell support.',
  UNAVAILABLE: en.err_unavailable,
  NO_SPACE: en.err_no_space,
};
const refusedRu: Words<keyof typeof refusedEn> = {
  BAD_REQUEST: 'В форме не было файла, или его имя не читается. Выберите файл и отправьте ещё раз.',
  BAD_CHUNK: 'Браузер отправил форму так, что её нельзя прочитать. Попробуйте другой браузер или отправьте файл из командной строки.',
  BAD_BOUNDARY: 'Браузер отправил форму так, что её нельзя прочитать. Попробуйте другой браузер или отправьте файл из командной строки.',
  NO_FILENAME: 'Файл пришёл без имени. Выберите его ещё раз и отправьте.',
  ONE_FILE: 'За один раз можно отправить только один файл. Отправьте каждый отдельно или упакуйте их в один архив. Попытка не потрачена.',
  NAME_TOO_LONG: 'Имя файла слишком длинное. Переименуйте его, чтобы в имени было меньше 60 знаков, и отправьте ещё раз.',
  EMPTY_FILE: 'Отправленный файл пуст. Проверьте файл и отправьте ещё раз.',
  TRUNCATED: 'Соединение прервалось раньше, чем пришёл весь файл. Отправьте его ещё раз.',
  TOKEN_MISSING: 'В адресе нет кода загрузки. Откройте ссылку от поддержки целиком.',
  TOKEN_INVALID: ru.err_unknown,
  NOT_FOUND: 'Адрес неверен. Чтобы отправить файлы, откройте ссылку от поддержки или введите код загрузки из неё.',
  TIMEOUT: 'Слишком долго ничего не приходило. Проверьте связь и отправьте файл ещё раз.',
  GONE: ru.err_gone,
  TOO_LARGE: 'Файл больше {limit} байт, которые здесь принимаются. Отправьте меньше, если нужно — несколькими архивами, или обратитесь в поддержку.',
  RESOLVED: ru.err_resolved,
  EXPIRED: ru.err_closed,
  IN_USE: 'Все оставшиеся загрузки заняты теми, что ещё идут. Попробуйте снова, когда одна из них закончится.',
  THROTTLED: ru.err_rate,
  UPLOADS_NETWORK: 'Из вашей сети идёт слишком много загрузок сразу. Попробуйте снова, когда одна из них закончится.',
  UPLOADS_TICKET: 'По этому обращению идёт слишком много загрузок сразу. Попробуйте снова, когда одна из них закончится.',
  STORAGE: 'Хранилище отказало, ничего не сохранено. Попробуйте ещё раз; если не поможет, сообщите поддержке.',
  UNAVAILABLE: ru.err_unavailable,
  NO_SPACE: ru.err_no_space,
};

type Table = Record<string, Text>;
const LANGUAGES: Record<string, { page: Table; refused: Table }> = {
  en: { page: { ...en, ...pageEn }, refused: refusedEn },
  ru: { page: { ...ru, ...pageRu }, refused: refusedRu },
};

function textIn(table: Table, key: string): string {
  const text = table[key];
  if (typeof text !== 'string') throw new Error(`page.html: there is no plain text ${key}`);
  return text.replace(/[&<>"]/g, (c) => `&#${c.codePointAt(0)};`);
}

/** A page that runs no script is not to load one either: what vite put there belongs to the upload page. */
function withoutScript(page: string): string {
  return page.replace(/<script\b.*?<\/script>|<link rel="modulepreload"[^>]*>/gs, '<!--#app-->$&<!--/app-->');
}

export function plainPages(): Plugin {
  return {
    name: 'plain-pages',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const page = bundle['page.html'];
      if (page?.type !== 'asset') return;
      const source = withoutScript(String(page.source));
      delete bundle['page.html'];
      for (const [lang, { page: table, refused }] of Object.entries(LANGUAGES)) {
        this.emitFile({ type: 'asset', fileName: `page.${lang}.html`, source: source.replace(/\[\[(\w+)\]\]/g, (_, key: string) => textIn(table, key)) });
        this.emitFile({ type: 'asset', fileName: `words.${lang}`, source: Object.entries(refused).map(([id, text]) => `${id} ${text}\n`).join('') });
      }
    },
  };
}
