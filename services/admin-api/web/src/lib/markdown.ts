// Notes: Markdown to HTML that can do nothing. Anything but the listed elements and attributes falls out.
import DOMPurify from 'dompurify';
import { marked } from 'marked';
import { visibleProse } from '../../../../../shared/web/format.svelte';

const ALLOWED_TAGS = [
  'p', 'br', 'strong', 'em', 'del', 'code', 'pre', 'blockquote', 'ul', 'ol', 'li', 'a', 'hr',
  'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'table', 'thead', 'tbody', 'tr', 'th', 'td',
];

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

// HTML written into a note is shown as text; DOMPurify is the second lock.
marked.use({
  renderer: {
    html: ({ text }) => text.replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c),
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
  },
});

DOMPurify.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName !== 'A' || !node.hasAttribute('href')) return;
  node.setAttribute('rel', 'noopener noreferrer nofollow');
  node.setAttribute('target', '_blank');
});

// Text may not turn around or hide what stands beside it.
DOMPurify.addHook('afterSanitizeElements', (node) => {
  if (node.nodeType === Node.TEXT_NODE && node.nodeValue) node.nodeValue = visibleProse(node.nodeValue);
});

export function markdown(text: string): string {
  const html = marked.parse(text, { async: false, gfm: true, breaks: true });
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS,
    ALLOWED_ATTR: ['href'],
    ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  });
}
