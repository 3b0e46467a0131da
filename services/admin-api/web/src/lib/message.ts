// The message an engineer pastes into the help desk, in the customer's language.
import type { Lang } from '../../../../../shared/web/i18n.svelte';
import { lines } from '../../../../../shared/web/lines';

interface Facts {
  number: number;
  product: string;
  token: string;
  expiresAt: string | null;
}

const WORDS = {
  en: (number: number, product: string) => `Please send us the files for ticket ${number} (${product}).\n\nOpen this link and drop them there:`,
  ru: (number: number, product: string) => `Пожалуйста, пришлите нам файлы по обращению ${number} (${product}).\n\nОткройте эту ссылку и перетащите их туда:`,
};
const FROM_CONSOLE = { en: 'Or from the command line', ru: 'Или из командной строки' };
const PLAIN = { en: 'If that page stays empty (a browser without JavaScript), open this one', ru: 'Если та страница не открывается (браузер без JavaScript), откройте эту' };
const UNTIL = { en: 'The link works until', ru: 'Ссылка действует до' };

// The customer may sit in another zone than the engineer.
const WITH_ZONE: Intl.DateTimeFormatOptions = { year: 'numeric', month: 'long', day: 'numeric', hour: '2-digit', minute: '2-digit', timeZoneName: 'short' };

export function message(base: string, facts: Facts, language: Lang): string {
  const { link, plain, curl, powershell } = lines(base, facts.token);
  const parts = [
    `${WORDS[language](facts.number, facts.product)}\n${link}`,
    `${PLAIN[language]}:\n${plain}`,
    `${FROM_CONSOLE[language]} (curl):\n${curl}`,
    `${FROM_CONSOLE[language]} (PowerShell):\n${powershell}`,
  ];
  if (facts.expiresAt) {
    const date = new Intl.DateTimeFormat(language, WITH_ZONE).format(new Date(facts.expiresAt));
    parts.push(`${UNTIL[language]} ${date}.`);
  }
  return parts.join('\n\n');
}
