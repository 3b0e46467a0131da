// Refusals in the reader's language: what the API says in English is known by its code or its words.
import { lang } from '../../../../../shared/web/i18n.svelte';
import type { ApiError } from './api';
import { t, type Key } from '../words';

const BY_CODE: Record<string, Key> = {
  second_factor_required: 'err_second_factor',
  otp_required: 'err_otp_required',
  totp_exists: 'err_totp_exists',
  totp_missing: 'err_totp_missing',
  second_factor_unreadable: 'err_second_factor_unreadable',
  archive_lost: 'err_archive_lost',
  changed_meanwhile: 'err_changed_meanwhile',
};

const BY_STATUS: Record<number, Key> = {
  0: 'err_offline', 401: 'err_session', 403: 'err_forbidden', 404: 'err_not_found', 429: 'err_too_often', 500: 'err_server', 503: 'err_unavailable',
};

const BY_TEXT: [RegExp, Key][] = [
  [/^No active account/, 'err_credentials'],
  [/^This field is required|may not be blank|may not be null/, 'field_required'],
  [/315360000/, 'field_ten_years'],
  [/^Give an address of|^Give an https?:|^Leave (user|the part)/, 'field_url'],
  [/^This platform has a web hook/, 'field_hook_same'],
  [/^Give 16 to 200/, 'field_secret'],
  [/^This password is too short.* at least (\d+)/, 'field_password_short'],
  [/^This password is too long.* at most (\d+)/, 'field_password_long'],
  [/^This password is entirely numeric/, 'field_password_numeric'],
  [/^This password is too common/, 'field_password_common'],
  [/^This password is too similar/, 'field_password_similar'],
  [/^This password is wrong/, 'field_password_wrong'],
  [/^This one-time password/, 'field_otp_wrong'],
  [/^(You cannot|Change your own|Remove your own)/, 'field_self'],
  [/^Give a time in the future/, 'field_future'],
  [/^Give a list of one or more/, 'hook_events_none'],
  [/^You have (\d+) tokens already/, 'field_tokens'],
  [/^Give no more than 20 terms|^Give no more than 500/, 'field_terms'],
  [/valid integer|^Enter a number/, 'field_integer'],
  [/less than or equal to (\S+?)\.?$/, 'field_max'],
  [/greater than or equal to (\S+?)\.?$/, 'field_min'],
  [/no more than (\d+) characters/, 'field_long'],
  [/already exists/, 'field_taken'],
  [/^Object with name=(.*) does not exist/, 'field_unknown'],
  [/valid date/, 'field_date'],
  [/^Select a valid choice|^Give the names of at most|^The query string is malformed/, 'field_choice'],
  [/^Give a further filter/, 'field_narrow'],
  [/email/i, 'field_email'],
];

function byText(text: string): string | null {
  for (const [pattern, key] of BY_TEXT) {
    const found = pattern.exec(text);
    if (found) return t(key, { value: found[1] ?? '' });
  }
  return null;
}

/** One message about one field, in words for people. What is not known stays in English rather than unsaid. */
export function explainField(text: string): string {
  return byText(text) ?? text;
}

export function explain(error: ApiError): string {
  const coded = BY_CODE[error.code];
  if (coded) return t(coded);
  if (lang() === 'en' && error.detail !== '' && ![401, 404].includes(error.status)) return error.detail;
  const said = byText(error.detail) ?? (BY_STATUS[error.status] ? t(BY_STATUS[error.status] as Key) : '');
  if (said !== '') return said;
  const fields = Object.values(error.fields).flat().map(explainField).join(' ');
  return fields || error.detail || t('err_other', { status: error.status });
}
